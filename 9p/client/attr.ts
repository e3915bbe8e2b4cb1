import { NineError } from "../error.ts";
import { NONUNAME, type Principals } from "../principal.ts";
import { Qt, S } from "../qid.ts";
import type { Attr, Principal } from "../server/file_server.ts";
import { makedev } from "../server/modes.ts";
import type { Message } from "../wire/messages.ts";
import { Dm, type Stat } from "../wire/stat.ts";

/** What every dialect is asked for and answers as far as it can; what it cannot say is 0. */
export interface RemoteAttr extends Attr {
  /** The name, which 9P2000 and .u carry with the attributes. */
  name?: string;
  /** Where a symbolic link points, where the answer said so already (.u). */
  target?: string;
}

export function attrOfGetattr(reply: Message<"Rgetattr">, principals: Principals): RemoteAttr {
  const { qid, mode, nlink, rdev, size, blksize, blocks } = reply;
  const { atimeSec, atimeNsec, mtimeSec, mtimeNsec, ctimeSec, ctimeNsec, btimeSec, btimeNsec } = reply;
  return {
    qid,
    mode,
    uid: principals.user(reply.uid),
    gid: principals.group(reply.gid),
    nlink,
    rdev,
    size,
    blksize,
    blocks,
    atimeSec,
    atimeNsec,
    mtimeSec,
    mtimeNsec,
    ctimeSec,
    ctimeNsec,
    btimeSec,
    btimeNsec,
  };
}

export function attrOfStat(stat: Stat, principals: Principals): RemoteAttr {
  const mode = modeOfDm(stat);
  const isDevice = (mode & S.IFMT) === S.IFCHR || (mode & S.IFMT) === S.IFBLK;
  return {
    qid: stat.qid,
    mode,
    uid: named(stat.uid, stat.nUid, (uid) => principals.user(uid)),
    gid: named(stat.gid, stat.nGid, (gid) => principals.group(gid)),
    muid: named(stat.muid, stat.nMuid, (uid) => principals.user(uid)),
    nlink: 1,
    rdev: isDevice ? deviceOf(stat.extension) : 0,
    size: stat.length,
    blksize: 4096,
    blocks: Math.ceil(stat.length / 512),
    atimeSec: stat.atime,
    atimeNsec: 0,
    mtimeSec: stat.mtime,
    mtimeNsec: 0,
    // stat(5) has no time of change; the contents' is what is known of it.
    ctimeSec: stat.mtime,
    ctimeNsec: 0,
    btimeSec: 0,
    btimeNsec: 0,
    name: stat.name,
    ...((mode & S.IFMT) === S.IFLNK && stat.extension !== "" ? { target: stat.extension } : {}),
  };
}

/** A name says more than a number, which may mean somebody else here. */
function named(name: string, number: number, byNumber: (number: number) => Principal): Principal {
  return name !== "" || number === NONUNAME ? name : byNumber(number);
}

function modeOfDm({ mode, qid, extension }: Stat): number {
  const bits = (mode & 0o777) | (mode & Dm.SETUID ? S.ISUID : 0) | (mode & Dm.SETGID ? S.ISGID : 0) |
    (mode & Dm.SETVTX ? S.ISVTX : 0);
  if (mode & Dm.DIR || qid.type & Qt.DIR) return bits | S.IFDIR;
  if (mode & Dm.SYMLINK || qid.type & Qt.SYMLINK) return bits | S.IFLNK;
  if (mode & Dm.NAMEDPIPE) return bits | S.IFIFO;
  if (mode & Dm.SOCKET) return bits | S.IFSOCK;
  if (mode & Dm.DEVICE) return bits | (extension.startsWith("b") ? S.IFBLK : S.IFCHR);
  return bits | S.IFREG;
}

/** .u writes a device as `c 1 3`. */
function deviceOf(extension: string): number {
  const [, major, minor] = /^[bc] (\d{1,9}) (\d{1,9})$/.exec(extension) ?? [];
  return major === undefined ? 0 : makedev(Number(major), Number(minor));
}

/** The number of a principal; EINVAL where it has none, rather than a file that belongs to nobody. */
export function uidOf(user: Principal, principals: Principals): number {
  const uid = principals.uid(user);
  if (principals.user(uid) !== user && user !== `uid:${uid}`) noNumber(user);
  return uid;
}

export function gidOf(group: Principal, principals: Principals): number {
  const gid = principals.gid(group);
  if (principals.group(gid) !== group && group !== `gid:${gid}`) noNumber(group);
  return gid;
}

function noNumber(principal: Principal): never {
  throw new NineError(
    "EINVAL",
    `${JSON.stringify(principal)} has no number on the server's side: write uid:N or gid:N, or map the name`,
  );
}
