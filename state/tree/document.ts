import type { DocId } from "./id.ts";
import type { Key } from "./key.ts";

/**
 * One document: a flat map from keys to packed values. A key has several values where copies set it at the same time, until somebody who sees all of them sets it
 * again; which of them stand is decided by who takes in what copies did (`writer.ts`). Automerge stands behind it (`state/automerge`); the tree uses nothing
 * of it but this.
 */
export interface TreeDocument {
  readonly id: DocId;
  /** How many keys there are, about: what is set again within one change may count twice. */
  readonly size: number;
  /** How often keys were set, ever: what is beyond the number of keys is history. */
  readonly operations: number;
  keys(): string[];
  /** The values of a key, in no order; none where it is not there. A value that is no bytes comes as no bytes at all. */
  get(key: Key): readonly Uint8Array[];
  /** Sets what a key has: one value, none, or several that stand next to each other. Part of the change that the next `commit` ends. */
  set(key: Key, values: readonly Uint8Array[]): void;
  commit(): void;
  save(): Uint8Array;
  free(): void;
}

/** Makes documents. `actor`: hexadecimal digits, which no other process has. */
export interface DocumentCore {
  create(id: DocId, actor: string): TreeDocument;
  /** Throws BadDocument for what no document was saved as. */
  load(id: DocId, saved: Uint8Array, actor: string): TreeDocument;
}

/** A saved document that is none. */
export class BadDocument extends Error {
  override readonly name = "BadDocument";
}
