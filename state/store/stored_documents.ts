import { randomBytes } from "node:crypto";
import type { DatabaseSync, StatementSync } from "node:sqlite";
import { crc32 } from "node:zlib";
import { NineError, reasonOf } from "../../9p/mod.ts";
import {
  authorOf,
  directoryOf,
  type DocId,
  type DocumentCore,
  type Documents,
  type Dot,
  packValue,
  parseKey,
  type TreeDocument,
  unpackPuts,
} from "../tree/mod.ts";
import { checkJournal, type Entry } from "./journal.ts";

/** Documents in memory, beyond those with an open change. */
const LOADED_MAX = 64;
/** A document is saved whole once so many changes came since, or so many bytes more than it has. */
const CHANGES_MAX = 64;

interface Loaded {
  readonly document: TreeDocument;
  /** Changes since it was saved, and their bytes. */
  changes: number;
  bytes: number;
  savedBytes: number;
}

interface DocumentRow {
  readonly root: number;
  readonly seq: number;
  /** Records since then that set something in it. */
  readonly changes: number;
  /** Null where it was never saved. */
  readonly saved: Uint8Array | null;
  readonly sum: number | null;
}

/** Of a document: how many keys it has, and how often keys were set, ever. What is beyond is history. */
export interface Extent {
  readonly doc: DocId;
  readonly keys: number;
  readonly operations: number;
}

/** The documents in the database: each as it was last saved, and the changes of the journal since. */
export class StoredDocuments implements Documents {
  /** A process start takes a fresh actor. */
  readonly actor = randomBytes(16).toString("hex");
  /** The one used last is last. */
  readonly #loaded = new Map<DocId, Loaded>();
  readonly #keys = new Map<DocId, number>();
  readonly #sql: Record<keyof typeof SQL, StatementSync>;

