import { type Authors, HASH_BYTES } from "../record/mod.ts";
import { type Author, Malformed, type Packer, type Unpacker } from "../tree/mod.ts";

/** An author's last record. */
export interface Head {
  readonly number: number;
  readonly hash: Uint8Array;
}

/** What a copy has: of each author all records up to that one. */
export type Vector = ReadonlyMap<Author, Head>;
/** The same without the hashes; an author of whom there is nothing is not in it. */
export type Numbers = ReadonlyMap<Author, number>;

/** With the hash, a message of so many authors is below its bound. */
export const AUTHORS_MAX = 16_384;
export const NUMBER_MAX = 2 ** 48 - 1;

/** What is known of authors, as others are told. */
export function vectorOf(authors: Authors): Vector {
  return new Map(Array.from(authors.entries(), ([author, { number, hash }]) => [author, { number, hash }]));
}

export function numbersOf(vector: Vector): Map<Author, number> {
  return new Map(Array.from(vector, ([author, { number }]) => [author, number]));
}

/** How many records are in `source` that are not in `target`. */
export function countMissing(source: Vector, target: Vector): number {
  let count = 0;
  for (const [author, { number }] of source) {
    count += Math.max(0, number - (target.get(author)?.number ?? 0));
  }
  return count;
}

/** `count (author number hash)…` */
export function packVector(packer: Packer, vector: Vector): Packer {
  packer.number(vector.size);
  for (const [author, { number, hash }] of vector) packer.author(author).number(number).raw(hash);
  return packer;
}

export function unpackVector(unpacker: Unpacker): Map<Author, Head> {
  return unpackEach(unpacker, (number) => ({ number, hash: unpacker.raw(HASH_BYTES) }));
}

/** `count (author number)…` */
export function packNumbers(packer: Packer, numbers: Numbers): Packer {
  packer.number(numbers.size);
  for (const [author, number] of numbers) packer.author(author).number(number);
  return packer;
}

export function unpackNumbers(unpacker: Unpacker): Map<Author, number> {
  return unpackEach(unpacker, (number) => number);
}

function unpackEach<T>(unpacker: Unpacker, valueOf: (number: number) => T): Map<Author, T> {
  const found = new Map<Author, T>();
  for (let left = unpacker.number(AUTHORS_MAX); left > 0; left--) {
    const author = unpacker.author();
    const number = unpacker.number(NUMBER_MAX);
    if (number === 0) throw new Malformed("An author is told of whom there is nothing");
    if (found.has(author)) throw new Malformed("An author is told twice");
    found.set(author, valueOf(number));
  }
  return found;
}
