import type { DatabaseSync, StatementSync } from "node:sqlite";
import { NineError } from "../../9p/mod.ts";
import {
  Authors,
  type AuthorState,
  type CopyKey,
  earliestTime,
  HASH_BYTES,
  hashOf,
  packSeen,
  type Record,
  type Seen,
  SEEN_MAX,
  type SignedRecord,
  unpackSeen,
  verifySignature,
} from "../record/mod.ts";
import { type Author, authorBytes, authorOf, type Changes, type DocId } from "../tree/mod.ts";
import { type Moment, Moments, momentSum } from "./moments.ts";

/** With more records, or bytes of changes, the older ones go. */
export interface JournalBounds {
  readonly records: number;
  readonly bytes: number;
}

export const JOURNAL_BOUNDS: JournalBounds = { records: 8192, bytes: 64 * 1024 * 1024 };

/** A record of the journal, by its number here. */
export interface Entry {
  /** Grows in the order in which records were applied here: nothing comes before what its writer had seen. */
  readonly id: number;
  readonly changes: Changes;
}

/** Who writes: a copy, by its key, and an incarnation of it. */
export interface Writer {
  readonly author: Author;
  readonly key: CopyKey;
}

/**
 * The journal in the database: what every transaction did to the documents, here and on other copies, as records that they tell each other. Each author's
 * are a chain.
 */
export class Journal {
  readonly #sql: globalThis.Record<keyof typeof SQL, StatementSync>;
  readonly #moments: Moments;
  readonly #writer: Writer;
  #authors: Authors;
  #records: number;
  #bytes: number;
  #lastId: number;

