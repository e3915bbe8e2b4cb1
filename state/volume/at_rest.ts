import { realDisk } from "../disk/mod.ts";
import { DATABASE, LOG, placeOf } from "../guard/mod.ts";
import { Log } from "../log/mod.ts";
import { type Known, knownIn, standingOf, volumeIdIn } from "../store/mod.ts";
import { lockFolder } from "./folder_lock.ts";

/** After so long a copy says again what it has, so that others know that it is still there; seconds. */
export const STATEMENT_SEC = 24 * 3600;

/**
 * What a volume has that was closed whole and that nobody has open: it is read without a Worker, however large it is. Undefined for all others. Whether its pages are as they were written
 * is not looked at, so it says nothing of that.
 */
export function knownAtRest(folder: string): Known | undefined {
  const path = `${folder}/${DATABASE}`;
  const lock = lockFolder(folder);
  try {
    const standing = standingOf(path);
    if (standing === undefined || standing.isAnyLeft || standing.place !== placeOf(path)) return undefined;
    const log = new Log(realDisk(folder), LOG, { after: standing.applied });
    const isWhole = log.last === standing.applied && log.torn === undefined && log.damage.length === 0;
    log.close();
    return isWhole ? knownIn(path) : undefined;
  } catch {
    // What is wrong says whoever opens it.
    return undefined;
  } finally {
    lock.close();
  }
}

/** The id of the volume in a folder, which all its copies have. Undefined where it cannot be read. */
export function volumeIdAt(folder: string): string | undefined {
  try {
    return volumeIdIn(`${folder}/${DATABASE}`);
  } catch {
    // What is wrong says whoever opens it.
    return undefined;
  }
}

/** Whether an exchange between two copies would tell neither of them anything. `nowSec`: seconds since 1970. */
export function haveNothingToTell(a: Known, b: Known, nowSec: number): boolean {
  const isFresh = ({ told, absent }: Known) =>
    absent === 0 && told <= nowSec && nowSec < told + STATEMENT_SEC;
  const isSameCopy = a.incarnation.every((byte, i) => byte === b.incarnation[i]);
  return a.volume === b.volume && a.digest === b.digest && !isSameCopy && isFresh(a) && isFresh(b);
}
