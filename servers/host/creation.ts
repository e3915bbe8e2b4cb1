import { type Call, type Created, type Creation, Errno, NineError, S } from "../../9p/mod.ts";
import { openErrno } from "./descriptors.ts";
import { writeFlags } from "./flags.ts";
import { Handle } from "./handle.ts";
import { AT, OPEN } from "./libc/constants.ts";
import { component, EMPTY, text } from "./libc/cstring.ts";
import { c, errno, failure } from "./libc/libc.ts";
import { stat, statAt, statFd } from "./libc/statx.ts";
import { keep, systemFlags } from "./open.ts";
import type { Place } from "./place.ts";
import type { Tree } from "./tree.ts";

/** Makes a regular file and opens it. */
export function create(
  tree: Tree,
  dir: Place,
  name: string,
  what: Creation,
  flags: number,
  call: Call,
): Created<Place, Handle> {
  const dirfd = tree.directory(dir);
  const gid = groupOf(tree, dirfd, what, call);
  const wanted = systemFlags(flags, what.flags ?? 0) | OPEN.CREAT | OPEN.EXCL;
  let fd = tree.descriptors.openat(dirfd, component(name), wanted, what.mode & 0o777);
  if (fd < 0) throw failure(openErrno(), `Create ${tree.pathOf(dir, name)}`);
  try {
    fd = tree.descriptors.lower(fd, call.user);
    endow(tree, tree.pathOf(dir, name), fd, what, gid, call);
    const place = settle(tree, dir, dirfd, name, fd, what.flags ?? 0);
    return { node: place, handle: keep(tree, new Handle(fd, flags, "regular", true)) };
  } catch (error) {
    retract(dirfd, name, fd);
    c.close(fd);
    throw error;
  }
}

/** Makes a directory, symlink, device, fifo or socket. */
export function make(tree: Tree, dir: Place, name: string, what: Creation, call: Call): Place {
  const dirfd = tree.directory(dir);
  const type = what.mode & S.IFMT;
  const path = tree.pathOf(dir, name);
  const gid = groupOf(tree, dirfd, what, call);
  if (makeName(dirfd, name, what, type) < 0) throw failure(errno(), `Make ${path}`);
  const child = tree.descriptors.openat(dirfd, component(name), OPEN.PATH | OPEN.NOFOLLOW, 0);
  if (child < 0) throw failure(openErrno(), `Find ${path} after making it`);
  try {
    if (!statFd(child) || (stat.mode & S.IFMT) !== type) {
      throw new NineError("ESTALE", `${path} was replaced by another program while it was made`);
    }
    try {
      endow(tree, path, child, what, gid, call);
      return settle(tree, dir, dirfd, name, child, what.flags ?? 0);
    } catch (error) {
      retract(dirfd, name, child);
      throw error;
    }
  } finally {
    c.close(child);
  }
}

function makeName(dirfd: number, name: string, what: Creation, type: number): number {
  const child = component(name);
  switch (type) {
    case S.IFDIR:
      return c.mkdirat(dirfd, child, what.mode & 0o1777);
    case S.IFLNK:
      if (what.target === undefined || what.target === "") {
        throw new NineError("ENOENT", "A symlink to nothing");
      }
      return c.symlinkat(text(what.target, 1), dirfd, child);
    case S.IFIFO:
    case S.IFSOCK:
      return c.mknodat(dirfd, child, type | what.mode & 0o777, 0);
    case S.IFCHR:
    case S.IFBLK:
      return c.mknodat(dirfd, child, type | what.mode & 0o777, what.rdev ?? 0);
    default:
      throw new NineError("EINVAL", `Cannot make a file of type 0o${type.toString(8)}`);
  }
}

/**
 * Gives the new file its owner, its mode (whatever the process's umask took, and after chown(2), which clears setuid
 * and setgid) and its flags. `fd` may be O_PATH.
 */
function endow(
  tree: Tree,
  path: string,
  fd: number,
  what: Creation,
  gid: number | undefined,
  call: Call,
): void {
  if (!statFd(fd)) throw failure(errno(), `Look at ${path}`);
  const isOwner = call.user.standing === "owner";
  // The owner makes files as the node's process would.
  const uid = isOwner && what.uid === call.user.name ? stat.uid : tree.principals.uid(what.uid);
  const type = stat.mode & S.IFMT;
  const inherited = type === S.IFDIR ? stat.mode & S.ISGID : 0;
  const changesUid = uid !== stat.uid;
  const changesGid = gid !== undefined && gid !== stat.gid;
  if (changesUid || changesGid) {
    const result = c.fchownat(fd, EMPTY, uid, gid ?? stat.gid, AT.EMPTY_PATH);
    // A group that the owner's process is not in is a wish: over a mount every client names one.
    if (result < 0 && (changesUid || !isOwner || errno() !== Errno.EPERM)) {
      throw failure(errno(), `Give ${path} to ${what.uid} (user ${uid}, group ${gid ?? stat.gid})`);
    }
  }
  if (type === S.IFLNK) return;
  const mode = (what.mode & 0o7777) | inherited;
  if ((changesUid || changesGid || (stat.mode & 0o7777) !== mode) && !tree.chmod(fd, mode)) {
    throw failure(errno(), `Set the mode of ${path} to 0o${mode.toString(8)}`);
  }
  if (what.flags !== undefined && what.flags !== 0) writeFlags(fd, what.flags, path);
}

/** The group for a new file in the directory, or undefined for what the kernel gives it. */
function groupOf(tree: Tree, dirfd: number, what: Creation, call: Call): number | undefined {
  if (!statFd(dirfd) || (stat.mode & S.ISGID) !== 0) return undefined;
  if (what.gid !== undefined) return tree.principals.gid(what.gid);
  if (call.user.standing === "owner") return undefined;
  for (const group of call.user.groups) return tree.principals.gid(group);
  return undefined;
}

/** Makes the new file, of which `fd` is a descriptor, known. */
function settle(tree: Tree, dir: Place, dirfd: number, name: string, fd: number, flags: number): Place {
  if (!statFd(fd)) throw failure(errno(), `Look at ${tree.pathOf(dir, name)}`);
  const before = dir.children?.get(name);
  if (before !== undefined) tree.places.detach(before);
  tree.listings.drop(dir.inode.path);
  return tree.places.add(dir, name, tree.inodes.intern(dirfd, component(name), flags));
}

/** Takes a new file back that could not be made whole, unless its name has become another file's. */
function retract(dirfd: number, name: string, fd: number): void {
  if (!statFd(fd)) return;
  const { inoLow, inoHigh, dev, mode } = stat;
  if (!statAt(dirfd, component(name))) return;
  if (stat.inoLow !== inoLow || stat.inoHigh !== inoHigh || stat.dev !== dev) return;
  c.unlinkat(dirfd, component(name), (mode & S.IFMT) === S.IFDIR ? AT.REMOVEDIR : 0);
}
