/** What is where in the folder of a volume. */
export const DATABASE = "index.sqlite";
/** SQLite's own, of what is not in the database yet. */
export const DATABASE_LOG = `${DATABASE}-wal`;
/** What the pages of the database are held against, and mended from. */
export const GUARD = "index.guard";
export const LOG = "log";
export const PACKS = "packs";
