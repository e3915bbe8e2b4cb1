import { NineError } from "./error.ts";

/** Where a 9P server is: a Plan 9 dial string, taken apart. */
export type Address =
  | { net: "tcp"; host: string; port: number }
  | { net: "unix"; path: string };

/** sockaddr_un has room for this many bytes. */
const UNIX_PATH_BYTES_MAX = 107;
/** The port of 9P in services(5). */
export const PORT_9P = 564;

/**
 * Takes `tcp!host!port`, `tcp!host`, `unix!path`, and what people write instead: `host:port`, `[v6]:port`, `/a/path`.
 * A path may have a `!` in it: all that follows `unix!` is the path, and so is what has a slash before its first `!`.
 * Throws EINVAL with the reason.
 */
export function parseAddress(text: string): Address {
  const parts = text.split("!");
  if (text.startsWith("unix!")) return unixAddress(text.slice("unix!".length), text);
  if ((parts[0] === "tcp" || parts[0] === "net") && (parts.length === 2 || parts.length === 3)) {
    return tcpAddress(parts[1], parts[2] ?? String(PORT_9P), text);
  }
  if (parts[0].includes("/")) return unixAddress(text, text);
  const pair = /^(?:\[([^\]]+)\]|([^:]+)):(\w+)$/.exec(text);
  if (parts.length === 1 && pair) return tcpAddress(pair[1] ?? pair[2], pair[3], text);
  throw new NineError(
    "EINVAL",
    `${
      JSON.stringify(text)
    } is no address: write tcp!host!port, unix!/path/of/socket, host:port or /path/of/socket`,
  );
}

/** The dial string of an address. */
export function formatAddress(address: Address): string {
  return address.net === "unix" ? `unix!${address.path}` : `tcp!${address.host}!${address.port}`;
}

function tcpAddress(host: string, service: string, text: string): Address {
  const port = service === "9pfs" ? PORT_9P : Number(service);
  if (host === "" || !Number.isInteger(port) || port < 0 || port > 65535) {
    throw new NineError("EINVAL", `${JSON.stringify(text)}: a host and a port from 0 to 65535 are needed`);
  }
  return { net: "tcp", host: host === "*" ? "0.0.0.0" : host, port };
}

function unixAddress(path: string, text: string): Address {
  const bytes = new TextEncoder().encode(path).byteLength;
  if (bytes === 0 || bytes > UNIX_PATH_BYTES_MAX) {
    throw new NineError(
      "EINVAL",
      `${
        JSON.stringify(text)
      }: the path of a unix socket has 1 to ${UNIX_PATH_BYTES_MAX} bytes, this one ${bytes}`,
    );
  }
  return { net: "unix", path };
}
