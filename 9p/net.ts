import { type Address, formatAddress } from "./address.ts";
import { Errno, type ErrnoName } from "./errno.ts";
import { NineError, reasonOf } from "./error.ts";
import type { Duplex } from "./server/connection.ts";

/**
 * Connects to an address. TCP goes without Nagle's delay: every request waits for its reply.
 *
 * Throws a NineError whose message says what to do: ECONNREFUSED where nobody listens, ENOENT where there is no such
 * socket, EACCES where it may not be opened, EHOSTUNREACH where the host is unknown or away, ETIMEDOUT. Once `signal`
 * is aborted it throws the signal's reason.
 */
export async function dial(address: Address, signal?: AbortSignal): Promise<Duplex> {
  signal?.throwIfAborted();
  const connecting: Promise<Deno.TcpConn | Deno.UnixConn> = address.net === "unix"
    ? Deno.connect({ transport: "unix", path: address.path })
    : connectTcp(address.host, address.port, signal);
  try {
    return await unlessAborted(connecting, signal);
  } catch (thrown) {
    signal?.throwIfAborted();
    throw dialError(address, thrown);
  }
}

async function connectTcp(hostname: string, port: number, signal?: AbortSignal): Promise<Deno.TcpConn> {
  const connection = await Deno.connect({ hostname, port, signal });
  connection.setNoDelay(true);
  return connection;
}

/** A connection that comes too late is closed. */
async function unlessAborted(connecting: Promise<Deno.Conn>, signal?: AbortSignal): Promise<Deno.Conn> {
  if (!signal) return await connecting;
  const aborted = Promise.withResolvers<never>();
  const abort = () => aborted.reject(signal.reason);
  signal.addEventListener("abort", abort, { once: true });
  try {
    return await Promise.race([connecting, aborted.promise]);
  } catch (thrown) {
    connecting.then((late) => late.close(), () => {});
    throw thrown;
  } finally {
    signal.removeEventListener("abort", abort);
  }
}

const ADVICE: Partial<Record<ErrnoName, string>> = {
  ECONNREFUSED: "nobody listens there: start the server (lux9 up), or check the address",
  ENOENT: "there is no such socket: start the server (lux9 up), or check the path",
  EACCES: "this user may not open it: check the permissions of the socket and its folder",
  EPERM: "this user may not open it: check the permissions of the socket and its folder",
  EHOSTUNREACH: "no way leads to that host: check its name and the network",
  ETIMEDOUT: "the host does not answer: check its name and the network",
};

function dialError(address: Address, thrown: unknown): NineError {
  const code = codeOf(thrown);
  const advice = ADVICE[code] ?? reasonOf(thrown);
  return new NineError(code, `Cannot connect to ${formatAddress(address)}: ${advice}`);
}

function codeOf(thrown: unknown): ErrnoName {
  const code = (thrown as { code?: unknown } | null)?.code;
  if (typeof code === "string" && code in Errno) return code as ErrnoName;
  if (code === "ENETUNREACH" || code === "ENOTFOUND") return "EHOSTUNREACH";
  if (thrown instanceof Deno.errors.ConnectionRefused) return "ECONNREFUSED";
  if (thrown instanceof Deno.errors.NotFound) return "ENOENT";
  if (thrown instanceof Deno.errors.PermissionDenied || thrown instanceof Deno.errors.NotCapable) {
    return "EACCES";
  }
  if (thrown instanceof Deno.errors.TimedOut) return "ETIMEDOUT";
  // Deno gives a bare Error where a name has no address.
  return /lookup|resolve/i.test(reasonOf(thrown)) ? "EHOSTUNREACH" : "EIO";
}