  constructor(db: DatabaseSync, writer: Writer, readonly bounds: JournalBounds = JOURNAL_BOUNDS) {
    this.#sql = Object.fromEntries(
      Object.entries(SQL).map(([name, text]) => [name, db.prepare(text)]),
    ) as globalThis.Record<keyof typeof SQL, StatementSync>;
    this.#moments = new Moments(db);
    this.#writer = writer;
    this.#records = (this.#sql.count.get() as { records: number }).records;
    this.#bytes = (this.#sql.countBytes.get() as { bytes: number }).bytes;
    this.#lastId = Number((this.#sql.lastId.get() as { value: number } | undefined)?.value ?? 0);
    this.#authors = this.#readAuthors();
  }

  /** The authors whose records are here, by what is stored. */
  get authors(): Authors {
    return this.#authors;
  }

  get lastId(): number {
    return this.#lastId;
  }

  /** The number here of the oldest record that is still here; of the next one where none is. */
  get firstId(): number {
    return (this.#sql.firstId.get() as { id: number | null }).id ?? this.#lastId + 1;
  }

  /** How many records this copy wrote as who it is now. */
  get number(): number {
    return this.#authors.get(this.#writer.author)?.number ?? 0;
  }

  /**
   * Adds what transaction `seq` did, of that time in seconds since 1970. `clock`: Lamport's, as the transaction left it. `vouches`: public keys of copies that
   * belong to the volume from now on, to be told with the first of them.
   */
  append(
    seq: number,
    sec: number,
    clock: number,
    changes: readonly Changes[],
    vouches: readonly Uint8Array[] = [],
  ): Entry[] {
    this.#moments.add(seq, sec);
    for (const each of vouches) this.#sql.letIn.run(each, Math.floor(sec));
    return changes.map((each, i) => {
      const seen = this.#news();
      if (seen.length > SEEN_MAX) {
        throw new Error(`${seen.length} authors are news: they come first, by tellSeen`);
      }
      return this.#write(seq, sec, clock, { changes: each, vouches: i === 0 ? vouches : [], seen });
    });
  }

  /**
   * Writes records that tell nothing but what was seen, where one alone has no room for all of it; how many. To be called before anything is set that comes after it, as what is set has
   * the number of its record.
   */
  tellSeen(seq: number, sec: number, clock: number): number {
    let count = 0;
    for (let left = this.#news(); left.length > SEEN_MAX; left = left.slice(SEEN_MAX)) {
      if (count++ === 0) this.#moments.add(seq, sec);
      const seen = left.slice(0, SEEN_MAX);
      this.#write(seq, sec, clock, { changes: new Map(), vouches: [], seen });
    }
    return count;
  }

  #write(
    seq: number,
    sec: number,
    clock: number,
    what: Pick<Record, "changes" | "vouches" | "seen">,
  ): Entry {
    const { author, key } = this.#writer;
    const state = this.#authors.get(author);
    if (state === undefined) this.#sql.letIn.run(key.publicKey, Math.floor(sec));
    const record: Record = {
      ...{ ...what, author },
      number: (state?.number ?? 0) + 1,
      previous: state?.hash ?? new Uint8Array(HASH_BYTES),
      time: Math.max(0, Math.floor(sec), earliestTime(clock)),
      ...state === undefined ? { key: key.publicKey } : {},
    };
    const hash = hashOf(record);
    const entry = this.#add(seq, { record, hash, signature: key.sign(hash) });
    this.#authors.wrote({ record, hash }, key.publicKey);
    this.#putAuthor(author);
    return entry;
  }

  /** Adds records of others, which `authors` has accepted, in that order. */
  receive(seq: number, sec: number, records: readonly SignedRecord[]): Entry[] {
    this.#moments.add(seq, sec);
    const entries = records.map((record) => this.#add(seq, record));
    for (const { record } of records) for (const key of record.vouches) this.#sql.letIn.run(key, record.time);
    for (const author of new Set(records.map(({ record }) => record.author))) this.#putAuthor(author);
    return entries;
  }

  /** Puts another record in the place of the one of number `id`. What is known of authors is to be told by `setAuthor`. */
  replace(id: number, { record, hash, signature }: SignedRecord): void {
    const { author, number, previous, time, key, vouches, seen, changes } = record;
    const told = packSeen(new Map(seen.map((each) => [each.author, each.number])));
    const keys = new Uint8Array(vouches.flatMap((each) => [...each]));
    this.#sql.replace.run(
      ...[authorBytes(author), number, previous, time, key ?? null, keys, told, hash, signature, id] as const,
    );
    this.#sql.removeChanges.run(id);
    for (const [doc, bytes] of changes) this.#sql.addChange.run(doc, id, bytes);
  }

  /** What is here of an author; undefined for nothing. Another Journal is to go on after this. */
  setAuthor(author: Author, state: AuthorState | undefined): void {
    if (state === undefined) return void this.#sql.removeAuthor.run(authorBytes(author));
    const { key, number, hash, seen } = state;
    this.#sql.putAuthor.run(authorBytes(author), key, number, hash, packSeen(seen));
  }

  /**
   * Of some authors another copy has records that this one lacks: from now on this copy has all of them, as far as that is known, and those of `records` by
   * themselves. `keys` are let in. What the other copy lacks comes after all that it has, of which the last is given. No document may need what the journal has.
   */
  adopt(
    seq: number,
    sec: number,
    { states, keys, records, numbers }: {
      readonly states: ReadonlyMap<Author, AuthorState>;
      readonly keys: Iterable<Uint8Array>;
      readonly records: readonly SignedRecord[];
      readonly numbers: ReadonlyMap<Author, number>;
    },
  ): number {
    this.#moments.add(seq, sec);
    for (const key of keys) this.#sql.letIn.run(key, Math.floor(sec));
    for (const [author, state] of states) {
      this.#sql.removeChangesOf.run(authorBytes(author));
      this.#sql.removeOf.run(authorBytes(author));
      this.setAuthor(author, state);
    }
    const before = this.#lastId;
    for (const record of records) this.#add(seq, record);
    const last = this.#lastId;
    for (const [author] of this.#authors.entries()) {
      const after = [last, authorBytes(author), numbers.get(author) ?? 0, before] as const;
      this.#sql.moveChanges.run(...after);
      this.#sql.move.run(...after);
    }
    this.#sql.setLastId.run(this.#lastId = last + before);
    this.#sql.settle.run(this.#lastId, this.#lastId);
    this.#authors = this.#readAuthors();
    this.#records = (this.#sql.count.get() as { records: number }).records;
    this.#bytes = (this.#sql.countBytes.get() as { bytes: number }).bytes;
    return last;
  }

  /** Records after number `id`, oldest first, at most `max`. */
  after(id: number, max: number): (SignedRecord & { readonly id: number })[] {
    return (this.#sql.after.all(id, max) as unknown as JournalRow[]).map((row) => this.#recordOf(row));
  }

  /** An author's record; undefined where it is not here, or not any more. */
  record(author: Author, number: number): SignedRecord | undefined {
    const row = this.#sql.record.get(authorBytes(author), number) as unknown as JournalRow | undefined;
    return row && this.#recordOf(row);
  }

  /** The hash of an author's record; of the last one always, of others while they are here. */
  hashOf(author: Author, number: number): Uint8Array | undefined {
    const last = this.#authors.get(author);
    if (last?.number === number) return last.hash;
    const row = this.#sql.hashOf.get(authorBytes(author), number) as { hash: Uint8Array } | undefined;
    return row?.hash;
  }

  /** The last record up to which there is none that comes after these; the last of all where there is none. */
  lastWithin(upTo: ReadonlyMap<Author, number>): number {
    let last = this.#lastId;
    for (const [author] of this.#authors.entries()) {
      const row = this.#sql.firstBeyond.get(authorBytes(author), upTo.get(author) ?? 0);
      if (row !== undefined) last = Math.min(last, Number(row.id) - 1);
    }
    return last;
  }

  /** The number of an author's oldest record that is still here; undefined where none is. */
  oldest(author: Author): number | undefined {
    return (this.#sql.oldest.get(authorBytes(author)) as { number: number | null }).number ?? undefined;
  }

  /** The last record in which the document was set, as far as it is known; 0 where all of them have gone. */
  lastOf(doc: DocId): number {
    return (this.#sql.lastOf.get(doc) as { id: number | null }).id ?? 0;
  }

  /** Whether it has grown beyond its bounds. */
  get isLong(): boolean {
    return this.#records > this.bounds.records || this.#bytes > this.bounds.bytes;
  }

  /** The last record that can go so that what is left is half of what the journal may have; 0 where none need go. */
  surplus(): number {
    const at = this.#sql.keptFrom.get(Math.ceil(this.bounds.records / 2)) as { id: number } | undefined;
    let last = at?.id ?? 0;
    let bytes = 0;
    const rows = this.#sql.bytesAfter.all(last) as { id: number; bytes: number }[];
    for (const row of rows) {
      bytes += row.bytes;
      if (bytes <= this.bounds.bytes / 2) continue;
      last = row.id;
      break;
    }
    return last;
  }

  /** Lets go of the oldest records up to `last`, at most `max`; whether there are more. */
  shorten(last: number, max: number): boolean {
    const gone = this.#sql.first.all(last, max) as { id: number }[];
    for (const { id } of gone) {
      this.#bytes -= (this.#sql.bytesOf.get(id) as { bytes: number }).bytes;
      this.#sql.removeChanges.run(id);
      this.#sql.remove.run(id);
    }
    this.#records -= gone.length;
    return gone.length === max;
  }

  /** What others wrote since this author's last record, and this copy has taken in. */
  #news(): Seen[] {
    const state = this.#authors.get(this.#writer.author);
    return [...this.#authors.entries()].flatMap(([author, { number }]) =>
      author !== this.#writer.author && number > (state?.seen.get(author) ?? 0) ? [{ author, number }] : []
    );
  }

  #add(seq: number, { record, hash, signature }: SignedRecord): Entry {
    const { author, number, previous, time, key, vouches, seen, changes } = record;
    const id = ++this.#lastId;
    const told = packSeen(new Map(seen.map((each) => [each.author, each.number])));
    const keys = new Uint8Array(vouches.flatMap((each) => [...each]));
    this.#sql.add.run(
      id,
      seq,
      authorBytes(author),
      number,
      previous,
      time,
      key ?? null,
      keys,
      told,
      hash,
      signature,
    );
    for (const [doc, bytes] of changes) {
      this.#sql.addChange.run(doc, id, bytes);
      this.#bytes += bytes.byteLength;
    }
    this.#records++;
    this.#sql.setLastId.run(id);
    return { id, changes };
  }

  #recordOf(row: JournalRow): SignedRecord & { readonly id: number } {
    const changes = this.#sql.changes.all(row.id) as { doc: DocId; bytes: Uint8Array }[];
    return { ...signedOf(row, changes), id: row.id };
  }

  #putAuthor(author: Author): void {
    const { key, number, hash, seen } = this.#authors.get(author)!;
    this.#sql.putAuthor.run(authorBytes(author), key, number, hash, packSeen(seen));
  }

  #readAuthors(): Authors {
    return readAuthors(this.#sql.authors, this.#sql.copies);
  }
}

