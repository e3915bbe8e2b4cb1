import { crc32 } from "node:zlib";
import { NineError, type Principal, type Timestamp } from "../../9p/mod.ts";
import { Packer, Unpacker } from "../operation/mod.ts";

/** What the index says of a file. */
export interface NodeRow {
  readonly ino: number;
  /** `S` type bits and permission bits. */
  mode: number;
  uid: Principal;
  gid: Principal;
  /** Who changed the contents last. */
  muid: Principal;
  /** Qt.APPEND, Qt.EXCL, Qt.TMP. */
  flags: number;
  /** Names of the file. Without any it is there only for those who hold it. */
  nlink: number;
  /** Of a regular file its bytes, of a directory its names, of a symlink the bytes of its target. */
  size: number;
  /** Directories in the directory. */
  folders: number;
  rdev: number;
  target: string;
  /** Grows with each change of the contents. */
  version: number;
  atime: Timestamp;
  mtime: Timestamp;
  ctime: Timestamp;
  readonly btime: Timestamp;
  /** Where the settled contents of a regular file are; null for none. */
  content: Uint8Array | null;
}

const packer = new Packer();

/** The row's bytes after a checksum of them and of the number that they belong to. A fresh array. */
export function packNode(row: NodeRow): Uint8Array {
  packer.begin().u32(0).integer(row.ino).u32(row.mode).u8(row.flags).u32(row.nlink).integer(row.size)
    .integer(row.folders).integer(row.rdev).integer(row.version)
    .integer(row.atime.sec).u32(row.atime.nsec).integer(row.mtime.sec).u32(row.mtime.nsec)
    .integer(row.ctime.sec).u32(row.ctime.nsec).integer(row.btime.sec).u32(row.btime.nsec)
    .text(row.uid).text(row.gid).text(row.muid).text(row.target).bytes(row.content);
  const packed = packer.packed().slice();
  new DataView(packed.buffer).setUint32(0, crc32(packed.subarray(4)), true);
  return packed;
}

/** EIO where the bytes are not those that were stored for the file. */
export function unpackNode(ino: number, packed: Uint8Array): NodeRow {
  const from = new Unpacker(packed);
  if (from.left < 4 || from.u32() !== crc32(packed.subarray(4)) || from.integer() !== ino) {
    throw new NineError("EIO", `The index row of file ${ino} does not match its checksum: run volume verify`);
  }
  return {
    ino,
    mode: from.u32(),
    flags: from.u8(),
    nlink: from.u32(),
    size: from.integer(),
    folders: from.integer(),
    rdev: from.integer(),
    version: from.integer(),
    atime: { sec: from.integer(), nsec: from.u32() },
    mtime: { sec: from.integer(), nsec: from.u32() },
    ctime: { sec: from.integer(), nsec: from.u32() },
    btime: { sec: from.integer(), nsec: from.u32() },
    uid: from.text(),
    gid: from.text(),
    muid: from.text(),
    target: from.text(),
    content: from.bytes(),
  };
}

/** A checksum of a name in a directory and the file that it leads to. */
export function edgeSum(eid: number, parent: number, name: string, ino: number): number {
  return crc32(packer.begin().integer(eid).integer(parent).integer(ino).text(name).packed());
}

/** A checksum of an attribute. */
export function xattrSum(ino: number, name: string, value: Uint8Array): number {
  return crc32(packer.begin().integer(ino).text(name).bytes(value).packed());
}
