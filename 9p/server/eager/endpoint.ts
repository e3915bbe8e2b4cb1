import { AF_INET, AF_INET6 } from "./libc.ts";

/** An address and a port as sockaddr has them, an IPv4 address in its IPv6 form: 16 bytes and 2. */
export type Endpoint = readonly number[];

/** `struct sockaddr_in`: u16 family; be16 port; u8 addr[4]. `sockaddr_in6`: u16, be16, u32 flowinfo; u8 addr[16]. */
export function holds(sockaddr: Uint8Array, wanted: Endpoint): boolean {
  const family = sockaddr[0] | sockaddr[1] << 8;
  if (sockaddr[2] !== wanted[16] || sockaddr[3] !== wanted[17]) return false;
  if (family === AF_INET6) return wanted.every((byte, i) => i >= 16 || sockaddr[8 + i] === byte);
  if (family !== AF_INET || !MAPPED.every((byte, i) => wanted[i] === byte)) return false;
  return [0, 1, 2, 3].every((i) => sockaddr[4 + i] === wanted[12 + i]);
}

/** What an IPv4 address has before it in IPv6, RFC 4291 2.5.5.2. */
const MAPPED = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff];

export function endpoint(address: Deno.Addr): Endpoint | undefined {
  if (address.transport !== "tcp") return undefined;
  const { hostname, port } = address as Deno.NetAddr;
  const bytes = hostname.includes(":") ? ipv6(hostname) : ipv4(hostname)?.toSpliced(0, 0, ...MAPPED);
  return bytes && [...bytes, port >> 8, port & 0xff];
}

function ipv4(text: string): number[] | undefined {
  const bytes = text.split(".").map(Number);
  return bytes.length === 4 && bytes.every((byte) => byte >= 0 && byte <= 255) ? bytes : undefined;
}

/** As RFC 5952 writes it; a scope after `%` says nothing that the address and port of both ends do not. */
function ipv6(text: string): number[] | undefined {
  const [head, tail] = text.replace(/%.*/, "").split("::").map(groups);
  if (!head || (tail === undefined && head.length !== 16)) return undefined;
  const missing = 16 - head.length - (tail?.length ?? 0);
  if (missing < 0) return undefined;
  return [...head, ...new Array(missing).fill(0), ...tail ?? []];
}

function groups(text: string): number[] {
  if (text === "") return [];
  return text.split(":").flatMap((group) => {
    if (group.includes(".")) return ipv4(group) ?? [];
    const value = parseInt(group, 16);
    return [value >> 8, value & 0xff];
  });
}
