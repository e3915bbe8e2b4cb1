import type { Documents } from "./documents.ts";
import { packValue } from "./dot.ts";
import type { Author, DocId, NodeId } from "./id.ts";
import type { Key } from "./key.ts";
import { packPuts } from "./puts.ts";

/** What was set in each document that was changed, as puts.ts packs it. */
export type Changes = ReadonlyMap<DocId, Uint8Array>;

/** A record is about so long, so that each fits a message to another copy; a larger batch becomes several. */
const RECORD_BYTES = 512 * 1024;
/** Lengths that are told with a put, or with a document, at most about. */
const LENGTH_BYTES = 4;

/** A batch of keys that this author sets: they go into the documents at once, and into as many records as it takes. */
export class OpenBatch {
  readonly #documents: Documents;
  readonly #author: Author;
  /** Of the record that is being filled. */
  #number: number;
  /** What is in that, by document. */
  readonly #open = new Map<DocId, Map<Key, Uint8Array | undefined>>();
  /** How many bytes that is, about. */
  #openBytes = 0;
  /** Records that are full. */
  #records: Changes[] = [];
  readonly #changed = new Set<DocId>();

  /** `number` is that of the first record. */
  constructor(documents: Documents, author: Author, number: number) {
    this.#documents = documents;
    this.#author = author;
    this.#number = number;
  }

  get isEmpty(): boolean {
    return this.#changed.size === 0;
  }

  /** Without a payload the key goes. */
  set(doc: DocId, key: Key, payload: Uint8Array | undefined, node: NodeId): void {
    const dot = { author: this.#author, number: this.#number };
    const values = payload === undefined ? [] : [packValue(payload, node, dot)];
    (this.#documents.get(doc) ?? this.#documents.create(doc)).set(key, values);
    this.#changed.add(doc);
    let open = this.#open.get(doc);
    if (open === undefined) {
      this.#open.set(doc, open = new Map());
      this.#openBytes += doc.length + LENGTH_BYTES;
    }
    open.set(key, payload);
    this.#openBytes += key.length + (payload?.length ?? 0) + LENGTH_BYTES;
    if (this.#openBytes >= RECORD_BYTES) this.#endRecord();
  }

  /** Ends the batch and begins the next one. Gives its records, in order. */
  commit(): Changes[] {
    this.#endRecord();
    for (const id of this.#changed) this.#documents.get(id)?.commit();
    this.#changed.clear();
    const records = this.#records;
    this.#records = [];
    return records;
  }

  /** A record of this author was written that sets nothing. To be called between batches. */
  passRecord(): void {
    this.#number++;
  }

  /** What is set from now on goes into another record. */
  #endRecord(): void {
    if (this.#open.size === 0) return;
    const pack = (puts: ReadonlyMap<Key, Uint8Array | undefined>) =>
      packPuts(Array.from(puts, ([key, payload]) => ({ key, payload })));
    this.#records.push(new Map(Array.from(this.#open, ([id, puts]) => [id, pack(puts)])));
    this.#open.clear();
    this.#openBytes = 0;
    this.#number++;
  }
}
