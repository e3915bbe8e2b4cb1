import { randomBytes } from "node:crypto";
import type { DatabaseSync, StatementSync } from "node:sqlite";
import { crc32 } from "node:zlib";
import { NineError, reasonOf } from "../../9p/mod.ts";
import type { DocId, DocumentCore, Documents, TreeDocument } from "../tree/mod.ts";

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

/** The documents in the database: each as it was last saved, and the changes of the journal since. */
export class StoredDocuments implements Documents {
  /** A process start takes a fresh actor: two that write at the same time must not have the same. */
  readonly #actor = randomBytes(16).toString("hex");
  /** The one used last is last. */
  readonly #loaded = new Map<DocId, Loaded>();
  readonly #keys = new Map<DocId, number>();
  readonly #get: StatementSync;
  readonly #put: StatementSync;
  readonly #putKeys: StatementSync;
  readonly #keysIn: StatementSync;
  readonly #since: StatementSync;
  readonly #ids: StatementSync;

  constructor(db: DatabaseSync, readonly core: DocumentCore) {
    this.#get = db.prepare("SELECT saved, seq, sum FROM document WHERE id = ?");
    this.#put = db.prepare(
      "INSERT OR REPLACE INTO document(id, saved, seq, keys, sum) VALUES(?, ?, ?, ?, ?)",
    );
    this.#putKeys = db.prepare(
      "INSERT INTO document(id, saved, seq, keys, sum) VALUES(?, x'', 0, ?, 0) ON CONFLICT DO UPDATE SET keys = excluded.keys",
    );
    this.#keysIn = db.prepare("SELECT keys FROM document WHERE id = ?");
    this.#ids = db.prepare("SELECT id FROM document");
    this.#since = db.prepare("SELECT seq, bytes FROM change WHERE doc = ? AND seq > ? ORDER BY seq");
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
    const document = this.core.create(id, this.#actor);
    this.#loaded.set(id, { document, changes: 0, bytes: 0, savedBytes: 0 });
    return document;
  }

  keysIn(id: DocId): number {
    const loaded = this.#loaded.get(id);
    if (loaded !== undefined) return loaded.document.size;
    let keys = this.#keys.get(id);
    if (keys === undefined) {
      keys = (this.#keysIn.get(id) as { keys: number } | undefined)?.keys ?? 0;
      this.#keys.set(id, keys);
    }
    return keys;
  }

  drop(id: DocId): void {
    this.#loaded.get(id)?.document.free();
    this.#loaded.delete(id);
  }

  /** Takes account of changes that the journal has as record `seq`, and saves what has many of them. */
  changed(seq: number, changes: ReadonlyMap<DocId, Uint8Array>): void {
    for (const [id, { byteLength }] of changes) {
      const loaded = this.#loaded.get(id);
      if (loaded === undefined) continue;
      loaded.changes++;
      loaded.bytes += byteLength;
      const { document } = loaded;
      this.#keys.delete(id);
      if (loaded.changes < CHANGES_MAX && loaded.bytes < loaded.savedBytes + 65_536) {
        this.#putKeys.run(id, document.size);
        continue;
      }
      const saved = document.save();
      this.#put.run(id, saved, seq, document.size, crc32(saved));
      Object.assign(loaded, { changes: 0, bytes: 0, savedBytes: saved.byteLength });
    }
    while (this.#loaded.size > LOADED_MAX) this.drop(this.#loaded.keys().next().value!);
  }

  /**
   * Documents that are not what was saved are made anew from their changes, in the transaction that is open. Says which; EIO where the journal does
   * not have all of them.
   */
  mend(): string[] {
    const mended: string[] = [];
    for (const { id } of this.#ids.all() as { id: DocId }[]) {
      const { saved, sum } = this.#get.get(id) as { saved: Uint8Array; sum: number };
      if (crc32(saved) === sum) continue;
      this.drop(id);
      const document = this.core.create(id, this.#actor);
      const changes = this.#since.all(id, 0) as { seq: number; bytes: Uint8Array }[];
      try {
        document.apply(changes.map(({ bytes }) => bytes));
        if (changes.length === 0 || document.missing().length > 0) {
          throw new Error("some changes are not there");
        }
      } catch (thrown) {
        document.free();
        throw new NineError(
          "EIO",
          `Document ${id} is damaged, and its changes do not make it: ${reasonOf(thrown)}`,
        );
      }
      const whole = document.save();
      this.#put.run(id, whole, changes[changes.length - 1].seq, document.size, crc32(whole));
      document.free();
      mended.push(`Document ${id} was damaged, and was made anew from the journal`);
    }
    return mended;
  }

  /** Every document, each to be let go before the next; for who checks them all. */
  *all(): Generator<TreeDocument> {
    for (const { id } of this.#ids.all() as { id: DocId }[]) {
      const document = this.get(id);
      if (document !== undefined) yield document;
    }
  }

  free(): void {
    for (const id of [...this.#loaded.keys()]) this.drop(id);
  }

  #load(id: DocId): Loaded | undefined {
    const row = this.#get.get(id) as { saved: Uint8Array; seq: number; sum: number } | undefined;
    if (row === undefined) return undefined;
    const { saved, seq, sum } = row;
    if (crc32(saved) !== sum) {
      throw new NineError("EIO", `Document ${id} of ${saved.byteLength} bytes does not match its checksum`);
    }
    const document = saved.byteLength === 0
      ? this.core.create(id, this.#actor)
      : this.core.load(id, saved, this.#actor);
    const changes = (this.#since.all(id, seq) as { bytes: Uint8Array }[]).map(({ bytes }) => bytes);
    if (changes.length > 0) document.apply(changes);
    const bytes = changes.reduce((sum, { byteLength }) => sum + byteLength, 0);
    return { document, changes: changes.length, bytes, savedBytes: saved.byteLength };
  }
}
