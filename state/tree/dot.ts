import { Packer, Unpacker } from "./bytes.ts";
import { type Author, creatorOf, type NodeId } from "./id.ts";

/**
 * Which write a value is: the record that it came with, by the author's number for it. A record sets a key once, so no two values of a key have one dot. Where
 * copies tell each other what they have seen, they tell numbers of records.
 */
export interface Dot {
  readonly author: Author;
  /** 1 to 2^48 − 1. */
  readonly number: number;
}

/** A value as a document has it: `dot payload`. `node`: what the key is of, or the directory itself. */
export function packValue(payload: Uint8Array, node: NodeId, { author, number }: Dot): Uint8Array {
  return new Packer().stamp({ at: number, author }, creatorOf(node)).raw(payload).take();
}

/** Throws Malformed for what packValue would not have written. */
export function unpackValue(
  value: Uint8Array,
  node: NodeId,
): { readonly dot: Dot; readonly payload: Uint8Array } {
  const unpacker = new Unpacker(value);
  const { at, author } = unpacker.stamp(creatorOf(node));
  return { dot: { author, number: at }, payload: unpacker.rest() };
}

export function payloadOf(value: Uint8Array, node: NodeId): Uint8Array {
  return unpackValue(value, node).payload;
}
