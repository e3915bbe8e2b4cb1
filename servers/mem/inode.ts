import { type Attr, type Principal, type Qid, qidType, Qt, S, type Timestamp } from "../../9p/mod.ts";
import { Bytes } from "./bytes.ts";
import { Directory } from "./directory.ts";
import type { Space } from "./space.ts";

export interface InodeInit {
  path: number;
  mode: number;
  uid: Principal;
  gid: Principal;
  flags: number;
  rdev: number;
  target: string;
  now: Timestamp;
}

/** A file, whatever names it has. */
export class Inode {
  readonly path: number;
  version = 1;
  mode: number;
  uid: Principal;
  gid: Principal;
  muid: Principal;
  /** Qt.APPEND, Qt.EXCL, Qt.TMP. */
  flags: number;
  nlink = 0;
  /** Fids and the like that refer to it. */
  holds = 0;
  readonly rdev: number;
  readonly target: string;
  atime: Timestamp;
  mtime: Timestamp;
  ctime: Timestamp;
  readonly btime: Timestamp;
  readonly bytes: Bytes | undefined;
  readonly directory: Directory | undefined;
  readonly xattrs = new Map<string, Uint8Array>();
  /** What it takes beside its contents and its names. */
  #bytesTaken = 0;

  constructor(init: InodeInit, readonly space: Space) {
    this.path = init.path;
    this.mode = init.mode;
    this.uid = this.muid = init.uid;
    this.gid = init.gid;
    this.flags = init.flags;
    this.rdev = init.rdev;
    this.target = init.target;
    this.atime =
      this.mtime =
      this.ctime =
      this.btime =
        init.now;
    const type = init.mode & S.IFMT;
    this.directory = type === S.IFDIR ? new Directory() : undefined;
    this.bytes = type === S.IFREG ? new Bytes(space) : undefined;
  }

  qid(): Qid {
    return { type: qidType(this.mode) | this.flags, version: this.version, path: this.path };
  }

  get size(): number {
    return this.bytes?.size ??
      (this.directory ? this.directory.size : new TextEncoder().encode(this.target).byteLength);
  }

  /** Says that the contents changed. */
  touched(by: Principal, now: Timestamp): void {
    this.version = this.version === 0xffffffff ? 1 : this.version + 1;
    this.muid = by;
    this.mtime = this.ctime = now;
  }

  attr(): Attr {
    const size = this.size;
    return {
      qid: this.qid(),
      mode: this.mode,
      uid: this.uid,
      gid: this.gid,
      muid: this.muid,
      nlink: this.directory && this.nlink > 0 ? 2 + this.directory.folders : this.nlink,
      rdev: this.rdev,
      size,
      blksize: 4096,
      blocks: Math.ceil(size / 512),
      atimeSec: this.atime.sec,
      atimeNsec: this.atime.nsec,
      mtimeSec: this.mtime.sec,
      mtimeNsec: this.mtime.nsec,
      ctimeSec: this.ctime.sec,
      ctimeNsec: this.ctime.nsec,
      btimeSec: this.btime.sec,
      btimeNsec: this.btime.nsec,
    };
  }

  /** Takes memory, or gives it back, for what is neither its contents nor a name of it. */
  take(bytes: number): void {
    this.space.take(bytes);
    this.#bytesTaken += bytes;
  }

  /** Gives back the memory of a file that has no name and no user left. */
  freeIfUnused(): void {
    if (this.nlink > 0 || this.holds > 0) return;
    this.bytes?.truncate(0);
    this.xattrs.clear();
    this.take(-this.#bytesTaken);
  }

  get isDirectory(): boolean {
    return (this.mode & S.IFMT) === S.IFDIR;
  }

  static readonly flagsMask = Qt.APPEND | Qt.EXCL | Qt.TMP;
}
