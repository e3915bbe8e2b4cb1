import { createHash } from "node:crypto";
import type { DatabaseSync, StatementSync } from "node:sqlite";
import { NineError } from "../../9p/mod.ts";
import type { DocId } from "../tree/mod.ts";

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

  constructor(db: DatabaseSync) {
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
    for (const [doc, bytes] of changes) this.#addChange.run(doc, seq, bytes);
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
    const head = heads.get(hex(author));
    if (head !== undefined && head.number + 1 !== number) {
      yield wrong(`it is number ${number} of its author, after number ${head.number}`);
    }
    if (head !== undefined && head.hash !== hex(previous)) {
      yield wrong("it does not follow the record before it");
    }
    heads.set(hex(author), { number, hash: hex(hash) });
  }
}

function hex(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}
