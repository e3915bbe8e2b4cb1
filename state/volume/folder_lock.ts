import { join } from "node:path";
import { NineError } from "../../9p/mod.ts";

/** Holds a volume for one node, whatever home it is in. The kernel lets go of it when the process ends. */
export function lockFolder(folder: string): Deno.FsFile {
  const lock = Deno.openSync(join(folder, "lock"), { create: true, write: true, mode: 0o600 });
  if (lock.tryLockSync(true)) return lock;
  lock.close();
  throw new NineError(
    "EBUSY",
    `Another node has the volume in ${folder} open: stop it, or use a copy of the folder`,
  );
}