  constructor(readonly db: DatabaseSync, readonly core: DocumentCore) {
    this.#sql = Object.fromEntries(
      Object.entries(SQL).map(([name, text]) => [name, db.prepare(text)]),
    ) as Record<keyof typeof SQL, StatementSync>;
  }

  get(id: DocId): TreeDocument | undefined {
    let loaded = this.#loaded.get(id);
    if (loaded === undefined) {
      loaded = this.#load(id);
      if (loaded === undefined) return undefined;
    } else this.#loaded.delete(id);
    this.#loaded.set(id, loaded);
    return loaded.document;
  }

  create(id: DocId): TreeDocument {
    const document = this.core.create(id, this.actor);
    this.#loaded.set(id, { document, changes: 0, bytes: 0, savedBytes: 0 });
    return document;
  }

  keysIn(id: DocId): number {
    const loaded = this.#loaded.get(id);
    if (loaded !== undefined) return loaded.document.size;
    let keys = this.#keys.get(id);
    if (keys === undefined) {
      keys = (this.#sql.keysIn.get(id) as { keys: number } | undefined)?.keys ?? 0;
      this.#keys.set(id, keys);
    }
    return keys;
  }

  drop(id: DocId): void {
    this.#loaded.get(id)?.document.free();
    this.#loaded.delete(id);
  }

  /**
   * Takes account of what this copy wrote, and the journal has, and saves what has many such records. Tells how large each document is now.
   */
  changed(entries: readonly Entry[]): Extent[] {
    const extents = new Map<DocId, Extent>();
    for (const { id: record, changes } of entries) {
      for (const [id, { byteLength }] of changes) {
        const loaded = this.#loaded.get(id);
        if (loaded === undefined) continue;
        loaded.changes++;
        loaded.bytes += byteLength;
        const { size: keys, operations } = loaded.document;
        this.#keys.delete(id);
        // What began with this record has everything after the one before it.
        this.#sql.extend.run(id, record - 1, record - 1, keys, operations);
        extents.set(id, { doc: id, keys, operations });
      }
    }
    const last = entries.at(-1)?.id ?? 0;
    for (const id of extents.keys()) {
      const { changes, bytes, savedBytes } = this.#loaded.get(id)!;
      if (changes >= CHANGES_MAX || bytes >= savedBytes + 65_536) this.#save(id, last);
    }
    this.trim();
    return [...extents.values()];
  }

  /**
   * Takes account of what others wrote, up to record `last`. It is saved whole: what of it stands next to what is a matter of what its writers had seen, and
   * is not asked again.
   */
  received(ids: Iterable<DocId>, last: number): Extent[] {
    const extents: Extent[] = [];
    for (const id of ids) {
      const { document } = this.#loaded.get(id)!;
      const { size: keys, operations } = document;
      this.#keys.delete(id);
      this.#sql.extend.run(id, last, last, keys, operations);
      this.#save(id, last);
      this.#sql.rooted.run(last, last, keys, operations, id);
      extents.push({ doc: id, keys, operations });
    }
    this.trim();
    return extents;
  }

  /** Lets go of documents that were not used for long, all of whose changes are in the database. */
  trim(but?: DocId): void {
    for (const id of this.#loaded.keys()) {
      if (this.#loaded.size <= LOADED_MAX) return;
      if (id !== but) this.drop(id);
    }
  }

  /** Puts a document in the place of the one of its name: nothing of that one is kept. Its changes are those after record `seq`. */
  replace(next: TreeDocument, seq: number): void {
    const { id, size, operations } = next;
    const saved = next.save();
    this.drop(id);
    this.#keys.delete(id);
    this.#sql.put.run(id, saved, crc32(saved));
    this.#sql.rooted.run(seq, seq, size, operations, id);
  }

  /** Nothing is in it any more. */
  remove(id: DocId): void {
    this.drop(id);
    this.#keys.delete(id);
    this.#sql.remove.run(id);
    this.#sql.removeExtent.run(id);
  }

  /** Documents that do not do yet without changes up to record `seq`, at most `max`. */
  needing(seq: number, max: number): DocId[] {
    return (this.#sql.needing.all(seq, max) as { doc: DocId }[]).map(({ doc }) => doc);
  }

  /** Saves a document as it is after record `seq`, so that no change up to it is needed. */
  settle(id: DocId, seq: number): void {
    if (this.get(id) !== undefined) this.#save(id, seq);
    this.trim();
  }

  /** Documents in which more than `slack` and this part of the keys was set again, and those of directories that are gone. */
  overgrown(slack: number, part: number): DocId[] {
    return (this.#sql.overgrown.all(slack, part) as { doc: DocId }[]).map(({ doc }) => doc);
  }

  /**
   * Documents that are not what was saved are made anew from their changes, in the transaction that is open. Says which; EIO where the journal does
   * not have all of them.
   */
  mend(): string[] {
    const mended: string[] = [];
    for (const { doc: id } of this.#sql.ids.all() as { doc: DocId }[]) {
      const { root, saved, sum } = this.#sql.get.get(id) as unknown as DocumentRow;
      if (sum === null || crc32(saved!) === sum) continue;
      this.drop(id);
      const document = this.core.create(id, this.actor);
      // Those of a document that was re-rooted begin with what is damaged.
      const changes = this.#sql.since.all(id, root) as unknown as ChangeRow[];
      try {
        if (changes.length === 0) throw new Error("there are none");
        for (const wrong of checkJournal(this.db)) throw wrong;
        replay(document, changes);
      } catch (thrown) {
        document.free();
        throw new NineError(
          "EIO",
          `Document ${id} is damaged, and its changes do not make it: ${reasonOf(thrown)}`,
        );
      }
      const whole = document.save();
      this.#sql.put.run(id, whole, crc32(whole));
      this.#sql.saved.run(changes[changes.length - 1].id, id);
      document.free();
      mended.push(`Document ${id} was damaged, and was made anew from the journal`);
    }
    return mended;
  }

  /** The ids of all documents. */
  ids(): DocId[] {
    return (this.#sql.ids.all() as { doc: DocId }[]).map(({ doc }) => doc);
  }

  /** Every document, each to be let go before the next; for who checks them all. */
  *all(): Generator<TreeDocument> {
    for (const { doc } of this.#sql.ids.all() as { doc: DocId }[]) {
      const document = this.get(doc);
      if (document !== undefined) yield document;
    }
  }

  free(): void {
    for (const id of [...this.#loaded.keys()]) this.drop(id);
  }

  #save(id: DocId, seq: number): void {
    const loaded = this.#loaded.get(id)!;
    const saved = loaded.document.save();
    this.#sql.put.run(id, saved, crc32(saved));
    this.#sql.saved.run(seq, id);
    Object.assign(loaded, { changes: 0, bytes: 0, savedBytes: saved.byteLength });
  }

  #load(id: DocId): Loaded | undefined {
    const row = this.#sql.get.get(id) as DocumentRow | undefined;
    if (row === undefined) return undefined;
    const { seq, sum } = row;
    const saved = row.saved ?? new Uint8Array(0);
    if (sum !== null && crc32(saved) !== sum) {
      throw new NineError("EIO", `Document ${id} of ${saved.byteLength} bytes does not match its checksum`);
    }
    const document = saved.byteLength === 0
      ? this.core.create(id, this.actor)
      : this.core.load(id, saved, this.actor);
    const changes = this.#sql.since.all(id, seq) as unknown as ChangeRow[];
    if (changes.length !== row.changes) {
      document.free();
      throw new NineError(
        "EIO",
        `Document ${id} is damaged: ${changes.length} records since it was saved are here, of ${row.changes}`,
      );
    }
    replay(document, changes);
    const bytes = changes.reduce((sum, { bytes }) => sum + bytes.byteLength, 0);
    return { document, changes: changes.length, bytes, savedBytes: saved.byteLength };
  }
}

/** What this copy wrote since a document was saved: it had seen all that was there. */
function replay(document: TreeDocument, changes: readonly ChangeRow[]): void {
  for (const { author, number, bytes } of changes) {
    const dot: Dot = { author: authorOf(author), number };
    for (const { key, payload } of unpackPuts(bytes)) {
      const node = parseKey(key)?.node ?? directoryOf(document.id);
      document.set(key, payload ? [packValue(payload, node, dot)] : []);
    }
    document.commit();
  }
}

interface ChangeRow {
  readonly id: number;
  readonly author: Uint8Array;
  readonly number: number;
  readonly bytes: Uint8Array;
}

const SQL = {
  get:
    "SELECT extent.root, extent.seq, changes, saved, sum FROM extent LEFT JOIN document ON id = doc WHERE doc = ?",
  put: "INSERT OR REPLACE INTO document(id, saved, sum) VALUES(?, ?, ?)",
  remove: "DELETE FROM document WHERE id = ?",
  extend: "INSERT INTO extent(doc, root, seq, keys, operations, changes) VALUES(?, ?, ?, ?, ?, 1) " +
    "ON CONFLICT DO UPDATE SET keys = excluded.keys, operations = excluded.operations, changes = changes + 1",
  saved: "UPDATE extent SET seq = ?, changes = 0 WHERE doc = ?",
  rooted: "UPDATE extent SET root = ?, seq = ?, keys = ?, operations = ?, changes = 0 WHERE doc = ?",
  removeExtent: "DELETE FROM extent WHERE doc = ?",
  keysIn: "SELECT keys FROM extent WHERE doc = ?",
  ids: "SELECT doc FROM extent",
  since: "SELECT change.id, author, number, bytes FROM change JOIN journal ON journal.id = change.id " +
    "WHERE doc = ? AND change.id > ? ORDER BY change.id",
  // The primary key of `change` finds the first one that a document needs.
  needing: "SELECT doc FROM extent WHERE " +
    "(SELECT min(change.id) FROM change WHERE change.doc = extent.doc AND change.id > extent.seq) <= ? LIMIT ?",
  overgrown: "SELECT doc FROM extent WHERE operations - keys > max(?, keys * ?) " +
    "OR NOT EXISTS (SELECT 1 FROM node WHERE id = substr(doc, 1, instr(doc || '.', '.') - 1))",
} as const;
