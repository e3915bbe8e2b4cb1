import { type Attr, type Principal, type Qid, qidType, S, type Timestamp } from "../../9p/mod.ts";
import type { NodeRow } from "../../state/store/mod.ts";
import { Contents } from "./contents.ts";
import type { Place } from "./place.ts";

/** Bit 52 of a path: what is stored has it, so that what is computed from it can have a lower number. */
const STORED = 0x10_0000_0000_0000;
export const ROOT_INO = 1;

/** What is no directory has no names in it. */
const NO_PLACES = new Set<Place>();
const NO_NAMES = new Map<string, number>();

/** A file, whatever names it has, as it is after all operations of this node. */
export class Inode {
  readonly ino: number;
  mode: number;
  uid: Principal;
  gid: Principal;
  muid: Principal;
  flags: number;
  nlink: number;
  folders: number;
  readonly rdev: number;
  readonly target: string;
  version: number;
  atime: Timestamp;
  mtime: Timestamp;
  ctime: Timestamp;
  readonly btime: Timestamp;
  readonly contents: Contents | undefined;
  #size: number;
  /** Fids and the like that refer to it, through whatever place. */
  holds = 0;
  /** How many places of the table this file has. */
  places = 0;
  /** Whether it has `security.capability`, once that was asked. */
  isCapable: boolean | undefined;
  /** The store was told that nobody holds this file without a name. */
  isForgotten = false;

  /** Of a directory: its names that the index does not have yet, oldest first. */
  readonly fresh: Set<Place>;
  /** Of a directory: names that the index has and that are gone, and the operation that took each. */
  readonly gone: Map<string, number>;
  #xattrs: Map<string, { value: Uint8Array | null; number: number }> | undefined;

  constructor(row: NodeRow) {
    this.ino = row.ino;
    this.mode = row.mode;
    this.uid = row.uid;
    this.gid = row.gid;
    this.muid = row.muid;
    this.flags = row.flags;
    this.nlink = row.nlink;
    this.folders = row.folders;
    this.rdev = row.rdev;
    this.target = row.target;
    this.version = row.version;
    this.atime = row.atime;
    this.mtime = row.mtime;
    this.ctime = row.ctime;
    this.btime = row.btime;
    this.#size = row.size;
    // Tens of thousands are in memory, and most are files.
    this.fresh = this.isDirectory ? new Set() : NO_PLACES;
    this.gone = this.isDirectory ? new Map() : NO_NAMES;
    this.contents = this.type === S.IFREG ? new Contents(row.ino, row.content, row.size) : undefined;
  }

  /** The file as the index has it now, which has everything. */
  reload(row: NodeRow): void {
    const { mode, uid, gid, muid, flags, nlink, folders, version, atime, mtime, ctime, size, content } = row;
    if (version !== this.version || (this.contents?.changes ?? 0) > 0) this.contents?.replace(content, size);
    Object.assign(this, { mode, uid, gid, muid, flags, nlink, folders, version, atime, mtime, ctime });
    this.#size = size;
    this.isCapable = undefined;
    if (nlink > 0) this.isForgotten = false;
  }

  /** Attributes that the index does not have yet; null for those that are gone. */
  get xattrs(): Map<string, { value: Uint8Array | null; number: number }> {
    return this.#xattrs ??= new Map();
  }

  get type(): number {
    return this.mode & S.IFMT;
  }
  get isDirectory(): boolean {
    return (this.mode & S.IFMT) === S.IFDIR;
  }

  /** Bytes of a regular file, names in a directory, bytes of a symlink's target. */
  get size(): number {
    return this.contents?.size ?? this.#size;
  }

  /** A directory has so many names more, and so many directories. */
  grow(names: number, folders: number): void {
    this.#size += names;
    this.folders += folders;
  }

  qid(): Qid {
    return qidOf(this);
  }

  /** The contents changed by that operation. */
  touched(number: number, by: Principal, now: Timestamp): void {
    this.version = number;
    this.muid = by;
    this.mtime = this.ctime = now;
  }

  attr(): Attr {
    return attrOf(this);
  }
}

export function qidOf(
  { mode, flags, version, ino }: Pick<NodeRow, "mode" | "flags" | "version" | "ino">,
): Qid {
  // Rule R20: 32 bits, never 0.
  return { type: qidType(mode) | flags, version: version % 0xffff_ffff + 1, path: STORED + ino };
}

/** What stat(2) tells of a file of the index or one in memory. */
export function attrOf(row: Omit<NodeRow, "content">): Attr {
  const { size, mode, atime, mtime, ctime, btime } = row;
  return {
    qid: qidOf(row),
    mode,
    uid: row.uid,
    gid: row.gid,
    muid: row.muid,
    nlink: (mode & S.IFMT) === S.IFDIR && row.nlink > 0 ? 2 + row.folders : row.nlink,
    rdev: row.rdev,
    size,
    blksize: 4096,
    blocks: Math.ceil(size / 512),
    atimeSec: atime.sec,
    atimeNsec: atime.nsec,
    mtimeSec: mtime.sec,
    mtimeNsec: mtime.nsec,
    ctimeSec: ctime.sec,
    ctimeNsec: ctime.nsec,
    btimeSec: btime.sec,
    btimeNsec: btime.nsec,
  };
}
