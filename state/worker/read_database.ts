import { existsSync, statSync } from "node:fs";
import { resolve } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { pathToFileURL } from "node:url";
import { NineError } from "../../9p/mod.ts";
import { readingDisk } from "../disk/mod.ts";
import { DATABASE, DATABASE_LOG, readWal } from "../guard/mod.ts";

/** SQLite's own as well: what is where in the log, shared by all who have the database open. */
const SHARED = `${DATABASE}-shm`;
const LOG_HEAD_BYTES = 32;
/** What SQLite says, without its extensions, where it lacks files that it cannot make or cannot make sense of those there are. */
const UNREADABLE: readonly unknown[] = [8, 14, 15];

/** A database that is open for reading only. */
export interface DatabaseRead extends Disposable {
  readonly db: DatabaseSync;
  /** Whether somebody wrote to it in a way that it may show something of before and something of after that. */
  isTorn(): boolean;
}

/**
 * Opens the database of a volume for reading only. SQLite makes files beside it, for others who have it open, and cannot do without them where it
 * may not make any. Where all is in the database's own file and nobody seems to have it open, SQLite is told that nobody writes to it, and makes none.
 */
export function readDatabase(folder: string): DatabaseRead {
  const before = statesOf(folder);
  const isShared = existsSync(`${folder}/${SHARED}`);
  if (!isShared && isWithoutLog(folder) || isHeadAlone(folder)) return atRest(folder, before);
  try {
    return { ...opened(resolve(folder, DATABASE)), isTorn: () => false };
  } catch (thrown) {
    const code = (thrown as { errcode?: number }).errcode;
    if (code === undefined || !UNREADABLE.includes(code & 0xff)) throw thrown;
    // Nobody has it open, or SQLite could read what they share. A process that was killed may have left a log in which nothing is whole.
    if (isWithoutLog(folder)) return atRest(folder, before);
    if (isShared) throw thrown;
    throw new NineError(
      "EROFS",
      `${DATABASE_LOG} has changes that can be read only with ${SHARED}, which is not there and cannot be made here: ` +
        "copy the home to where you may write, and look at that",
    );
  }
}

function atRest(folder: string, before: string): DatabaseRead {
  const url = pathToFileURL(resolve(folder, DATABASE));
  url.searchParams.set("immutable", "1");
  return { ...opened(url), isTorn: () => statesOf(folder) !== before };
}

function opened(path: string | URL): Omit<DatabaseRead, "isTorn"> {
  const db = new DatabaseSync(path, { readOnly: true });
  try {
    // It looks at the file no sooner.
    db.prepare("PRAGMA schema_version").get();
    return { db, [Symbol.dispose]: () => db.close() };
  } catch (thrown) {
    db.close();
    throw thrown;
  }
}

/** What becomes another whenever somebody writes to the database. */
function statesOf(folder: string): string {
  return [DATABASE, DATABASE_LOG].map((name) => {
    const found = statSync(`${folder}/${name}`, { bigint: true, throwIfNoEntry: false });
    // A log without bytes is as good as none, and comes and goes.
    return found === undefined || found.size === 0n ? "" : `${found.ino} ${found.size} ${found.mtimeNs}`;
  }).join();
}

/** As a process leaves the log that was killed when it had begun it. SQLite tries for ten seconds to make sense of it, where it may not make another. */
function isHeadAlone(folder: string): boolean {
  const size = statSync(`${folder}/${DATABASE_LOG}`, { throwIfNoEntry: false })?.size ?? 0;
  return size > 0 && size <= LOG_HEAD_BYTES;
}

/** Whether the log has nothing that SQLite would take. */
function isWithoutLog(folder: string): boolean {
  const disk = readingDisk(folder);
  if (!disk.list("").includes(DATABASE_LOG)) return true;
  const file = disk.open(DATABASE_LOG);
  try {
    return readWal(file, true).frames === 0;
  } finally {
    file.close();
  }
}
