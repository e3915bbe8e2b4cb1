import { errnoOf, NineError, reasonOf } from "../../9p/mod.ts";
import { join } from "node:path";

/** Holds a home for one process. The kernel lets go of it when the process ends, however it ends. */
export interface HomeLock {
  release(): void;
}

/** Undefined where another process has the home. `advice`: what to do where it may not be written. */
export function lockHome(home: string, advice: string): HomeLock | undefined {
  const file = open(home, advice);
  if (!file.tryLockSync(true)) {
    file.close();
    return undefined;
  }
  try {
    file.truncateSync(0);
    file.writeSync(new TextEncoder().encode(`${Deno.pid}\n`));
  } catch {
    // On a full disk it is held as well: the number is only for messages.
  }
  return { release: () => file.close() };
}

/** The process that has the home, for a message: `(process 123)`, or nothing where it could not write that. */
export function holderText(home: string): string {
  const pid = Deno.readTextFileSync(pathOf(home)).trim();
  return pid === "" ? "" : ` (process ${pid})`;
}

function open(home: string, advice: string): Deno.FsFile {
  try {
    return Deno.openSync(pathOf(home), { create: true, read: true, write: true, mode: 0o600 });
  } catch (thrown) {
    throw new NineError(
      errnoOf(thrown),
      `The home ${home} may not be written by this user (${reasonOf(thrown)}): ${advice}`,
    );
  }
}

function pathOf(home: string): string {
  return join(home, "lock");
}
