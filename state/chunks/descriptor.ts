import { NineError } from "../../9p/mod.ts";
import { ID_BYTES } from "./chunk_id.ts";

/**
 * What a file's content is: so many bytes, found by one id. Equal contents of one volume have equal descriptors.
 *
 * - no id: nothing but zeros, or nothing at all;
 * - depth 0: the chunk with this id is the content;
 * - depth n: the chunk with this id is a list (list.ts) of what has depth n − 1.
 */
export interface Descriptor {
  readonly size: number;
  readonly depth: number;
  readonly id: Uint8Array | undefined;
}

export const EMPTY: Descriptor = { size: 0, depth: 0, id: undefined };

/** Every list but the last of a level has 64 entries or more, so 8 levels are enough for 2^48 chunks. */
export const DEPTH_MAX = 8;

/** `form[1] size[8] id[32]`, little-endian; form 0 has no id, form 1 + n has depth n. */
const PLAIN_BYTES = 9;

export function encodeDescriptor({ size, depth, id }: Descriptor): Uint8Array {
  const bytes = new Uint8Array(id === undefined ? PLAIN_BYTES : PLAIN_BYTES + ID_BYTES);
  bytes[0] = id === undefined ? 0 : 1 + depth;
  new DataView(bytes.buffer).setBigUint64(1, BigInt(size), true);
  if (id !== undefined) bytes.set(id, PLAIN_BYTES);
  return bytes;
}

/** Throws EIO for what no descriptor is. The id is a copy. */
export function decodeDescriptor(bytes: Uint8Array): Descriptor {
  const form = bytes[0];
  const wanted = form === 0 ? PLAIN_BYTES : PLAIN_BYTES + ID_BYTES;
  if (bytes.length !== wanted || form > 1 + DEPTH_MAX) {
    throw new NineError("EIO", `${bytes.length} bytes of form ${form} are no content descriptor`);
  }
  const size = Number(new DataView(bytes.buffer, bytes.byteOffset).getBigUint64(1, true));
  if (!Number.isSafeInteger(size)) {
    throw new NineError("EIO", `A content descriptor of ${size} bytes, over 2^53`);
  }
  return form === 0
    ? { size, depth: 0, id: undefined }
    : { size, depth: form - 1, id: bytes.slice(PLAIN_BYTES, PLAIN_BYTES + ID_BYTES) };
}

/** Whether these bytes, which may come from anywhere, are a descriptor of a content of that size, or none of an empty one. */
export function isDescriptorOf(size: number, bytes: Uint8Array): boolean {
  if (bytes.length === 0) return size === 0;
  try {
    return decodeDescriptor(bytes).size === size;
  } catch {
    return false;
  }
}
