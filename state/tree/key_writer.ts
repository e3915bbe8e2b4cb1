import { type AttributesRecord, packAttributes } from "./attributes.ts";
import { Packer } from "./bytes.ts";
import { type Base, packVersion, type Version } from "./content.ts";
import type { Documents } from "./documents.ts";
import { type Edge, packEdge } from "./edge.ts";
import { type Facts, FactsReader } from "./facts.ts";
import { type Author, creatorOf, type DocId, type NodeId, NUMBER_MAX } from "./id.ts";
import { type Key, keyOf, parseKey, type Slot } from "./key.ts";
import { type Changes, OpenBatch } from "./open_batch.ts";
import { placeFor } from "./placement.ts";
import { unpackRecords } from "./records.ts";
import type { TreeIndex } from "./rows.ts";
import { type Stamp, versionId } from "./stamp.ts";
import type { Merger } from "./standing.ts";
import { type Updated, View } from "./view.ts";

/** A node as the open batch has it. */
export interface Known {
  readonly home: DocId;
  attributes: AttributesRecord;
  /** The batch gave it contents. */
  isWritten: boolean;
  /** What these were made from. */
  bases?: readonly Base[];
}

/** One that the batch made, and the edge that it was made with. */
export interface Made extends Known {
  readonly edge: Edge;
}

export interface KeyWriterOptions {
  readonly documents: Documents;
  readonly index: TreeIndex;
  readonly merge: Merger;
  /** The incarnation of this store. */
  readonly author: Author;
  /** The clock as `clock` last said; it must never go back, or two versions would have one name. */
  readonly clock: number;
  /** The number of the last record of this author. */
  readonly number: number;
}

const NO_ROWS = { nodes: [], forgotten: [], edges: [], removed: [] };

/**
 * Sets keys of documents at once, as part of the open batch, and brings the index up to date with them when somebody has to see what became of it. What the batch did to a
 * node can be added to without that.
 */
export class KeyWriter {
  readonly documents: Documents;
  readonly index: TreeIndex;
  readonly author: Author;
  readonly #view: View;
  #clock: number;
  readonly #batch: OpenBatch;
  /** Keys that were set since the index was last brought up to date. */
  #dirty = new Map<DocId, Set<Key>>();
  readonly #dirtyNodes = new Set<NodeId>();
  #updates: Updated[] = [];
  /** Nodes that this batch made and that the index does not know yet. */
  readonly #made = new Map<NodeId, Made>();
  /** Nodes that were looked up, with what this batch has set since: they can be set again without bringing the index up to date. */
  readonly #known = new Map<NodeId, Known>();

  constructor({ documents, index, merge, author, clock, number }: KeyWriterOptions) {
    this.documents = documents;
    this.index = index;
    this.author = author;
    this.#clock = clock;
    this.#batch = new OpenBatch(documents, author, number + 1);
    this.#view = new View(index, (id) => documents.get(id), merge);
  }

  /** The highest time that was used or seen. */
  get clock(): number {
    return this.#clock;
  }

  /** One that no other write has. */
  stamp(): Stamp {
    this.#clock = Math.min(this.#clock + 1, NUMBER_MAX);
    return this.lastStamp();
  }

  /** One of the highest time. */
  lastStamp(): Stamp {
    return { at: this.#clock, author: this.author };
  }

  /** Brings the index up to date with what was set so far. */
  settle(): void {
    this.#known.clear();
    if (this.#dirty.size === 0) return;
    const updated = this.#view.update(this.#dirty);
    this.#dirty = new Map();
    this.#dirtyNodes.clear();
    this.#made.clear();
    this.#updates.push(updated);
    this.#clock = Math.max(this.#clock, updated.newest);
  }

  /** The same, if the index does not show this node as it is. */
  settleNode(node: NodeId): void {
    if (this.#dirtyNodes.has(node)) this.settle();
  }

  /** Brings nodes up to date of which bytes that a merge needs have come. */
  refresh(nodes: Iterable<NodeId>): Updated {
    this.settle();
    return this.#view.update(new Map(), nodes);
  }

  /** Ends the batch: what is to be records, and what became of the shown tree. */
  commit(): { readonly records: readonly Changes[]; readonly updates: readonly Updated[] } {
    this.settle();
    const records = this.#batch.commit();
    const updates = this.#updates;
    this.#updates = [];
    return { records, updates };
  }

  /** Nothing was set since the last batch. */
  get isEmpty(): boolean {
    return this.#batch.isEmpty;
  }

  /** A record of this author was written that sets nothing. To be called between batches. */
  passRecord(): void {
    this.#batch.passRecord();
  }

  /** Ends what others set in these documents, and `note` was told of. Gives what became of the shown tree. */
  received(changed: Iterable<DocId>): Updated {
    for (const id of changed) this.documents.get(id)?.commit();
    this.settle();
    return this.#updates.pop() ?? { rows: NO_ROWS, problems: [], newest: 0 };
  }

  /** A key was set, which the index does not show. */
  note(doc: DocId, key: Key, node: NodeId | undefined = parseKey(key)?.node): void {
    const keys = this.#dirty.get(doc);
    if (keys) keys.add(key);
    else this.#dirty.set(doc, new Set([key]));
    if (node !== undefined) this.#dirtyNodes.add(node);
  }

  set(doc: DocId, key: Key, payload: Uint8Array | undefined, node: NodeId): void {
    this.#batch.set(doc, key, payload, node);
    this.note(doc, key, node);
  }

  put(doc: DocId, node: NodeId, part: string, payload: Uint8Array): void {
    this.set(doc, keyOf(node, part), payload, node);
  }

  putAttributes(node: NodeId, home: DocId, record: AttributesRecord): void {
    const packer = new Packer();
    packAttributes(packer, record, creatorOf(node));
    this.put(home, node, "m", packer.take());
  }

  putEdge(doc: DocId, node: NodeId, slot: Slot, edge: Edge): void {
    this.put(doc, node, slot === "" ? "e" : "e:" + slot, packEdge(edge, node));
  }

  putLost(home: DocId, node: NodeId, version: Version): void {
    this.put(home, node, "l:" + versionId(version.stamp), packVersion(version, node));
  }

  /** The document that a name of a directory goes into. */
  placeFor(directory: NodeId, name: string): DocId {
    return placeFor(directory, name, (doc) => this.documents.keysIn(doc));
  }

  /** A node was made. */
  noteMade(node: NodeId, made: Made): void {
    this.#made.set(node, made);
  }

  /** A node that the batch made. */
  made(node: NodeId): Made | undefined {
    return this.#made.get(node);
  }

  /** Where a node's records are, and its attributes; undefined for one that is not here. */
  look(node: NodeId): Known | undefined {
    const known = this.#known.get(node);
    if (known) return known;
    this.settleNode(node);
    const { home, attributes } = this.factsOf(node);
    if (!home || !attributes) return undefined;
    const found = { home, attributes, isWritten: false };
    this.#known.set(node, found);
    return found;
  }

  /** All that documents have of a node. */
  factsOf(node: NodeId): Facts {
    const reader = new FactsReader(node, []);
    for (const [doc, parts] of unpackRecords(this.index.node(node)?.records ?? "")) {
      const document = this.documents.get(doc);
      for (const part of document ? parts : []) {
        const key = keyOf(node, part);
        const known = parseKey(key);
        if (known && document) reader.add(doc, known, document.get(key));
      }
    }
    return reader.facts();
  }
}
