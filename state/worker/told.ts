import { Errno, errnoOf, reasonOf } from "../../9p/mod.ts";

/** SQLite's own numbers: its log, and the memory that it shares with others, did not fit on the disk. */
const SQLITE_FULL = 13;
const SQLITE_IOERR_SHMSIZE = 4874;

/** What was thrown, as the main isolate is told of it. */
export function told(thrown: unknown): { readonly errno: number; readonly message: string } {
  const code = (thrown as { errcode?: unknown } | null)?.errcode;
  const isFull = code === SQLITE_FULL || code === SQLITE_IOERR_SHMSIZE;
  return { errno: isFull ? Errno.ENOSPC : errnoOf(thrown), message: reasonOf(thrown) };
}
