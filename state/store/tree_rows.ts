import { crc32 } from "node:zlib";
import { NineError } from "../../9p/mod.ts";
import { Packer, Unpacker } from "../operation/mod.ts";
import type {
  Attributes,
  Author,
  DocId,
  EdgeRow,
  Key,
  Kind,
  NodeId,
  NodeRow,
  Slot,
  Time,
  Version,
} from "../tree/mod.ts";

/** Rows of the shown tree as the database has them. */
const KINDS: readonly Kind[] = ["file", "directory", "symlink", "fifo", "character", "block", "socket"];
const packer = new Packer();

/** What was packed, after its checksum. A fresh array. */
function sealed(): Uint8Array {
  const packed = packer.packed().slice();
  new DataView(packed.buffer).setUint32(0, crc32(packed.subarray(4)), true);
  return packed;
}

/** EIO where the bytes are not those that were packed. */
function unsealed(packed: Uint8Array, what: string): Unpacker {
  const from = new Unpacker(packed);
  if (from.left < 4 || from.u32() !== crc32(packed.subarray(4))) {
    throw new NineError("EIO", `The tree's row of ${what} does not match its checksum: run volume verify`);
  }
  return from;
}

export function packTreeNode(row: NodeRow): Uint8Array {
  const { records, home, attributes, content, kept, xattrs, nlink, shows, touched } = row;
  packer.begin().u32(0).text(records).text(home ?? "").u32(nlink).u32(shows);
  packer.u8(attributes ? 1 : 0);
  if (attributes) attributesInto(attributes);
  packer.u8(content ? 1 : 0);
  if (content) versionInto(content);
  packer.u32(kept.length);
  for (const { size, descriptor } of kept) packer.integer(size).bytes(descriptor);
  packer.u32(xattrs.size);
  for (const [name, value] of xattrs) packer.text(name).bytes(value);
  packer.u8(touched ? 1 : 0);
  if (touched) {
    packer.integer(touched.stamp.at).text(touched.stamp.author).text(touched.doc).text(touched.key);
    timeInto(touched.time);
  }
  return sealed();
}

/** The records of a node, as `packRecords` packs them, without the rest of its row. */
export function treeRecords(id: NodeId, packed: Uint8Array): string {
  return unsealed(packed, `node ${id}`).text();
}

export function unpackTreeNode(id: NodeId, alias: NodeId | undefined, packed: Uint8Array): NodeRow {
  const from = unsealed(packed, `node ${id}`);
  const records = from.text();
  const home = (from.text() || undefined) as DocId | undefined;
  const nlink = from.u32();
  const shows = from.u32();
  const attributes = from.u8() ? attributesOf(from) : undefined;
  const content = from.u8() ? versionOf(from) : undefined;
  const kept = Array.from(
    { length: from.u32() },
    () => ({ size: from.integer(), descriptor: from.bytes()!.slice() }),
  );
  const xattrs = new Map<string, Uint8Array>();
  for (let left = from.u32(); left > 0; left--) xattrs.set(from.text(), from.bytes()!);
  const touched = from.u8()
    ? {
      stamp: stampOf(from),
      doc: from.text() as DocId,
      key: from.text() as Key,
      time: timeOf(from),
    }
    : undefined;
  return { id, records, home, attributes, content, kept, xattrs, nlink, shows, alias, touched };
}

const FLAGS = ["directory", "removed", "displaced", "alive", "conflict"] as const;

export function packTreeEdge(row: EdgeRow): Uint8Array {
  let flags = 0;
  FLAGS.forEach((flag, i) => flags |= row[flag] ? 1 << i : 0);
  packer.begin().u32(0).u8(flags).integer(row.counter).text(row.author);
  packer.u8(row.shown ? 1 : 0);
  if (row.shown) packer.text(row.shown.parent).text(row.shown.name);
  packer.u8(row.version ? 1 : 0);
  if (row.version) versionInto(row.version);
  return sealed();
}

export interface TreeEdgeColumns {
  readonly node: string;
  readonly slot: string;
  readonly parent: string;
  readonly name: string;
  readonly data: Uint8Array;
}

export function unpackTreeEdge({ node, slot, parent, name, data }: TreeEdgeColumns): EdgeRow {
  const from = unsealed(data, `name ${JSON.stringify(name)} of node ${node}`);
  const flags = from.u8();
  const has = (flag: typeof FLAGS[number]) => (flags & 1 << FLAGS.indexOf(flag)) !== 0;
  return {
    node: node as NodeId,
    slot: slot as Slot,
    parent: parent as NodeId,
    name,
    directory: has("directory"),
    removed: has("removed"),
    displaced: has("displaced"),
    alive: has("alive"),
    conflict: has("conflict"),
    counter: from.integer(),
    author: from.text() as Author,
    shown: from.u8() ? { parent: from.text() as NodeId, name: from.text() } : undefined,
    version: from.u8() ? versionOf(from) : undefined,
  };
}

function attributesInto({ kind, mode, uid, gid, atime, mtime, ctime, target, rdev }: Attributes): void {
  packer.u8(KINDS.indexOf(kind)).u32(mode).text(uid).text(gid);
  for (const time of [atime, mtime, ctime]) timeInto(time);
  packer.text(target).integer(rdev);
}

function attributesOf(from: Unpacker): Attributes {
  return {
    kind: KINDS[from.u8()],
    mode: from.u32(),
    uid: from.text(),
    gid: from.text(),
    atime: timeOf(from),
    mtime: timeOf(from),
    ctime: timeOf(from),
    target: from.text(),
    rdev: from.integer(),
  };
}

function versionInto({ stamp, size, descriptor, mtime, text, bases = [] }: Version): void {
  packer.integer(stamp.at).text(stamp.author).integer(size).bytes(descriptor).u8(Number(text));
  timeInto(mtime);
  packer.u8(bases.length);
  for (const { stamps, size, descriptor } of bases) {
    packer.u8(stamps.length);
    for (const { at, author } of stamps) packer.integer(at).text(author);
    packer.integer(size).bytes(descriptor);
  }
}

function versionOf(from: Unpacker): Version {
  const version = {
    stamp: stampOf(from),
    size: from.integer(),
    descriptor: from.bytes()!.slice(),
    text: from.u8() === 1,
    mtime: timeOf(from),
  };
  const bases = Array.from({ length: from.u8() }, () => ({
    stamps: Array.from({ length: from.u8() }, () => stampOf(from)),
    size: from.integer(),
    descriptor: from.bytes()!.slice(),
  }));
  return bases.length > 0 ? { ...version, bases } : version;
}

function stampOf(from: Unpacker): Version["stamp"] {
  return { at: from.integer(), author: from.text() as Author };
}

function timeInto({ sec, nsec }: Time): void {
  packer.integer(sec).u32(nsec);
}

function timeOf(from: Unpacker): Time {
  return { sec: from.integer(), nsec: from.u32() };
}