function readAuthors(authors: StatementSync, copies: StatementSync): Authors {
  const rows = authors.all() as unknown as AuthorRow[];
  return new Authors(
    rows.map(({ author, key, number, hash, seen }) =>
      [authorOf(author), { key, number, hash, seen: unpackSeen(seen) }] as const
    ),
    (copies.all() as { key: Uint8Array }[]).map(({ key }) => key),
  );
}

interface AuthorRow {
  readonly author: Uint8Array;
  readonly key: Uint8Array;
  readonly number: number;
  readonly hash: Uint8Array;
  readonly seen: Uint8Array;
}

interface JournalRow {
  readonly id: number;
  readonly author: Uint8Array;
  readonly number: number;
  readonly previous: Uint8Array;
  readonly time: number;
  readonly key: Uint8Array | null;
  readonly vouches: Uint8Array;
  readonly seen: Uint8Array;
  readonly hash: Uint8Array;
  readonly signature: Uint8Array;
}

function signedOf(row: JournalRow, changes: readonly { doc: DocId; bytes: Uint8Array }[]): SignedRecord {
  const { author, number, previous, time, key, vouches, seen, hash, signature } = row;
  const keys: Uint8Array[] = [];
  for (let at = 0; at < vouches.length; at += HASH_BYTES) keys.push(vouches.slice(at, at + HASH_BYTES));
  return {
    record: {
      ...{ author: authorOf(author), number, previous, time, vouches: keys },
      ...key ? { key } : {},
      seen: Array.from(unpackSeen(seen), ([author, number]) => ({ author, number })),
      changes: new Map(changes.map(({ doc, bytes }) => [doc, bytes])),
    },
    hash,
    signature,
  };
}

