import { realDisk } from "../disk/mod.ts";
import { LOG } from "../guard/mod.ts";
import { Log } from "../log/mod.ts";
import { lockFolder } from "./folder_lock.ts";
import type { LeftFile } from "./messages.ts";
import type { VolumeStoreOptions } from "./options.ts";
import { StateWorker } from "./state_worker.ts";
import { wholeAt } from "./whole.ts";

const OWNED = { uid: "owner", gid: "owner" };

/** A volume that is locked, and whose index has everything that its log has. */
export interface Opened {
  readonly log: Log;
  /** Files that could not be settled. */
  readonly left: readonly LeftFile[];
  readonly lock: Deno.FsFile;
  readonly state: StateWorker;
}

/**
 * Opens a volume, or makes one in an empty folder. What the log has and the index has not is applied first. One that was
 * closed whole is there at once, without a Worker. Gives what `use` makes of it; where anything throws, all is let go.
 */
export async function openVolume<T>(
  folder: string,
  options: VolumeStoreOptions,
  use: (opened: Opened) => T,
): Promise<T> {
  const disk = realDisk(folder);
  const lock = lockFolder(folder);
  const state = new StateWorker({
    folder,
    owned: options.owned ?? OWNED,
    checkpointOperations: options.checkpointOperations ?? 50_000,
    journal: options.journal,
    merge: options.merge,
    copyDays: options.copies?.days,
    keyFile: options.keyFile,
  }, options.retryMs);
  const { segmentBytes } = options;
  let log: Log | undefined;
  let opened: Awaited<ReturnType<StateWorker["open"]>> | undefined;
  try {
    const whole = wholeAt(disk, folder);
    if (whole !== undefined) log = new Log(disk, LOG, { after: whole, segmentBytes });
    if (log !== undefined && log.last === whole && log.torn === undefined && log.damage.length === 0) {
      return use({ log, left: [], lock, state });
    }
    const { needless, applied, damage } = opened = await state.open();
    for (const reason of damage) options.onTrouble?.(reason);
    log ??= new Log(disk, LOG, { after: needless, segmentBytes });
    const left = await recover(state, log, options);
    if (log.last < applied) {
      // The end of what was applied is gone from the log: numbers go on where the index is.
      log.close();
      log = new Log(disk, LOG, { after: applied, segmentBytes });
    }
    return use({ log, left, lock, state });
  } catch (thrown) {
    // One that is only ended closes the database as it is, and SQLite brings pages over that the guard does not know.
    if (opened !== undefined) {
      await state.ask({ kind: "close", last: opened.applied }, "closed").catch(() => {});
    }
    state.terminate();
    log?.close();
    lock.close();
    throw thrown;
  }
}

/** Has the Worker bring the index up to the log; says which files could not be settled. */
async function recover(
  state: StateWorker,
  log: Log,
  { onTrouble }: VolumeStoreOptions,
): Promise<readonly LeftFile[]> {
  if (log.torn !== undefined) {
    const { first, bytes } = log.torn;
    onTrouble?.(
      `The log ended within operation ${first}: ${bytes} bytes of it that were not durable yet are gone`,
    );
  }
  // What else is damaged the Worker meets where it needs it.
  await log.sync();
  const { damage, left } = await state.ask({ kind: "recover", last: log.last }, "recovered");
  for (const message of damage) onTrouble?.(message);
  return left;
}
