import { NineError } from "../../9p/mod.ts";
import { join } from "node:path";

/** Holds a home for one node. The kernel lets go of it when the process ends, however it ends. */
export interface HomeLock {
  release(): void;
}

/** EBUSY where another node has the home. */
export function lockHome(home: string): HomeLock {
  const path = join(home, "lock");
  const file = Deno.openSync(path, { create: true, read: true, write: true, mode: 0o600 });
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
