/**
 * The one abstraction that carries everything: a file server, an object of functions over its own nodes.
 *
 * Write the functions your files need and leave out the rest: a request for a missing one is answered with an error.
 * What the engine or the namespace has checked before it calls is said at each function; "allowed" means that Unix
 * permission bits and policies have been asked. Throw `NineError`; anything else becomes EIO.
 *
 * Every function answers either at once, by a value, or later, by a Promise. Do what takes no time at once: a Promise
 * costs a turn of the event loop. A slow call must end soon after `call.signal` is aborted (the client sent Tflush or
 * has gone); it then throws anything, and nothing of it is shown.
 *
 * A node is what a fid binds to: one name of one file in one place. It must be the same object whenever the same place
 * is walked to while somebody holds it, it follows its file through renames, and after its removal it goes on serving
 * those who hold it (rules R39, R45).
 */
import { type Qid, Qt, type U64 } from "../qid.ts";
import type { Lent } from "./lent.ts";

export type Later<T> = T | Promise<T>;

/** A user or group in storage: `alice`, `uid:1000`, `gid:100`, `node:alpha`, `none`. Numbers exist at the wire only. */
export type Principal = string;

export interface User {
  readonly name: Principal;
  readonly groups: ReadonlySet<Principal>;
  /**
   * `owner` may do what the node's own process may; `claimed` is held to permission bits and groups; `none` has the
   * permissions that bits give to others.
   */
  readonly standing: "owner" | "claimed" | "none";
}

/** Who asks, and whether the answer is still wanted. It dies with the request. */
export interface Call {
  readonly user: User;
  readonly signal: AbortSignal;
}

/** What stat(2) tells. Always a fresh object: who gets it may change it. */
export interface Attr {
  qid: Qid;
  /** `S` type bits and permission bits (07777). */
  mode: number;
  uid: Principal;
  gid: Principal;
  /** Who wrote last, where the server knows it. */
  muid?: Principal;
  nlink: number;
  rdev: number;
  size: number;
  blksize: number;
  /** Units of 512 bytes. */
  blocks: number;
  atimeSec: number;
  atimeNsec: number;
  mtimeSec: number;
  mtimeNsec: number;
  ctimeSec: number;
  ctimeNsec: number;
  /** Time of birth; both 0 where the server does not know it. */
  btimeSec: number;
  btimeNsec: number;
}

export interface Timestamp {
  sec: number;
  nsec: number;
}

/** What to change in a file's attributes; what is absent stays. Everything happens or nothing. */
export interface Change {
  /** Permission bits, 07777. */
  mode?: number;
  /** Qt.APPEND, Qt.EXCL and Qt.TMP: all three are set as given. */
  flags?: number;
  uid?: Principal;
  gid?: Principal;
  size?: number;
  atime?: Timestamp | "now";
  mtime?: Timestamp | "now";
}

/** One name in a directory. */
export interface Entry {
  name: string;
  qid: Qid;
  /** Where a listing goes on after this entry; it stays valid while the directory changes (rule R29). Never 0. */
  cookie: U64;
  /** `S` type bits; permission bits are optional here. */
  mode: number;
  /** Filled when the caller asked for attributes and they cost less than a walk. */
  attr?: Attr;
}

/** What a new file gets. */
export interface Creation {
  /** `S` type bits and permission bits, already masked as the dialect wants. */
  mode: number;
  uid: Principal;
  /** A setgid directory's group goes before it. Absent: the user's own. */
  gid?: Principal;
  /** Qt.APPEND, Qt.EXCL, Qt.TMP. */
  flags?: number;
  /** Device number for S.IFCHR and S.IFBLK (Linux makedev). */
  rdev?: number;
  /** Target of S.IFLNK. */
  target?: string;
}

export interface StatFs {
  type: number;
  bsize: number;
  blocks: number;
  bfree: number;
  bavail: number;
  files: number;
  ffree: number;
  fsid: U64;
  namelen: number;
}

/**
 * `N` is the server's node, `H` what it keeps for an open file. Where a function takes a `handle`, it is what `open` or
 * `create` returned, undefined where the fid is not open.
 */
export interface FileServer<N = unknown, H = unknown> {
  /** The root of the tree `aname` (`""` and `"/"` are the default one). Throw ENOENT for one that is not exported. */
  attach(aname: string, call: Call): Later<N>;

  /** At once and from memory: the node's qid. The version may be that of the last look. */
  qid(node: N): Qid;
  /** At once and from memory: the node's last known name; `/` for a root. */
  name(node: N): string;
  /** At once and from memory: the directory that holds the node, the root for the root. */
  parent(node: N): N;

  /** At once: the directory that gets what is made in `dir`, where that is another, as a member of a union. */
  holderOfNew?(dir: N): N;

  /** The child of that name, or ENOENT. `dir` is a directory; `name` is valid and neither `.` nor `..`. Allowed. */
  walk(dir: N, name: string, call: Call): Later<N>;

  /** One more fid (or other long-lived reference) binds to the node. */
  hold?(node: N): void;
  /** One fewer. After the last one, nothing but the interning of the server itself refers to the node. */
  drop?(node: N): void;

