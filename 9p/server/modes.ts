/** What a file's attributes look like in each dialect, and what a client's words mean as attributes. */
import { NineError } from "../error.ts";
import { NONUNAME, type Principals } from "../principal.ts";
import { O, Qt, S } from "../qid.ts";
import type { Dialect } from "../wire/field.ts";
import type { Body } from "../wire/messages.ts";
import { Dm, type Stat } from "../wire/stat.ts";
import type { Attr } from "./file_server.ts";

/** open(5): the low bits of a mode, and the flags beside them. APPEND is Linux's, which sends it in 9P2000.u. */
export const Open = {
  READ: 0,
  WRITE: 1,
  RDWR: 2,
  EXEC: 3,
  TRUNC: 0x10,
  CEXEC: 0x20,
  RCLOSE: 0x40,
  APPEND: 0x80,
} as const;

/** The `O` flags for a mode of Topen. Close-on-exec is the client's own affair. */
export function openFlags(mode: number, dialect: Dialect): number {
  const known = 3 | Open.TRUNC | Open.CEXEC | Open.RCLOSE | (dialect === "9P2000.u" ? Open.APPEND : 0);
  if (mode & ~known) {
    throw new NineError(
      "EINVAL",
      `Open mode 0x${mode.toString(16)}: known in ${dialect} are the bits 0x${known.toString(16)}`,
    );
  }
  const access = [O.RDONLY, O.WRONLY, O.RDWR, O.RDONLY | O.EXEC][mode & 3];
  return access | (mode & Open.TRUNC ? O.TRUNC : 0) | (mode & Open.APPEND ? O.APPEND : 0);
}

/** qid.type for a file of this Unix mode. */
export function qidType(mode: number): number {
  const type = mode & S.IFMT;
  return type === S.IFDIR ? Qt.DIR : type === S.IFLNK ? Qt.SYMLINK : Qt.FILE;
}

/** The three bits of a Plan 9 mode that a client may set, as qid.type bits. */
export function flagsOfDm(mode: number): number {
  return (mode >>> 24) & (Qt.APPEND | Qt.EXCL | Qt.TMP);
}

/** The Unix permission bits of a Plan 9 mode. */
export function permissionsOfDm(mode: number, dialect: Dialect): number {
  const bits = mode & 0o777;
  if (dialect !== "9P2000.u") return bits;
  return bits | (mode & Dm.SETUID ? S.ISUID : 0) | (mode & Dm.SETGID ? S.ISGID : 0) |
    (mode & Dm.SETVTX ? S.ISVTX : 0);
}

function dmOfAttr(attr: Attr, dialect: Dialect): number {
  const dm = (((attr.qid.type & ~Qt.SYMLINK) << 24) >>> 0) + (attr.mode & 0o777);
  if (dialect !== "9P2000.u") return dm;
  const unix = (attr.mode & S.ISUID ? Dm.SETUID : 0) | (attr.mode & S.ISGID ? Dm.SETGID : 0) |
    (attr.mode & S.ISVTX ? Dm.SETVTX : 0) | UNIX_TYPE[attr.mode & S.IFMT];
  return (dm | unix) >>> 0;
}

/** The bit that 9P2000.u has for each type of special file. */
const UNIX_TYPE: Record<number, number> = {
  [S.IFREG]: 0,
  [S.IFDIR]: 0,
  [S.IFLNK]: Dm.SYMLINK,
  [S.IFIFO]: Dm.NAMEDPIPE,
  [S.IFSOCK]: Dm.SOCKET,
  [S.IFCHR]: Dm.DEVICE,
  [S.IFBLK]: Dm.DEVICE,
};

/** The stat(5) of a file. `target` is where a symlink points. */
export function statOf(
  name: string,
  attr: Attr,
  target: string,
  principals: Principals,
  dialect: Dialect,
): Stat {
  return {
    type: 0,
    dev: 0,
    qid: attr.qid,
    mode: dmOfAttr(attr, dialect),
    atime: clampSeconds(attr.atimeSec),
    mtime: clampSeconds(attr.mtimeSec),
    length: attr.qid.type & Qt.DIR ? 0 : attr.size,
    name,
    uid: attr.uid,
    gid: attr.gid,
    muid: attr.muid ?? attr.uid,
    extension: dialect === "9P2000.u" ? extensionOf(attr, target) : "",
    nUid: principals.uid(attr.uid),
    nGid: principals.gid(attr.gid),
    nMuid: attr.muid === undefined ? NONUNAME : principals.uid(attr.muid),
  };
}

/** stat(5) has 32 bits for seconds since 1970. */
function clampSeconds(sec: number): number {
  return Math.min(Math.max(sec, 0), 0xfffffffe);
}

function extensionOf(attr: Attr, target: string): string {
  switch (attr.mode & S.IFMT) {
    case S.IFLNK:
      return target;
    case S.IFCHR:
      return `c ${major(attr.rdev)} ${minor(attr.rdev)}`;
    case S.IFBLK:
      return `b ${major(attr.rdev)} ${minor(attr.rdev)}`;
    default:
      return "";
  }
}

/** Device numbers as Linux packs them, makedev(3), below 2^32. */
export const MAJOR_MAX = 0xfff;
export const MINOR_MAX = 0xfffff;
export function makedev(major: number, minor: number): number {
  return (((minor & 0xff) | ((major & 0xfff) << 8)) + (minor & 0xfff00) * 0x1000) >>> 0;
}
export function major(rdev: number): number {
  return (rdev >>> 8) & 0xfff;
}
export function minor(rdev: number): number {
  return (rdev & 0xff) | ((rdev >>> 12) & 0xfff00);
}

/** P9_GETATTR_*: the basic fields, the time of birth, the data version. */
const GETATTR_BASIC = 0x7ff;
const GETATTR_BTIME = 0x800;
const GETATTR_DATA_VERSION = 0x2000;

/** The Rgetattr of a file: `valid` covers only what is filled (rule R38). */
export function getattrOf(attr: Attr, requestMask: number, principals: Principals): Body<"Rgetattr"> {
  const hasBirth = attr.btimeSec !== 0 || attr.btimeNsec !== 0;
  const filled = GETATTR_BASIC | GETATTR_DATA_VERSION | (hasBirth ? GETATTR_BTIME : 0);
  return {
    valid: (requestMask | GETATTR_BASIC) & filled,
    qid: attr.qid,
    mode: attr.mode,
    uid: principals.uid(attr.uid),
    gid: principals.gid(attr.gid),
    nlink: attr.nlink,
    rdev: attr.rdev,
    size: attr.size,
    blksize: attr.blksize,
    blocks: attr.blocks,
    atimeSec: attr.atimeSec,
    atimeNsec: attr.atimeNsec,
    mtimeSec: attr.mtimeSec,
    mtimeNsec: attr.mtimeNsec,
    ctimeSec: attr.ctimeSec,
    ctimeNsec: attr.ctimeNsec,
    btimeSec: attr.btimeSec,
    btimeNsec: attr.btimeNsec,
    gen: 0,
    dataVersion: attr.qid.version,
  };
}
