import type { Attributes } from "./attributes.ts";
import type { Time } from "./bytes.ts";
import type { Content } from "./content.ts";
import { type Dot, packValue, unpackValue } from "./dot.ts";
import type { DocId, NodeId } from "./id.ts";
import { type Key, parseKey } from "./key.ts";
import { KeyWriter, type KeyWriterOptions } from "./key_writer.ts";
import { NameWriter } from "./name_writer.ts";
import { type At, NodeWriter } from "./node_writer.ts";
import type { Changes } from "./open_batch.ts";
import { directoryOf } from "./placement.ts";
import type { Put } from "./puts.ts";
import type { VersionId } from "./stamp.ts";
import { trimmed } from "./trim.ts";
import type { Updated } from "./view.ts";

export interface WriterOptions extends KeyWriterOptions {
  /** An id that was never used. */
  newNode(): NodeId;
  /** What this author wrote up to that time may be on other copies; 0 where there are none. */
  readonly shared?: () => number;
}

/** What a batch did. */
export interface Batch {
  /** For the other copies: what is to become of it as records of this author, in order. */
  readonly records: readonly Changes[];
  /** What became of the shown tree. */
  readonly updates: readonly Updated[];
}

/** A record of another copy, checked before. */
export interface Incoming extends Dot {
  /** Whether its writer had seen that write of another author. All of its own before it, it had. */
  readonly hasSeen: (dot: Dot) => boolean;
  readonly changes: ReadonlyMap<DocId, readonly Put[]>;
}

export interface Received {
  /** Documents that were changed. */
  readonly documents: ReadonlySet<DocId>;
  readonly updated: Updated;
}

/**
 * Changes the tree on this copy, and takes in what others changed. Operations go into the documents at once and belong to one batch until `commit`, which makes one change
 * for each document and brings the index up to date.
 *
 * An operation never fails for what the tree has become meanwhile: what it names may have been moved, or removed elsewhere.
 */
export class TreeWriter {
  readonly #keys: KeyWriter;
  readonly #nodes: NodeWriter;
  readonly #names: NameWriter;

  constructor(options: WriterOptions) {
    this.#keys = new KeyWriter(options);
    this.#nodes = new NodeWriter(this.#keys, () => options.shared?.() ?? 0);
    this.#names = new NameWriter(this.#keys, this.#nodes, () => options.newNode());
  }

  /** The highest time that was used or seen. */
  get clock(): number {
    return this.#keys.clock;
  }

  /** The root directory, once in the life of a volume: copies are copied with it. */
  createRoot(attributes: Attributes): void {
    this.#nodes.createRoot(attributes);
  }

  create(at: At, attributes: Attributes, content?: Content): void {
    this.#nodes.create(at, attributes, content);
  }

  /** A further name of a file. One that was removed elsewhere and is back keeps the name that it has. */
  link(at: At, time: Time): void {
    this.#names.link(at, time);
  }

  /** Removes a name; with a directory all that are one with it; of a conflict file the version that it shows. */
  unlink(at: At, time: Time): void {
    this.#names.unlink(at, time);
  }

  /** Moves a name. What has the new name goes first, by `unlink`. A conflict file becomes a file of its own. Something removed is there again. */
  rename(at: At, to: { readonly parent: NodeId; readonly name: string }, time: Time): void {
    this.#names.rename(at, to, time);
  }

  setattr(
    node: NodeId,
    change: Partial<Pick<Attributes, "mode" | "uid" | "gid" | "atime" | "mtime">>,
    time: Time,
  ): void {
    this.#nodes.setattr(node, change, time);
  }

  /**
   * A new version of a file's content. `from`: the versions that it was made from; what else stands next to it by now, and every losing version, stays as a conflict
   * file. Without `from` it was made from all that the index shows.
   */
  content(node: NodeId, content: Content, from?: readonly VersionId[]): void {
    this.#nodes.content(node, content, from);
  }

  /** Sets an extended attribute, or without a value removes it. */
  setxattr(node: NodeId, name: string, value: Uint8Array | undefined, time: Time): void {
    this.#nodes.setxattr(node, name, value, time);
  }

  /** Ends the batch. */
  commit(): Batch {
    return this.#keys.commit();
  }

  /**
   * Takes in what other copies did, in an order in which nothing comes before what its writer had seen, and nothing twice. What was set apart stands
   * next to each other.
   */
  receive(incoming: Iterable<Incoming>): Received {
    if (!this.#keys.isEmpty) throw new Error("A batch is open: commit it before receiving");
    this.#keys.settle();
    const { documents } = this.#keys;
    const changed = new Set<DocId>();
    for (const { author, number, hasSeen, changes } of incoming) {
      for (const [id, puts] of changes) {
        const document = documents.get(id) ?? documents.create(id);
        changed.add(id);
        for (const { key, payload } of puts) {
          const node = parseKey(key)?.node ?? directoryOf(id);
          const stays = (value: Uint8Array) => {
            const { dot } = unpackValue(value, node);
            return dot.author !== author && !hasSeen(dot);
          };
          const before = document.get(key);
          const values = before.length > 0 ? before.filter(stays) : [];
          if (payload) values.push(packValue(payload, node, { author, number }));
          document.set(key, values);
          this.#keys.note(id, key);
        }
      }
    }
    return { documents: changed, updated: this.#keys.received(changed) };
  }

  /** Sets keys as they were, as part of the batch. */
  putAgain(puts: Iterable<readonly [DocId, Key, Uint8Array]>): void {
    for (const [doc, key, payload] of puts) {
      this.#keys.set(doc, key, payload, parseKey(key)?.node ?? directoryOf(doc));
    }
  }

  /** Takes over what stands in keys, as it is in another state of the same volume. */
  adopt(values: Iterable<readonly [DocId, Key, readonly Uint8Array[]]>): Received {
    if (!this.#keys.isEmpty) throw new Error("A batch is open: commit it before adopting");
    this.#keys.settle();
    const { documents } = this.#keys;
    const changed = new Set<DocId>();
    for (const [id, key, all] of values) {
      (documents.get(id) ?? documents.create(id)).set(key, [...all]);
      changed.add(id);
      this.#keys.note(id, key);
    }
    return { documents: changed, updated: this.#keys.received(changed) };
  }

  /**
   * Takes out of a document what shows nothing any more and nothing can come back to, as part of the batch, so that the other copies do the same. Only what
   * `isStable` is looked at: documents of which every copy has everything. `onWait` is told where something stays only until another document is trimmed.
   */
  trim(id: DocId, isStable: (id: DocId) => boolean, onWait: () => void = () => {}): void {
    this.#keys.settle();
    const { documents, index } = this.#keys;
    const document = documents.get(id);
    if (document === undefined) return;
    const other = (id: DocId) => documents.get(id);
    for (const { key, node, payload } of [...trimmed(document, other, index, isStable, onWait)]) {
      this.#keys.set(id, key, payload, node ?? directoryOf(id));
    }
  }

  /** A record of this author was written that sets nothing. To be called between batches. */
  passRecord(): void {
    this.#keys.passRecord();
  }

  /** Brings nodes up to date of which bytes that a merge needs have come. */
  refresh(nodes: Iterable<NodeId>): Updated {
    return this.#keys.refresh(nodes);
  }
}
