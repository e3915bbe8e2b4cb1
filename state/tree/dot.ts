import { Malformed, Packer, Unpacker } from "./bytes.ts";
import { creatorOf, type NodeId } from "./id.ts";
import { type Key, parseKey, TOUCHED_KEY } from "./key.ts";
import { directoryOf } from "./placement.ts";
import type { DocId } from "./id.ts";
import type { Stamp } from "./stamp.ts";

/**
 * A value of a document is a payload and its *dot*: which write it is, a stamp that no other value of its key ever has. Where copies tell each other what
 * they have seen, they speak of dots.
 *
 * `0 payload`, where the stamp inside the payload is the dot, or `1 dot payload`.
 */
const OWN = 0;
const TOLD = 1;

/** A value of the key; with `dot` where the payload holds another stamp than that of this write, or none. */
export function packValue(payload: Uint8Array, node: NodeId, dot?: Stamp): Uint8Array {
  const packer = new Packer();
  if (dot === undefined) packer.u8(OWN);
  else packer.u8(TOLD).stamp(dot, creatorOf(node));
  return packer.raw(payload).take();
}

/** Throws Malformed for what packValue would not have written. */
export function payloadOf(value: Uint8Array, node: NodeId): Uint8Array {
  if (value[0] === OWN) return value.subarray(1);
  if (value[0] !== TOLD) throw new Malformed("A value begins with neither a dot nor its payload");
  const unpacker = new Unpacker(value.subarray(1));
  unpacker.stamp(creatorOf(node));
  return unpacker.rest();
}

/** Which write a value of the key is. Throws Malformed where it cannot be told. */
export function dotOf(doc: DocId, key: Key, value: Uint8Array): Stamp {
  const parts = parseKey(key);
  if (parts === undefined && key !== TOUCHED_KEY) throw new Malformed("A key is none that this program sets");
  const creator = creatorOf(parts?.node ?? directoryOf(doc));
  if (value[0] === TOLD) return new Unpacker(value.subarray(1)).stamp(creator);
  if (value[0] !== OWN) throw new Malformed("A value begins with neither a dot nor its payload");
  const before = parts && STAMP_AT[parts.kind];
  if (before === undefined) throw new Malformed("A value does not tell which write it is");
  return new Unpacker(value.subarray(1 + before)).stamp(creator);
}

/** How many bytes of a payload come before the stamp of the write; undefined where it holds that of another. */
const STAMP_AT = {
  edge: 1,
  attributes: 2,
  content: 1,
  xattr: 1,
  resolved: 0,
  lost: undefined,
} as const;
