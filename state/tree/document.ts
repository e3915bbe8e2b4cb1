import type { DocId } from "./id.ts";
import type { Key } from "./key.ts";

/**
 * One document: a flat map from keys to packed values, of which copies that changed it apart come to the same state by exchanging changes.
 * Automerge stands behind it (`state/automerge`); the tree uses nothing of it but this.
 *
 * A key that was set on two copies at the same time has both values, until somebody who sees both sets it again. No key is ever removed.
 */
export interface TreeDocument {
  readonly id: DocId;
  /** How many keys there are, about: what is set again within one batch may count twice. */
  readonly size: number;
  /** How often keys were set, ever: what is beyond the number of keys is history. */
  readonly operations: number;
  /** The hashes of the changes that no other change follows. Two documents with the same heads are the same. */
  heads(): readonly string[];
  keys(): string[];
  /** The values of a key, in no order; several where copies set it at the same time. A value that is no bytes comes as no bytes at all. */
  get(key: Key): readonly Uint8Array[];
  /** The values that a key had when the copies that set it apart last agreed; none where it was not there. */
  base(key: Key): readonly Uint8Array[];
  /** Sets a key, as part of the change that the next `commit` makes. */
  put(key: Key, value: Uint8Array): void;
  /** Ends a change, of everything that was put; undefined where nothing was. */
  commit(): Uint8Array | undefined;
  /**
   * Applies changes from elsewhere, in whatever order and however often they come, and tells which keys may have other values now. A change whose
   * predecessors are not here waits for them, in memory only. Throws BadChange for what is no change of a document like this; the document is as it was, or,
   * where `broken` says so, of no use any more.
   */
  apply(changes: readonly Uint8Array[]): Set<Key>;
  /** Set once something went wrong inside: drop the document and load it again from what was saved. */
  readonly broken: boolean;
  /** Hashes of changes that others wait for. */
  missing(): readonly string[];
  /** All changes that are not among the heads or before them, oldest first. */
  changesSince(heads: readonly string[]): Uint8Array[];
  save(): Uint8Array;
  /** What came since the heads, to be loaded after what was saved then. */
  saveSince(heads: readonly string[]): Uint8Array;
  /** A second document that goes on apart from this one, with the changes of another actor. */
  fork(actor: string): TreeDocument;
  free(): void;
}

/** Makes documents. `actor`: hexadecimal digits, of which no two that write at the same time have the same. */
export interface DocumentCore {
  create(id: DocId, actor: string): TreeDocument;
  /** Throws BadChange for what no document was saved as. */
  load(id: DocId, saved: Uint8Array, actor: string): TreeDocument;
}

/** A change, or a saved document, that is none. */
export class BadChange extends Error {
  override readonly name = "BadChange";
}
