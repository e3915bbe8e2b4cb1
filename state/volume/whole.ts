import type { Disk } from "../disk/mod.ts";
import { DATABASE, DatabaseGuard, placeOf } from "../guard/mod.ts";
import { standingOf } from "../store/mod.ts";

/** The pages of a larger database are looked at by the Worker, so that nobody waits: this much takes some 20 ms. */
const DATABASE_BYTES_MAX = 16 * 1024 * 1024;

/**
 * The last operation in the database of a volume that was closed whole: every page is as it was written, and nothing is to be settled,
 * forgotten, brought to today's format or given another name. If the log has no more than that, it needs no Worker. Undefined for
 * all others, of which the Worker says what is wrong, and for large ones.
 */
export function wholeAt(disk: Disk, folder: string): number | undefined {
  const path = `${folder}/${DATABASE}`;
  try {
    if (!isGuarded(disk)) return undefined;
    const standing = standingOf(path);
    if (standing === undefined || standing.isAnyLeft || standing.place !== placeOf(path)) return undefined;
    return standing.applied;
  } catch {
    return undefined;
  }
}

/** Apart, as the guard must let go of the database before SQLite opens it: closing a descriptor takes SQLite's locks away. */
function isGuarded(disk: Disk): boolean {
  using guard = new DatabaseGuard(disk);
  return guard.isWhole(DATABASE_BYTES_MAX);
}
