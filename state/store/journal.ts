import { createHash } from "node:crypto";
import type { DatabaseSync, StatementSync } from "node:sqlite";
import { NineError } from "../../9p/mod.ts";
import type { DocId } from "../tree/mod.ts";
import { type Moment, Moments, momentSum } from "./moments.ts";

/** One record of the journal: what one transaction did to the documents. */
export interface JournalRecord {
  /** Who wrote it, an incarnation of a store, and the author's own number for it, which goes up by one. */
  readonly author: Uint8Array;
  readonly number: number;
  /** The hash of the author's record before it; 32 zero bytes before the first. */
  readonly previous: Uint8Array;
  /** Seconds since 1970. */
  readonly time: number;
  readonly changes: ReadonlyMap<DocId, Uint8Array>;
}

export const HASH_BYTES = 32;
/** With more records, or bytes of changes, the older ones go. */
export interface JournalBounds {
  readonly records: number;
  readonly bytes: number;
}

export const JOURNAL_BOUNDS: JournalBounds = { records: 8192, bytes: 64 * 1024 * 1024 };

/** SHA-256 of the record: everything in it, in one order, each piece after its length. */
export function hashOf({ author, number, previous, time, changes }: JournalRecord): Uint8Array {
  const hash = createHash("sha256").update("lux9 journal 1").update(author).update(previous);
  const numbers = new Float64Array([number, time, changes.size]);
  hash.update(new Uint8Array(numbers.buffer));
  for (const [doc, change] of [...changes].sort(([a], [b]) => a < b ? -1 : 1)) {
    hash.update(`${doc.length}:${doc}${change.byteLength}:`).update(change);
  }
  return new Uint8Array(hash.digest());
}

/** The journal in the database: every transaction is a record, and each author's records are a chain. */
export class Journal {
  readonly #add: StatementSync;
  readonly #addChange: StatementSync;
  readonly #last: StatementSync;
  readonly #moments: Moments;
  readonly #db: DatabaseSync;
  #records: number;
  #bytes: number;

