import { Malformed, Packer, type Time, type Unpacker } from "./bytes.ts";
import type { Author } from "./id.ts";
import { compareBytes, compareStamps, type Stamp } from "./stamp.ts";

/** What a node is; never changes. */
export type Kind = "file" | "directory" | "symlink" | "fifo" | "character" | "block" | "socket";
const KINDS: readonly Kind[] = ["file", "directory", "symlink", "fifo", "character", "block", "socket"];

/** What a node is like, apart from its names and its content. */
export interface Attributes {
  readonly kind: Kind;
  /** Permission bits with setuid, setgid and sticky: 12 bits. */
  readonly mode: number;
  /** Principals: `alice`, `uid:1000`. At most 255 bytes each. */
  readonly uid: string;
  readonly gid: string;
  readonly atime: Time;
  readonly mtime: Time;
  /** When any of this was last set. */
  readonly ctime: Time;
  /** Of a symlink only: at most 4,095 bytes. */
  readonly target: string;
  /** Of a device only: major and minor as one number, as Linux packs them. */
  readonly rdev: number;
}

/** What is set together and wins or loses together. Copies that change different ones at the same time both get theirs. */
export const ATTRIBUTE_GROUPS = ["mode", "uid", "gid", "atime", "mtime"] as const;
export type AttributeGroup = typeof ATTRIBUTE_GROUPS[number];

/** Attributes with when each group was set, as a record holds them. */
export interface AttributesRecord extends Attributes {
  /** When the record was written; ctime is of then. */
  readonly stamp: Stamp;
  readonly stamps: Readonly<Record<AttributeGroup, Stamp>>;
}

export const PRINCIPAL_BYTES_MAX = 255;
export const TARGET_BYTES_MAX = 4095;
const RDEV_MAX = 2 ** 48;
/** Bits of the record's second byte: a group whose stamp is not the record's has its bit, and all three times are the ctime. */
const ONE_TIME = 1 << ATTRIBUTE_GROUPS.length;

/** A new node's attributes: all groups are set by the change that makes it. */
export function newAttributes(attributes: Attributes, stamp: Stamp): AttributesRecord {
  return {
    ...attributes,
    stamp,
    stamps: { mode: stamp, uid: stamp, gid: stamp, atime: stamp, mtime: stamp },
  };
}

/**
 * `kind[1] flags[1] stamp stamps… mode uid gid ctime [atime mtime] [target | rdev]`. The record's own stamp is left out (`outer`) where the edge that
 * holds it has the same.
 */
export function packAttributes(
  packer: Packer,
  record: AttributesRecord,
  creator: Author,
): void {
  const { stamp, stamps, kind, ctime, atime, mtime } = record;
  const oneTime = same(ctime, atime) && same(ctime, mtime);
  let flags = oneTime ? ONE_TIME : 0;
  ATTRIBUTE_GROUPS.forEach((group, i) => {
    if (compareStamps(stamps[group], stamp) !== 0) flags |= 1 << i;
  });
  packer.u8(KINDS.indexOf(kind)).u8(flags);
  packer.stamp(stamp, creator);
  ATTRIBUTE_GROUPS.forEach((group, i) => {
    if (flags & (1 << i)) packer.stamp(stamps[group], creator);
  });
  packer.number(record.mode).text(record.uid).text(record.gid).time(ctime);
  if (!oneTime) packer.time(atime).time(mtime);
  if (kind === "symlink") packer.text(record.target);
  if (kind === "character" || kind === "block") packer.number(record.rdev);
}

export function unpackAttributes(unpacker: Unpacker, creator: Author): AttributesRecord {
  const kind = KINDS[unpacker.u8()];
  if (kind === undefined) throw new Malformed("A kind of node is unknown");
  const flags = unpacker.u8();
  if (flags >= ONE_TIME * 2) throw new Malformed("A flag of attributes is unknown");
  const stamp = unpacker.stamp(creator);
  const stamps = {} as Record<AttributeGroup, Stamp>;
  ATTRIBUTE_GROUPS.forEach((group, i) => {
    stamps[group] = flags & (1 << i) ? unpacker.stamp(creator) : stamp;
  });
  const mode = unpacker.number(0o7777);
  const uid = unpacker.text(PRINCIPAL_BYTES_MAX);
  const gid = unpacker.text(PRINCIPAL_BYTES_MAX);
  const ctime = unpacker.time();
  const atime = flags & ONE_TIME ? ctime : unpacker.time();
  const mtime = flags & ONE_TIME ? ctime : unpacker.time();
  const target = kind === "symlink" ? unpacker.text(TARGET_BYTES_MAX) : "";
  const rdev = kind === "character" || kind === "block" ? unpacker.number(RDEV_MAX) : 0;
  return { kind, mode, uid, gid, atime, mtime, ctime, target, rdev, stamp, stamps };
}

/**
 * What several records of one node say together: of each group the one set last. What never changes (kind, target, device) is the oldest's.
 */
export function mergeAttributes(records: readonly AttributesRecord[]): AttributesRecord | undefined {
  if (records.length < 2) return records[0];
  const sorted = [...records].sort((a, b) => compareStamps(a.stamp, b.stamp) || compareRecords(a, b));
  const newest = sorted[sorted.length - 1];
  const { kind, target, rdev } = sorted[0];
  const merged: Record<string, unknown> = {};
  const stamps = {} as Record<AttributeGroup, Stamp>;
  for (const group of ATTRIBUTE_GROUPS) {
    let best = sorted[0];
    for (const record of sorted) {
      if (compareStamps(record.stamps[group], best.stamps[group]) >= 0) best = record;
    }
    merged[group] = best[group];
    stamps[group] = best.stamps[group];
  }
  return { ...newest, ...merged, kind, target, rdev, stamps };
}

/** Two records of one stamp: only a copy that lies makes them, and all the others must still agree. */
function compareRecords(a: AttributesRecord, b: AttributesRecord): number {
  return compareBytes(packed(a), packed(b));
}

function packed(record: AttributesRecord): Uint8Array {
  const packer = new Packer();
  packAttributes(packer, record, record.stamp.author);
  return packer.take();
}

function same(a: Time, b: Time): boolean {
  return a.sec === b.sec && a.nsec === b.nsec;
}
