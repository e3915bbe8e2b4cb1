import { NineError } from "../../9p/mod.ts";
import { DatabaseSync } from "node:sqlite";
import { Moments } from "./moments.ts";

/** The format that this version writes. A store with a higher number is of a newer version, and refused. */
export const FORMAT = 5;

/** What takes a store of format N to N + 1, from 0, which is an empty database. */
const MIGRATIONS: readonly (string | ((db: DatabaseSync) => void))[] = [
  `
  CREATE TABLE meta(key TEXT PRIMARY KEY, value) WITHOUT ROWID;

  -- The tree as it is. \`since\` is the sequence number of the journal record that made the row what it is.
  CREATE TABLE node(ino INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, since INTEGER NOT NULL, data BLOB NOT NULL);
  CREATE TABLE edge(
    eid INTEGER PRIMARY KEY, parent INTEGER NOT NULL, name TEXT NOT NULL, ino INTEGER NOT NULL,
    since INTEGER NOT NULL, sum INTEGER NOT NULL
  );
  CREATE UNIQUE INDEX edge_by_name ON edge(parent, name);
  CREATE INDEX edge_by_number ON edge(parent, eid);
  CREATE INDEX edge_by_file ON edge(ino);
  CREATE TABLE xattr(
    ino INTEGER NOT NULL, name TEXT NOT NULL, value BLOB NOT NULL, since INTEGER NOT NULL, sum INTEGER NOT NULL,
    PRIMARY KEY (ino, name)
  ) WITHOUT ROWID;

  -- Files without a name that were held when the row was written; they go at the next start.
  CREATE TABLE orphan(ino INTEGER PRIMARY KEY);
  -- Files with bytes in the log that are no version yet: the number of the first such operation.
  CREATE TABLE unsettled(ino INTEGER PRIMARY KEY, number INTEGER NOT NULL);

  -- Rows that were, from record \`since\` up to, and without, \`until\`.
  CREATE TABLE node_past(ino INTEGER NOT NULL, since INTEGER NOT NULL, until INTEGER NOT NULL, data BLOB NOT NULL);
  CREATE INDEX node_past_by_file ON node_past(ino, since);
  CREATE TABLE edge_past(
    eid INTEGER NOT NULL, parent INTEGER NOT NULL, name TEXT NOT NULL, ino INTEGER NOT NULL,
    since INTEGER NOT NULL, until INTEGER NOT NULL, sum INTEGER NOT NULL
  );
  CREATE INDEX edge_past_by_name ON edge_past(parent, name, since);
  CREATE INDEX edge_past_by_number ON edge_past(parent, eid);
  CREATE INDEX edge_past_by_file ON edge_past(ino);
  CREATE TABLE xattr_past(
    ino INTEGER NOT NULL, name TEXT NOT NULL, value BLOB NOT NULL,
    since INTEGER NOT NULL, until INTEGER NOT NULL, sum INTEGER NOT NULL
  );
  CREATE INDEX xattr_past_by_file ON xattr_past(ino, name);

  -- Where the pieces of contents are.
  CREATE TABLE chunk(
    id BLOB PRIMARY KEY, pack INTEGER NOT NULL, offset INTEGER NOT NULL, length INTEGER NOT NULL, keyId INTEGER NOT NULL
  ) WITHOUT ROWID;
  CREATE INDEX chunk_by_pack ON chunk(pack);

  -- What every transaction did to the documents; each author's records are a chain by their hashes.
  CREATE TABLE journal(
    seq INTEGER PRIMARY KEY, author BLOB NOT NULL, number INTEGER NOT NULL, previous BLOB NOT NULL,
    time REAL NOT NULL, hash BLOB NOT NULL, signature BLOB
  );
  CREATE UNIQUE INDEX journal_by_author ON journal(author, number);
  CREATE TABLE change(doc TEXT NOT NULL, seq INTEGER NOT NULL, bytes BLOB NOT NULL, PRIMARY KEY (doc, seq)) WITHOUT ROWID;
  CREATE INDEX change_by_record ON change(seq);
  -- Documents as they were at record \`seq\`; the changes since are in \`change\`.
  CREATE TABLE document(id TEXT PRIMARY KEY, saved BLOB NOT NULL, seq INTEGER NOT NULL, keys INTEGER NOT NULL, sum INTEGER NOT NULL)
    WITHOUT ROWID;
  -- The tree that the documents show.
  CREATE TABLE tree_node(id TEXT PRIMARY KEY, alias TEXT, data BLOB NOT NULL) WITHOUT ROWID;
  CREATE INDEX tree_node_by_alias ON tree_node(alias) WHERE alias IS NOT NULL;
  CREATE TABLE tree_edge(
    node TEXT NOT NULL, slot TEXT NOT NULL, version TEXT NOT NULL, parent TEXT NOT NULL, name TEXT NOT NULL,
    conflictIn TEXT, displaced INTEGER, data BLOB NOT NULL, PRIMARY KEY (node, slot, version)
  ) WITHOUT ROWID;
  CREATE INDEX tree_edge_by_name ON tree_edge(parent, name);
  CREATE INDEX tree_edge_by_conflict ON tree_edge(conflictIn) WHERE conflictIn IS NOT NULL;
  CREATE INDEX tree_edge_displaced ON tree_edge(displaced) WHERE displaced IS NOT NULL;

  CREATE TABLE snapshot(name TEXT PRIMARY KEY, seq INTEGER NOT NULL, sec INTEGER NOT NULL, by TEXT NOT NULL)
    WITHOUT ROWID;
  `,
  `
  -- What changed since a record is what went after it.
  CREATE INDEX node_past_by_end ON node_past(until, ino);
  CREATE INDEX edge_past_by_end ON edge_past(until, eid);
  `,
  (db) => {
    db.exec(`
    -- When each record was written: history tells it when the record itself has gone.
    CREATE TABLE moment(seq INTEGER PRIMARY KEY, time INTEGER NOT NULL, sum INTEGER NOT NULL);
    -- The last record of each author that has gone from the journal.
    CREATE TABLE chain(author BLOB PRIMARY KEY, number INTEGER NOT NULL, hash BLOB NOT NULL) WITHOUT ROWID;
    -- Of each document: the record after which it began or was re-rooted, up to which changes are of another document;
    -- the one after which changes come on top of what is in \`document\`; its keys, and how often keys were set, ever.
    CREATE TABLE extent(
      doc TEXT PRIMARY KEY, root INTEGER NOT NULL, seq INTEGER NOT NULL, keys INTEGER NOT NULL, operations INTEGER NOT NULL
    ) WITHOUT ROWID;
    -- How much of an older volume's documents is history is not known: they are looked at once.
    INSERT INTO extent SELECT id, 0, seq, keys, 1000000000 FROM document;
    DELETE FROM document WHERE saved = x'';
    ALTER TABLE document DROP COLUMN seq;
    ALTER TABLE document DROP COLUMN keys;
    `);
    const moments = new Moments(db);
    const records = db.prepare("SELECT seq, time FROM journal").all() as { seq: number; time: number }[];
    for (const { seq, time } of records) moments.add(seq, Math.floor(time));
  },
  `
  -- What every transaction did to the documents, here and on other copies, in the order in which it came here; each author's
  -- records are a chain by their hashes. \`seq\` is the transaction that it came with.
  DROP TABLE journal;
  DROP TABLE chain;
  ALTER TABLE change RENAME TO change_before;
  CREATE TABLE journal(
    id INTEGER PRIMARY KEY, seq INTEGER NOT NULL, author BLOB NOT NULL, number INTEGER NOT NULL, previous BLOB NOT NULL,
    time INTEGER NOT NULL, key BLOB, vouches BLOB NOT NULL, seen BLOB NOT NULL, hash BLOB NOT NULL, signature BLOB NOT NULL
  );
  CREATE UNIQUE INDEX journal_by_number ON journal(author, number);
  DROP INDEX change_by_record;
  CREATE TABLE change(doc TEXT NOT NULL, id INTEGER NOT NULL, bytes BLOB NOT NULL, PRIMARY KEY (doc, id)) WITHOUT ROWID;
  CREATE INDEX change_by_record ON change(id);
  -- How many records since \`seq\` set something in the document.
  ALTER TABLE extent ADD COLUMN changes INTEGER NOT NULL DEFAULT 0;
  -- Of each author the last record that is here, the key of the copy that writes so, and what it had seen.
  CREATE TABLE author(author BLOB PRIMARY KEY, key BLOB NOT NULL, number INTEGER NOT NULL, hash BLOB NOT NULL, seen BLOB NOT NULL)
    WITHOUT ROWID;
  -- Public keys of the copies that belong to the volume, and when each was let in, seconds since 1970.
  -- \`name\`: what it last called itself.
  CREATE TABLE copy(key BLOB PRIMARY KEY, since INTEGER NOT NULL, name TEXT) WITHOUT ROWID;
  -- What incarnations of copies last said that they have, signed; by which key, when and how much, told once more.
  CREATE TABLE statement(
    author BLOB NOT NULL, slot INTEGER NOT NULL, bytes BLOB NOT NULL, key BLOB NOT NULL, time INTEGER NOT NULL,
    numbers BLOB NOT NULL, PRIMARY KEY (author, slot)
  ) WITHOUT ROWID;
  -- Documents in which something may be dead that other copies may not know of. \`mark\`: how far these were when it was looked at.
  CREATE TABLE untrimmed(doc TEXT PRIMARY KEY, mark INTEGER NOT NULL) WITHOUT ROWID;
  -- Chunks that contents need and that are not here, as no copy had them when these came, or, with \`later\`, as nobody read them yet: with depth 0 of so many
  -- bytes, else a list for so many.
  CREATE TABLE absent(id BLOB PRIMARY KEY, depth INTEGER NOT NULL, size INTEGER NOT NULL, later INTEGER NOT NULL) WITHOUT ROWID;
  CREATE INDEX absent_wanted ON absent(id) WHERE later = 0;
  -- Rows that name contents which are shown nowhere and are needed to merge.
  ALTER TABLE tree_node ADD COLUMN kept INTEGER;
  CREATE INDEX tree_node_kept ON tree_node(id) WHERE kept IS NOT NULL;
  -- Documents and the rows of their tree are to be written anew: see format_3.ts of the Worker.
  INSERT INTO meta(key, value) SELECT 'isOfFormat3', 1 WHERE EXISTS (SELECT 1 FROM extent);
  `,
  // A removed name tells whether the file had others. Those that were removed before count as the last, as they did.
  "",
];