  constructor(db: DatabaseSync, readonly bounds: JournalBounds = JOURNAL_BOUNDS) {
    this.#db = db;
    this.#moments = new Moments(db);
    const { records } = db.prepare("SELECT count(*) AS records FROM journal").get() as { records: number };
    const { bytes } = db.prepare("SELECT coalesce(sum(length(bytes)), 0) AS bytes FROM change").get() as {
      bytes: number;
    };
    this.#records = records;
    this.#bytes = bytes;
    this.#add = db.prepare(
      "INSERT INTO journal(seq, author, number, previous, time, hash, signature) VALUES(?, ?, ?, ?, ?, ?, NULL)",
    );
    this.#addChange = db.prepare("INSERT INTO change(doc, seq, bytes) VALUES(?, ?, ?)");
    this.#last = db.prepare("SELECT number, hash FROM journal WHERE author = ? ORDER BY number DESC LIMIT 1");
  }

  /** Adds a record of this store as number `seq` of the journal. */
  append(seq: number, author: Uint8Array, time: number, changes: ReadonlyMap<DocId, Uint8Array>): void {
    const last = this.#last.get(author) as { number: number; hash: Uint8Array } | undefined;
    const record = {
      ...{ author, time, changes },
      number: (last?.number ?? 0) + 1,
      previous: last?.hash ?? new Uint8Array(HASH_BYTES),
    };
    this.#add.run(seq, author, record.number, record.previous, time, hashOf(record));
    this.#moments.add(seq, time);
    this.#records++;
    for (const [doc, bytes] of changes) {
      this.#addChange.run(doc, seq, bytes);
      this.#bytes += bytes.byteLength;
    }
  }

  /** Whether it has grown beyond its bounds. */
  get isLong(): boolean {
    return this.#records > this.bounds.records || this.#bytes > this.bounds.bytes;
  }

  /** The last record that can go so that what is left is half of what the journal may have; 0 where none need go. */
  surplus(): number {
    const at = this.#db.prepare("SELECT seq FROM journal ORDER BY seq DESC LIMIT 1 OFFSET ?")
      .get(Math.ceil(this.bounds.records / 2)) as { seq: number } | undefined;
    let last = at?.seq ?? 0;
    let bytes = 0;
    const rows = this.#db.prepare(
      "SELECT seq, sum(length(bytes)) AS bytes FROM change WHERE seq > ? GROUP BY seq ORDER BY seq DESC",
    ).all(last) as { seq: number; bytes: number }[];
    for (const [i, row] of rows.entries()) {
      bytes += row.bytes;
      if (bytes <= this.bounds.bytes / 2) continue;
      // The newest record is what the next one follows.
      last = i === 0 ? row.seq - 1 : row.seq;
      break;
    }
    return last;
  }

  /** Lets go of the oldest records up to `last`, at most `max`; whether there are more. */
  shorten(last: number, max: number): boolean {
    const gone = this.#db.prepare(
      "SELECT seq, author, number, hash FROM journal WHERE seq <= ? ORDER BY seq LIMIT ?",
    ).all(last, max) as unknown as (Pick<JournalRow, "seq" | "author" | "number" | "hash">)[];
    const chain = this.#db.prepare("INSERT OR REPLACE INTO chain(author, number, hash) VALUES(?, ?, ?)");
    const changes = this.#db.prepare(
      "SELECT coalesce(sum(length(bytes)), 0) AS bytes FROM change WHERE seq = ?",
    );
    const remove = this.#db.prepare("DELETE FROM journal WHERE seq = ?");
    const removeChanges = this.#db.prepare("DELETE FROM change WHERE seq = ?");
    for (const { seq, author, number, hash } of gone) {
      chain.run(author, number, hash);
      this.#bytes -= (changes.get(seq) as { bytes: number }).bytes;
      removeChanges.run(seq);
      remove.run(seq);
    }
    this.#records -= gone.length;
    return gone.length === max;
  }
}

interface JournalRow {
  readonly seq: number;
  readonly author: Uint8Array;
  readonly number: number;
  readonly previous: Uint8Array;
  readonly time: number;
  readonly hash: Uint8Array;
}

/** Every record with what is wrong with it, if anything: a hash that is not its own, or a chain that is broken. */
export function* checkJournal(db: DatabaseSync): Generator<NineError> {
  const changesOf = db.prepare("SELECT doc, bytes FROM change WHERE seq = ?");
  const heads = new Map<string, { readonly number: number; readonly hash: string }>();
  const gone = db.prepare("SELECT author, number, hash FROM chain").all();
  for (const { author, number, hash } of gone as unknown as JournalRow[]) {
    heads.set(hex(author), { number, hash: hex(hash) });
  }
  const rows = db.prepare("SELECT seq, author, number, previous, time, hash FROM journal ORDER BY seq")
    .iterate();
  for (const { seq, author, number, previous, time, hash } of rows as Iterable<JournalRow>) {
    const changes = new Map(
      (changesOf.all(seq) as { doc: DocId; bytes: Uint8Array }[]).map(({ doc, bytes }) => [doc, bytes]),
    );
    const wrong = (what: string) => new NineError("EIO", `Record ${seq} of the journal: ${what}`);
    if (hex(hashOf({ author, number, previous, time, changes })) !== hex(hash)) {
      yield wrong("its hash is not that of what is in it");
    }
    const head = heads.get(hex(author)) ?? { number: 0, hash: hex(new Uint8Array(HASH_BYTES)) };
    if (head.number + 1 !== number) {
      yield wrong(`it is number ${number} of its author, after number ${head.number}`);
    }
    if (head.hash !== hex(previous)) {
      yield wrong("it does not follow the record before it");
    }
    heads.set(hex(author), { number, hash: hex(hash) });
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
