import { errnoOf, NineError, reasonOf } from "../../9p/mod.ts";
import { join } from "node:path";

/** Holds a home for one node. The kernel lets go of it when the process ends, however it ends. */
export interface HomeLock {
  release(): void;
}

/** EBUSY where another node has the home. */
export function lockHome(home: string): HomeLock {
  const path = join(home, "lock");
  const file = open(path, home);
  if (!file.tryLockSync(true)) {
    file.close();
    const pid = Deno.readTextFileSync(path).trim();
    throw new NineError(
      "EBUSY",
      `Another node (process ${pid}) has the home ${home}: stop it, or give this one a home of its own by --home DIR`,
    );
  }
  file.truncateSync(0);
  file.writeSync(new TextEncoder().encode(`${Deno.pid}\n`));
  return { release: () => file.close() };
}

function open(path: string, home: string): Deno.FsFile {
  try {
    return Deno.openSync(path, { create: true, read: true, write: true, mode: 0o600 });
  } catch (thrown) {
    throw new NineError(
      errnoOf(thrown),
      `The home ${home} may not be written by this user (${reasonOf(thrown)}): choose another by --home DIR`,
    );
  }
}