  getattr(node: N, handle: H | undefined, call: Call): Later<Attr>;
  /** Allowed; `size` only for regular files. An empty change is nothing to do. */
  setattr?(node: N, change: Change, handle: H | undefined, call: Call): Later<void>;

  /**
   * `flags` are `O` flags, of which ACCMODE, TRUNC, APPEND, NONBLOCK, SYNC and DSYNC matter here. Allowed. Truncation
   * and O_APPEND are the server's to do. Absent: every open succeeds with an undefined handle.
   */
  open?(node: N, flags: number, call: Call): Later<H>;
  /** Makes a regular file and opens it. EEXIST if the name is there. Allowed; `name` is valid. */
  create?(dir: N, name: string, what: Creation, flags: number, call: Call): Later<Created<N, H>>;
  /** Makes a directory, symlink, device, fifo or socket. EEXIST if the name is there. Allowed; `name` is valid. */
  make?(dir: N, name: string, what: Creation, call: Call): Later<N>;
  /** The fid of an open file has gone. Errors are reported to the client, yet the handle is closed all the same. */
  close?(node: N, handle: H, call: Call): Later<void>;

  /**
   * Reads up to `into.length` bytes, at least one unless at the end. At once: fill `into` from its start and return how
   * many. Later: bytes of your own, at most `into.length` (take the length before you wait: `into` is valid only until
   * this function returns).
   */
  read?(node: N, handle: H, offset: number, into: Uint8Array, call: Call): number | Promise<Uint8Array>;
  /**
   * Where what `read` would return lies in memory at this moment, so that it is sent without a copy; undefined wherever
   * `read` is to be asked. The bytes stay in place until the turn of the event loop ends, and nobody looks at them but
   * the kernel.
   */
  lend?(node: N, handle: H, offset: number, length: number, call: Call): Lent | undefined;
  /** Writes all of `data`, or says how much it took. `data` is a view that dies when this function returns. */
  write?(node: N, handle: H, offset: number, data: Uint8Array, call: Call): Later<number>;
  /**
   * The entries after `cookie` (0: from the start), without `.` and `..`, about `max` of them; none means the end.
   * `withAttr` asks to fill `attr` where that is cheap.
   */
  list?(dir: N, handle: H, cookie: U64, max: number, withAttr: boolean, call: Call): Later<Entry[]>;
  /** Answered when what was written is durable, never before (rule R43). Absent: there is nothing to make durable. */
  fsync?(node: N, handle: H | undefined, dataOnly: boolean, call: Call): Later<void>;

  /** Removes the place: a name of a file, or an empty directory (ENOTEMPTY). Allowed. */
  remove?(node: N, call: Call): Later<void>;
  /** Throws where `remove` would not be allowed. For wrappers that decide; a server of files has no need of it. */
  removable?(node: N, call: Call): Later<void>;
  /**
   * Moves the place, replacing what is there as rename(2) does; `noReplace` makes that EEXIST. Both are in this server.
   * Allowed; a directory never goes below itself (EINVAL).
   */
  rename?(node: N, dir: N, name: string, noReplace: boolean, call: Call): Later<void>;
  /** Another name for the file. EEXIST if the name is there. Allowed. */
  link?(node: N, dir: N, name: string, call: Call): Later<void>;
  readlink?(node: N, call: Call): Later<string>;
  statfs?(node: N, call: Call): Later<StatFs>;

  /** ENODATA where there is none of that name. */
  getxattr?(node: N, name: string, call: Call): Later<Uint8Array>;
  listxattr?(node: N, call: Call): Later<string[]>;
  /** `value` is null to remove. `flags`: 1 XATTR_CREATE (EEXIST), 2 XATTR_REPLACE (ENODATA). `value` is yours. */
  setxattr?(node: N, name: string, value: Uint8Array | null, flags: number, call: Call): Later<void>;
}

export interface Created<N, H> {
  node: N;
  handle: H;
}

/** Goes on with a value that is there now or later; now costs no microtask. */
export function then<T, R>(value: Later<T>, next: (value: T) => Later<R>): Later<R> {
  return value instanceof Promise ? value.then(next) : next(value);
}

/** The group that a user's new files get where nothing else says so: the first of the user's groups. */
export function primaryGroup(user: User): Principal {
  for (const group of user.groups) return group;
  return user.name;
}

/** The attributes of a made-up file: of no length, with one time for all (seconds since 1970). */
export function plainAttr(qid: Qid, mode: number, uid: Principal, gid: Principal, timeSec = 0): Attr {
  return {
    qid,
    mode,
    uid,
    gid,
    nlink: qid.type & Qt.DIR ? 2 : 1,
    rdev: 0,
    size: 0,
    blksize: 4096,
    blocks: 0,
    atimeSec: timeSec,
    atimeNsec: 0,
    mtimeSec: timeSec,
    mtimeNsec: 0,
    ctimeSec: timeSec,
    ctimeNsec: 0,
    btimeSec: timeSec,
    btimeNsec: 0,
  };
}

/** What df shows of a tree without space of its own, under the magic number of v9fs, as programs on the other side expect. */
export function plainStatfs(): StatFs {
  return {
    type: 0x01021997,
    bsize: 4096,
    blocks: 0,
    bfree: 0,
    bavail: 0,
    files: 0,
    ffree: 0,
    fsid: 0,
    namelen: 255,
  };
}
