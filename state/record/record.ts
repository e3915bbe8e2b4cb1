import { createHash } from "node:crypto";
import type { Author, DocId } from "../tree/mod.ts";

/** A record that its writer had taken in since its own one before: the author's record of that number, and all before it. */
export interface Seen {
  readonly author: Author;
  readonly number: number;
}

/** What one transaction of one copy did to the documents, or a part of it. */
export interface Record {
  /** Who wrote it: an incarnation of a copy. */
  readonly author: Author;
  /** The author's own number for it, from 1 on. */
  readonly number: number;
  /** The hash of the author's record before it; 32 zero bytes before the first. */
  readonly previous: Uint8Array;
  /** Seconds since 1970, whole. */
  readonly time: number;
  /** Of the author's first record: the public key of the copy. */
  readonly key?: Uint8Array;
  /** Public keys of copies that its author lets in. */
  readonly vouches: readonly Uint8Array[];
  /** Of other authors, each once. */
  readonly seen: readonly Seen[];
  /** What was set in each document, as puts.ts of the tree packs it. */
  readonly changes: ReadonlyMap<DocId, Uint8Array>;
}

/** A record as it travels. */
export interface SignedRecord {
  readonly record: Record;
  readonly hash: Uint8Array;
  readonly signature: Uint8Array;
}

/** With everything: a record holds half a megabyte of puts, and the one that fills it. */
export const RECORD_BYTES_MAX = 1024 * 1024;
export const HASH_BYTES = 32;

/** SHA-256 of the record: everything in it, in one order, each piece after its length. */
export function hashOf({ author, number, previous, time, key, vouches, seen, changes }: Record): Uint8Array {
  const hash = createHash("sha256").update(`lux9 record 1:${author}:${number}:${time}:`).update(previous);
  hash.update(`${key?.length ?? 0}:`).update(key ?? new Uint8Array());
  hash.update(`${vouches.length}:`);
  for (const each of vouches) hash.update(each);
  hash.update(`${seen.length}:`);
  for (const { author, number } of seen) hash.update(`${author}:${number}:`);
  for (const [doc, puts] of [...changes].sort(([a], [b]) => a < b ? -1 : 1)) {
    hash.update(`${doc.length}:${doc}${puts.byteLength}:`).update(puts);
  }
  return new Uint8Array(hash.digest());
}
