import { type Address, formatAddress } from "../address.ts";
import { NineError } from "../error.ts";

/** Opens a listening socket. A unix socket is for its owner only, and one that nobody answers on is taken over. */
export function openSocket(address: Address): Deno.Listener {
  try {
    if (address.net === "tcp") return Deno.listen({ hostname: address.host, port: address.port });
    return listenUnix(address.path);
  } catch (thrown) {
    if (thrown instanceof NineError) throw thrown;
    const where = formatAddress(address);
    if (thrown instanceof Deno.errors.AddrInUse) {
      throw new NineError(
        "EBUSY",
        `${where} is in use by another program: stop it or choose another address`,
      );
    }
    if (thrown instanceof Deno.errors.PermissionDenied) {
      throw new NineError(
        "EACCES",
        `${where} is not allowed to this user: ports below 1024 and foreign folders are not`,
      );
    }
    throw new NineError("EINVAL", `${where} cannot be listened on: ${(thrown as Error).message}`);
  }
}

function listenUnix(path: string): Deno.Listener {
  removeStale(path);
  const before = Deno.umask(0o177);
  try {
    return Deno.listen({ transport: "unix", path });
  } finally {
    Deno.umask(before);
  }
}

/** Removes a socket file that a killed node has left. The caller holds the home's lock, so no node of ours answers. */
function removeStale(path: string): void {
  let info: Deno.FileInfo;
  try {
    info = Deno.lstatSync(path);
  } catch {
    return;
  }
  if (!info.isSocket) {
    throw new NineError("EEXIST", `${path} is there and is no socket: remove it or choose another path`);
  }
  if (isAnswered(path)) {
    throw new NineError("EBUSY", `${path} is in use by another program: choose another path`);
  }
  Deno.removeSync(path);
}

/** /proc/net/unix lists the sockets that somebody has open, with flag 00010000 for listening ones. */
function isAnswered(path: string): boolean {
  try {
    return Deno.readTextFileSync("/proc/net/unix").split("\n").some((line) => line.endsWith(` ${path}`));
  } catch {
    return false;
  }
}
