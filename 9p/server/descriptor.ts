import {
  AF_INET,
  AF_INET6,
  EAGAIN,
  ECONNRESET,
  EINTR,
  F_DUPFD_CLOEXEC,
  MSG_DONTWAIT,
  MSG_NOSIGNAL,
  SOCKET_SYMBOLS,
} from "./socket_symbols.ts";

/** Descriptors that are looked at for one socket: about a millisecond at worst. */
const DESCRIPTORS_MAX = 4096;

/** A second descriptor of a TCP socket that Deno has open: it stays that socket, whatever Deno closes. */
export class Descriptor {
  #fd: number;

  private constructor(readonly libc: Libc, fd: number) {
    this.#fd = fd;
  }

  /**
   * Finds the socket of a connection that is open. Its two addresses belong to no other socket, and they are compared
   * on the copy, whose number nobody else can close. Undefined where it is not found, or where there is no libc.
   */
  static of(conn: Deno.TcpConn): Descriptor | undefined {
    if (!libc) return undefined;
    const local = endpoint(conn.localAddr);
    const remote = endpoint(conn.remoteAddr);
    if (!local || !remote) return undefined;
    for (let fd = 0; fd < DESCRIPTORS_MAX; fd++) {
      if (!isBetween(libc, fd, local, remote)) continue;
      const copy = libc.fcntl(fd, F_DUPFD_CLOEXEC, 0);
      if (copy < 0) return undefined;
      if (isBetween(libc, copy, local, remote)) return new Descriptor(libc, copy);
      libc.close(copy);
    }
    return undefined;
  }

  /** Whether it can work here at all. */
  static get isPossible(): boolean {
    return libc !== undefined;
  }

  /** Takes what is there: the number of bytes, 0 at the end, -1 if nothing is there yet. */
  receive(into: Uint8Array): number {
    const count = this.libc.recv(
      this.#open(),
      into as Uint8Array<ArrayBuffer>,
      into.byteLength,
      MSG_DONTWAIT,
    );
    if (count >= 0) return count;
    const number = this.libc.errno();
    if (number === EAGAIN || number === EINTR) return -1;
    if (number === ECONNRESET) throw new Deno.errors.ConnectionReset("The client reset the connection");
    throw new Error(`recv failed with error ${number}`);
  }

  /** Lets another thread run that waits for this processor: it may be the client's. */
  yield(): void {
    this.libc.sched_yield();
  }

  /** Sends what the kernel takes at once; 0 if that is nothing, or if sending fails: the next write tells why. */
  send(bytes: Uint8Array): number {
    const from = bytes as Uint8Array<ArrayBuffer>;
    return Math.max(0, this.libc.send(this.#open(), from, from.byteLength, MSG_DONTWAIT | MSG_NOSIGNAL));
  }

  close(): void {
    if (this.#fd < 0) return;
    this.libc.close(this.#fd);
    this.#fd = -1;
  }

  #open(): number {
    if (this.#fd < 0) throw new Deno.errors.BadResource("The descriptor is closed");
    return this.#fd;
  }
}

interface Libc {
  sched_yield(): number;
  errno(): number;
  fcntl(fd: number, command: number, argument: number): number;
  close(fd: number): number;
  getsockname(fd: number, address: Uint8Array<ArrayBuffer>, length: Uint32Array<ArrayBuffer>): number;
  getpeername(fd: number, address: Uint8Array<ArrayBuffer>, length: Uint32Array<ArrayBuffer>): number;
  recv(fd: number, into: Uint8Array<ArrayBuffer>, length: number, flags: number): number;
  send(fd: number, from: Uint8Array<ArrayBuffer>, length: number, flags: number): number;
}

const libc = openLibc();

/** Undefined wherever it is not to be had; nobody is asked for a permission. */
function openLibc(): Libc | undefined {
  try {
    if (Deno.build.os !== "linux") return undefined;
    if (Deno.permissions.querySync({ name: "ffi" }).state !== "granted") return undefined;
    const { symbols } = Deno.dlopen("libc.so.6", SOCKET_SYMBOLS);
    // errno belongs to the thread, and an isolate stays on its thread (servers/host/libc/libc.ts).
    const cell = new Int32Array(Deno.UnsafePointerView.getArrayBuffer(symbols.__errno_location()!, 4));
    // Deno's types ask for a bigint as a size; its calls take a number as well, and faster.
    return { ...symbols, errno: () => cell[0] } as unknown as Libc;
  } catch {
    return undefined;
  }
}

/** An address and a port as sockaddr has them, an IPv4 address in its IPv6 form: 16 bytes and 2. */
type Endpoint = readonly number[];

const sockaddr = new Uint8Array(new ArrayBuffer(128));
const sockaddrLength = new Uint32Array(new ArrayBuffer(8), 0, 1);

function isBetween(libc: Libc, fd: number, local: Endpoint, remote: Endpoint): boolean {
  sockaddrLength[0] = sockaddr.byteLength;
  if (libc.getpeername(fd, sockaddr, sockaddrLength) !== 0 || !holds(remote)) return false;
  sockaddrLength[0] = sockaddr.byteLength;
  return libc.getsockname(fd, sockaddr, sockaddrLength) === 0 && holds(local);
}

/** `struct sockaddr_in`: u16 family; be16 port; u8 addr[4]. `sockaddr_in6`: u16, be16, u32 flowinfo; u8 addr[16]. */
function holds(wanted: Endpoint): boolean {
  const family = sockaddr[0] | sockaddr[1] << 8;
  if (sockaddr[2] !== wanted[16] || sockaddr[3] !== wanted[17]) return false;
  if (family === AF_INET6) return wanted.every((byte, i) => i >= 16 || sockaddr[8 + i] === byte);
  if (family !== AF_INET || !MAPPED.every((byte, i) => wanted[i] === byte)) return false;
  return [0, 1, 2, 3].every((i) => sockaddr[4 + i] === wanted[12 + i]);
}

/** What an IPv4 address has before it in IPv6, RFC 4291 2.5.5.2. */
const MAPPED = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff];

function endpoint(address: Deno.Addr): Endpoint | undefined {
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