/** Every record with what is wrong with it, if anything: a hash or a signature that is not its own, or a chain that is broken. */
export function* checkJournal(db: DatabaseSync): Generator<NineError> {
  const changesOf = db.prepare(SQL.changes);
  const authors = readAuthors(db.prepare(SQL.authors), db.prepare(SQL.copies));
  const heads = new Map<Author, { readonly number: number; readonly hash: string }>();
  const rows = db.prepare("SELECT * FROM journal ORDER BY id").iterate() as unknown as Iterable<JournalRow>;
  for (const row of rows) {
    const changes = changesOf.all(row.id) as { doc: DocId; bytes: Uint8Array }[];
    const wrong = (what: string) => new NineError("EIO", `Record ${row.id} of the journal: ${what}`);
    const signed = signedOf(row, changes);
    const { author, number, previous } = signed.record;
    if (hex(hashOf(signed.record)) !== hex(row.hash)) yield wrong("its hash is not that of what is in it");
    const key = authors.get(author)?.key;
    if (key === undefined) yield wrong(`its author ${author} is not known`);
    else if (!verifySignature(key, signed.hash, signed.signature)) {
      yield wrong("its signature is not that of its author");
    }
    const head = heads.get(author);
    if (head !== undefined && head.number + 1 !== number) {
      yield wrong(`it is number ${number} of its author, after number ${head.number}`);
    } else if (head !== undefined && head.hash !== hex(previous)) {
      yield wrong("it does not follow the record before it");
    }
    heads.set(author, { number, hash: hex(row.hash) });
  }
  for (const [author, { number, hash }] of authors.entries()) {
    const head = heads.get(author);
    if (head === undefined || head.number === number && head.hash === hex(hash)) continue;
    yield new NineError(
      "EIO",
      `The last record of author ${author} in the journal is ${head.number}, where ${number} is due`,
    );
  }
  for (const { id } of db.prepare(SQL.orphans).iterate() as Iterable<{ id: number }>) {
    yield new NineError("EIO", `Record ${id} of the journal is not there, and what it set is`);
  }
  for (const moment of db.prepare("SELECT seq, time, sum FROM moment").iterate()) {
    const { seq, time, sum } = moment as unknown as Moment;
    if (momentSum(seq, time) !== sum) {
      yield new NineError("EIO", `The time of record ${seq} of the journal does not match its checksum`);
    }
  }
}

