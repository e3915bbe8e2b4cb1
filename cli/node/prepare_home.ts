import { errnoOf, NineError, reasonOf } from "../../9p/mod.ts";
import { dirname } from "node:path";
import { socketOf } from "../home.ts";

/** sockaddr_un has room for this many bytes. */
const SOCKET_BYTES_MAX = 107;

/** Makes what is missing of a home, for its owner only. Throws with what to do where it cannot be a home. */
export function prepareHome(home: string): void {
  const bytes = new TextEncoder().encode(socketOf(home)).byteLength;
  if (bytes > SOCKET_BYTES_MAX) {
    throw new NineError(
      "EINVAL",
      `The unix socket ${socketOf(home)} has a path of ${bytes} bytes, allowed are ${SOCKET_BYTES_MAX}: ` +
        "choose a home with a shorter path by --home DIR",
    );
  }
  makeFolder(home);
}

/** The folder for the socket, which nobody else enters. The caller holds the home's lock. */
export function prepareSocketFolder(home: string): void {
  const folder = dirname(socketOf(home));
  makeFolder(folder);
  Deno.chmodSync(folder, 0o700);
}

function makeFolder(path: string): void {
  try {
    Deno.mkdirSync(path, { recursive: true, mode: 0o700 });
  } catch (thrown) {
    const what = thrown instanceof Deno.errors.AlreadyExists
      ? `${path} is no folder`
      : `The folder ${path} cannot be made (${reasonOf(thrown)})`;
    throw new NineError(errnoOf(thrown), `${what}: choose another home by --home DIR`);
  }
}
