/**
 * What the files of a volume are called, and the guard that knows what its database's pages were when they were written.
 *
 * @module
 */
export { DatabaseGuard } from "./database_guard.ts";
export { readWal } from "./database_wal.ts";
export { DATABASE, DATABASE_LOG, GUARD, LOG, PACKS } from "./layout.ts";
export { placeOf } from "./place.ts";
