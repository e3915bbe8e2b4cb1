import { Malformed, Packer, type Time, Unpacker } from "./bytes.ts";
import { creatorOf, type NodeId } from "./id.ts";
import type { Stamp } from "./stamp.ts";

/** What is in a file: the tree knows where the bytes are and how many, never the bytes. */
export interface Content {
  /** Bytes, below 2^53. */
  readonly size: number;
  /** What the chunk store finds the bytes by, at most 128 bytes; the tree does not look into it. Empty for an empty file. */
  readonly descriptor: Uint8Array;
  readonly mtime: Time;
  /** Both versions of a conflict can be merged as text: fixed when the version was written (`merge_rules.ts`). */
  readonly text: boolean;
}

/** What a text was made from, as far as other copies may have that: the base of a merge. */
export interface Base {
  readonly stamp: Stamp;
  readonly size: number;
  readonly descriptor: Uint8Array;
}

/** One version of a file's content. */
export interface Version extends Content {
  readonly stamp: Stamp;
  /** Of a text only; undefined where it was made from an empty file. */
  readonly base?: Base;
}

export const DESCRIPTOR_BYTES_MAX = 128;
const TEXT = 1;
const BASE = 2;

/** `flags[1] stamp size mtime [base] descriptor` */
export function packVersion(
  { stamp, size, mtime, descriptor, text, base }: Version,
  node: NodeId,
): Uint8Array {
  const creator = creatorOf(node);
  const packer = new Packer().u8((text ? TEXT : 0) | (base ? BASE : 0)).stamp(stamp, creator).number(size)
    .time(
      mtime,
    );
  if (base) packer.stamp(base.stamp, creator).number(base.size).bytes(base.descriptor);
  return packer.raw(descriptor).take();
}

/** Throws Malformed for what packVersion would not have written. */
export function unpackVersion(bytes: Uint8Array, node: NodeId): Version {
  const unpacker = new Unpacker(bytes);
  const flags = unpacker.u8();
  if (flags > (TEXT | BASE) || flags === BASE) throw new Malformed("A flag of a content is unknown");
  const stamp = unpacker.stamp(creatorOf(node));
  const size = unpacker.number(Number.MAX_SAFE_INTEGER);
  const mtime = unpacker.time();
  const base = flags & BASE
    ? {
      stamp: unpacker.stamp(creatorOf(node)),
      size: unpacker.number(Number.MAX_SAFE_INTEGER),
      descriptor: unpacker.bytes(DESCRIPTOR_BYTES_MAX),
    }
    : undefined;
  const descriptor = unpacker.rest();
  if (descriptor.length > DESCRIPTOR_BYTES_MAX) {
    throw new Malformed(`A descriptor has ${descriptor.length} bytes, and at most ${DESCRIPTOR_BYTES_MAX}`);
  }
  const version = { size, descriptor, mtime, text: (flags & TEXT) !== 0, stamp };
  return base ? { ...version, base } : version;
}
