import { canWrite, type Change, NineError, O, type Principal, S, type Timestamp } from "../../9p/mod.ts";
import { writeFlags } from "./flags.ts";
import type { Handle } from "./handle.ts";
import { AT, UTIME_NOW, UTIME_OMIT } from "./libc/constants.ts";
import { EMPTY } from "./libc/cstring.ts";
import { c, errno, failure, interrupted } from "./libc/libc.ts";
import { stat } from "./libc/statx.ts";
import type { Place } from "./place.ts";
import type { Tree } from "./tree.ts";

/** -1 for chown(2): leave this one. */
const KEEP_ID = 0xffffffff;
/** What a principal without a number maps to. */
const NOBODY = 65534;

/**
 * Changes attributes, all or none. What cannot be undone, cutting the file, comes after everything that may be refused;
 * the owner comes before the mode, because chown(2) takes setuid and setgid away.
 */
export function setattr(tree: Tree, place: Place, change: Change, handle: Handle | undefined): void {
  const { inode } = place;
  const path = tree.pathOf(place);
  if (change.mode !== undefined && inode.isSymlink) {
    throw new NineError("EOPNOTSUPP", `${path} is a symbolic link, which has no mode of its own`);
  }
  if (change.size !== undefined && !inode.isRegular) {
    throw new NineError(inode.isDir ? "EISDIR" : "EINVAL", `${path} is no regular file and cannot be cut`);
  }
  const setsFlags = change.flags !== undefined && change.flags !== inode.flags;
  if (setsFlags && !inode.isRegular && !inode.isDir) {
    throw new NineError("EOPNOTSUPP", `${path} is neither a file nor a directory and keeps no flags`);
  }
  const fd = tree.descriptors.of(place);
  tree.look(place);
  const undo: (() => void)[] = [];
  try {
    if (change.uid !== undefined || change.gid !== undefined) {
      const { uid, gid, mode } = stat;
      chown(fd, uidOf(tree, change.uid), gidOf(tree, change.gid), path);
      undo.push(() => {
        chown(fd, uid, gid, path);
        if (!inode.isSymlink) tree.chmod(fd, mode & 0o7777);
      });
      tree.look(place);
    }
    if (change.mode !== undefined) {
      const before = stat.mode & 0o7777;
      chmod(tree, fd, change.mode & 0o7777, path);
      undo.push(() => chmod(tree, fd, before, path));
    }
    if (setsFlags) {
      const before = inode.flags;
      writeFlags(fd, change.flags!, path);
      undo.push(() => {
        inode.flags = before;
        writeFlags(fd, before, path);
      });
      inode.flags = change.flags!;
      if (!place.isRoot) tree.listings.drop(place.parent.inode.path);
    }
    const setsTimes = change.atime !== undefined || change.mtime !== undefined;
    if (setsTimes) {
      const atime = { sec: stat.atimeSec, nsec: stat.atimeNsec };
      const mtime = { sec: stat.mtimeSec, nsec: stat.mtimeNsec };
      utimens(fd, change.atime, change.mtime, path);
      undo.push(() => utimens(fd, atime, mtime, path));
    }
    if (change.size !== undefined) {
      cut(tree, place, change.size, handle);
      inode.changed();
      // Cutting set the time of modification, and may have taken setuid and setgid away.
      if (setsTimes) utimens(fd, change.atime, change.mtime, path);
      if (change.mode !== undefined && (change.mode & (S.ISUID | S.ISGID)) !== 0) {
        chmod(tree, fd, change.mode & 0o7777, path);
      }
    }
  } catch (error) {
    for (const step of undo.reverse()) {
      try {
        step();
      } catch {
        // What was refused is what the client must hear of, and the other steps can still be undone.
      }
    }
    throw error;
  }
  tree.look(place, handle);
}

function uidOf(tree: Tree, user: Principal | undefined): number {
  if (user === undefined) return KEEP_ID;
  const uid = tree.principals.uid(user);
  if (uid === NOBODY && tree.principals.user(uid) !== user) throw unnumbered(user);
  return uid;
}

function gidOf(tree: Tree, group: Principal | undefined): number {
  if (group === undefined) return KEEP_ID;
  const gid = tree.principals.gid(group);
  if (gid === NOBODY && tree.principals.group(gid) !== group) throw unnumbered(group);
  return gid;
}

function unnumbered(principal: Principal): NineError {
  return new NineError(
    "EINVAL",
    `${JSON.stringify(principal)} has no number on this machine to own files by`,
  );
}

function chown(fd: number, uid: number, gid: number, path: string): void {
  if (c.fchownat(fd, EMPTY, uid, gid, AT.EMPTY_PATH) < 0) {
    throw failure(errno(), `Give ${path} to user ${shown(uid)} and group ${shown(gid)}`);
  }
}

function chmod(tree: Tree, fd: number, mode: number, path: string): void {
  if (!tree.chmod(fd, mode)) throw failure(errno(), `Set the mode of ${path} to 0o${mode.toString(8)}`);
}

/** `struct timespec { i64 tv_sec; i64 tv_nsec; }[2]`: access, modification. */
const times = new BigInt64Array(new ArrayBuffer(32));
const timesBytes = new Uint8Array(times.buffer);

function utimens(fd: number, atime: Change["atime"], mtime: Change["mtime"], path: string): void {
  put(0, atime);
  put(2, mtime);
  if (c.utimensat(fd, EMPTY, timesBytes, AT.EMPTY_PATH) < 0) {
    throw failure(errno(), `Set the times of ${path}`);
  }
}

function put(at: number, time: Timestamp | "now" | undefined): void {
  const isTime = typeof time === "object";
  times[at] = BigInt(isTime ? time.sec : 0);
  times[at + 1] = BigInt(isTime ? time.nsec : time === "now" ? UTIME_NOW : UTIME_OMIT);
}

function cut(tree: Tree, place: Place, size: number, handle: Handle | undefined): void {
  const writable = handle !== undefined && handle.kind === "regular" && canWrite(handle.flags)
    ? handle
    : undefined;
  const { fd, own } = tree.borrow(place, writable, O.WRONLY);
  let result;
  do result = c.ftruncate(fd, size); while (interrupted(result));
  const number = result < 0 ? errno() : 0;
  if (own) c.close(fd);
  if (number !== 0) throw failure(number, `Cut ${tree.pathOf(place)} to ${size} bytes`);
}

function shown(id: number): string {
  return id === KEEP_ID ? "as before" : String(id);
}