function hex(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

const SQL = {
  count: "SELECT count(*) AS records FROM journal",
  countBytes: "SELECT coalesce(sum(length(bytes)), 0) AS bytes FROM change",
  lastId: "SELECT value FROM meta WHERE key = 'lastRecord'",
  setLastId: "INSERT OR REPLACE INTO meta(key, value) VALUES('lastRecord', ?)",
  add: "INSERT INTO journal(id, seq, author, number, previous, time, key, vouches, seen, hash, signature) " +
    "VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
  replace:
    "UPDATE journal SET author = ?, number = ?, previous = ?, time = ?, key = ?, vouches = ?, seen = ?, hash = ?, " +
    "signature = ? WHERE id = ?",
  addChange: "INSERT INTO change(doc, id, bytes) VALUES(?, ?, ?)",
  changes: "SELECT doc, bytes FROM change WHERE id = ?",
  after: "SELECT * FROM journal WHERE id > ? ORDER BY id LIMIT ?",
  record: "SELECT * FROM journal WHERE author = ? AND number = ?",
  hashOf: "SELECT hash FROM journal WHERE author = ? AND number = ?",
  firstBeyond: "SELECT id FROM journal WHERE author = ? AND number > ? ORDER BY number LIMIT 1",
  firstId: "SELECT min(id) AS id FROM journal",
  oldest: "SELECT min(number) AS number FROM journal WHERE author = ?",
  lastOf: "SELECT max(id) AS id FROM change WHERE doc = ?",
  keptFrom: "SELECT id FROM journal ORDER BY id DESC LIMIT 1 OFFSET ?",
  bytesAfter: "SELECT id, sum(length(bytes)) AS bytes FROM change WHERE id > ? GROUP BY id ORDER BY id DESC",
  bytesOf: "SELECT coalesce(sum(length(bytes)), 0) AS bytes FROM change WHERE id = ?",
  first: "SELECT id FROM journal WHERE id <= ? ORDER BY id LIMIT ?",
  remove: "DELETE FROM journal WHERE id = ?",
  removeChanges: "DELETE FROM change WHERE id = ?",
  letIn: "INSERT OR IGNORE INTO copy(key, since) VALUES(?, ?)",
  copies: "SELECT key FROM copy",
  orphans: "SELECT DISTINCT id FROM change WHERE id NOT IN (SELECT id FROM journal)",
  authors: "SELECT author, key, number, hash, seen FROM author",
  move: "UPDATE journal SET id = id + ? WHERE author = ? AND number > ? AND id <= ?",
  moveChanges:
    "UPDATE change SET id = id + ? WHERE id IN (SELECT id FROM journal WHERE author = ? AND number > ? AND id <= ?)",
  settle: "UPDATE extent SET root = ?, seq = ?, changes = 0",
  removeOf: "DELETE FROM journal WHERE author = ?",
  removeChangesOf: "DELETE FROM change WHERE id IN (SELECT id FROM journal WHERE author = ?)",
  removeAuthor: "DELETE FROM author WHERE author = ?",
  putAuthor: "INSERT OR REPLACE INTO author(author, key, number, hash, seen) VALUES(?, ?, ?, ?, ?)",
} as const;