/** Opens the database for writing, in today's format. EINVAL for one of a newer version. */
export function openDatabase(path: string): DatabaseSync {
  const db = new DatabaseSync(path);
  try {
    // Not EXCLUSIVE: the main isolate reads through a connection of its own. Commits reach the kernel, and the disk when
    // the log is about to lose what they hold.
    // What is let go makes the file smaller, of a volume that began with this. Large transactions are not written twice.
    const isNew = formatOf(db) === 0;
    for (
      const setting of [
        ...isNew ? ["auto_vacuum = INCREMENTAL"] : [],
        "journal_mode = WAL",
        "synchronous = NORMAL",
        "wal_autocheckpoint = 0",
        "journal_size_limit = 16777216",
        "cache_size = -32768",
      ]
    ) run(db, `PRAGMA ${setting}`);
    migrate(db, path);
  } catch (thrown) {
    db.close();
    throw thrown;
  }
  return db;
}

/** One statement. Unlike `exec`, what it throws has SQLite's number, by which a full disk is told from damage. */
export function run(db: DatabaseSync, sql: string): void {
  db.prepare(sql).all();
}

function migrate(db: DatabaseSync, path: string): void {
  let format = formatOf(db);
  if (format > FORMAT) {
    throw new NineError(
      "EINVAL",
      `${path} has format ${format} of a newer lux9; this one knows formats up to ${FORMAT}: use the newer one`,
    );
  }
  for (; format < FORMAT; format++) {
    run(db, "BEGIN IMMEDIATE");
    try {
      const migration = MIGRATIONS[format];
      if (typeof migration === "string") db.exec(migration);
      else migration(db);
      db.exec(`PRAGMA user_version = ${format + 1}`);
      run(db, "COMMIT");
    } catch (thrown) {
      db.exec("ROLLBACK");
      throw thrown;
    }
  }
}

export function formatOf(db: DatabaseSync): number {
  return (db.prepare("PRAGMA user_version").get() as { user_version: number }).user_version;
}
