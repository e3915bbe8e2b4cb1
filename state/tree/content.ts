import { Malformed, Packer, type Time, Unpacker } from "./bytes.ts";
import { creatorOf, type NodeId } from "./id.ts";
import { compareBytes, compareStamps, type Stamp, versionId } from "./stamp.ts";

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

/** Something that a text was made from, as far as other copies may have that: a base of a merge. */
export interface Base {
  /** Of the versions that it is merged of, one where it is a version itself. */
  readonly stamps: readonly Stamp[];
  readonly size: number;
  readonly descriptor: Uint8Array;
}

/** One version of a file's content. */
export interface Version extends Content {
  readonly stamp: Stamp;
  /** Of a text only, what it was made from before and before that, the newest first; none where it was made from an empty file. */
  readonly bases?: readonly Base[];
}

export const DESCRIPTOR_BYTES_MAX = 128;
const TEXT = 1;
const BASES = 2;
/** So far back a merge finds what both sides were made from. */
export const BASES_MAX = 4;
const BASE_STAMPS_MAX = 16;

/** `flags[1] stamp size mtime [count (count stamps… size descriptor)…] descriptor` */
export function packVersion(
  { stamp, size, mtime, descriptor, text, bases = [] }: Version,
  node: NodeId,
): Uint8Array {
  const creator = creatorOf(node);
  const packer = new Packer().u8((text ? TEXT : 0) | (bases.length > 0 ? BASES : 0)).stamp(stamp, creator)
    .number(size)
    .time(
      mtime,
    );
  if (bases.length > 0) packer.number(bases.length);
  for (const base of bases) {
    packer.number(base.stamps.length);
    for (const each of base.stamps) packer.stamp(each, creator);
    packer.number(base.size).bytes(base.descriptor);
  }
  return packer.raw(descriptor).take();
}

/** Throws Malformed for what packVersion would not have written. */
export function unpackVersion(bytes: Uint8Array, node: NodeId): Version {
  const unpacker = new Unpacker(bytes);
  const flags = unpacker.u8();
  if (flags > (TEXT | BASES) || flags === BASES) throw new Malformed("A flag of a content is unknown");
  const stamp = unpacker.stamp(creatorOf(node));
  const size = unpacker.number(Number.MAX_SAFE_INTEGER);
  const mtime = unpacker.time();
  const count = flags & BASES ? unpacker.number(BASES_MAX) : 0;
  const bases = Array.from({ length: count }, () => unpackBase(unpacker, node));
  if (flags & BASES && count === 0) throw new Malformed("A content tells that it was made from nothing");
  const descriptor = unpacker.rest();
  if (descriptor.length > DESCRIPTOR_BYTES_MAX) {
    throw new Malformed(`A descriptor has ${descriptor.length} bytes, and at most ${DESCRIPTOR_BYTES_MAX}`);
  }
  const version = { size, descriptor, mtime, text: (flags & TEXT) !== 0, stamp };
  return count > 0 ? { ...version, bases } : version;
}

function unpackBase(unpacker: Unpacker, node: NodeId): Base {
  const count = unpacker.number(BASE_STAMPS_MAX);
  if (count === 0) throw new Malformed("What a content was made from is of no version");
  const stamps = Array.from({ length: count }, () => unpacker.stamp(creatorOf(node)));
  return {
    stamps,
    size: unpacker.number(Number.MAX_SAFE_INTEGER),
    descriptor: unpacker.bytes(DESCRIPTOR_BYTES_MAX),
  };
}

/** What a text is made from that is written over these versions, which together show `shown`. */
export function basesAfter(versions: readonly Version[], shown: Pick<Base, "size" | "descriptor">): Base[] {
  const older = new Map<string, Base>();
  for (const { bases = [] } of versions) {
    for (const base of bases) older.set(base.stamps.map(versionId).sort().join(), base);
  }
  const before = [...older.values()].sort((a, b) => compareBases(b, a));
  if (versions.length > BASE_STAMPS_MAX) return before.slice(0, BASES_MAX);
  const { size, descriptor } = shown;
  const newest = { stamps: versions.map(({ stamp }) => stamp), size, descriptor };
  return [newest, ...before].slice(0, BASES_MAX);
}

/**
 * What the sides of a merge have in common: of what they were made from, the newest that is in all of them. `nothing` where that is not known any more; undefined where
 * it is an empty file.
 */
export function baseOf(sides: readonly Version[]): Base | "nothing" | undefined {
  if (sides.some(({ bases = [] }) => bases.length === 0)) return undefined;
  const within = sides.map(({ bases = [] }) => new Set(bases.flatMap(({ stamps }) => stamps.map(versionId))));
  const common = sides.flatMap(({ bases = [] }) => bases).filter(({ stamps }) =>
    within.every((ids) => stamps.every((stamp) => ids.has(versionId(stamp))))
  );
  return common.length === 0 ? "nothing" : common.reduce((a, b) => compareBases(a, b) >= 0 ? a : b);
}

/** By the newest version in it, then by how many these are. */
function compareBases(a: Base, b: Base): number {
  const newest = ({ stamps }: Base) => stamps.reduce((x, y) => compareStamps(x, y) >= 0 ? x : y);
  return compareStamps(newest(a), newest(b)) || a.stamps.length - b.stamps.length ||
    compareBytes(a.descriptor, b.descriptor) || a.size - b.size;
}
