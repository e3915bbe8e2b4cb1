import { Errno, NineError, S } from "../../9p/mod.ts";
import { AT, OPEN, PATH_MAX, RENAME_NOREPLACE } from "./libc/constants.ts";
import { component, EMPTY } from "./libc/cstring.ts";
import { c, errno, failure } from "./libc/libc.ts";
import { stat, statAt, statFd } from "./libc/statx.ts";
import type { Place } from "./place.ts";
import type { Tree } from "./tree.ts";

/**
 * The child of that name. A name that has another file than it had is another place; whoever holds the one before gets
 * ESTALE, never the other file's bytes.
 */
export function walk(tree: Tree, dir: Place, name: string): Place {
  const dirfd = tree.directory(dir);
  const child = component(name);
  const known = dir.children?.get(name);
  if (!statAt(dirfd, child)) {
    const number = errno();
    if (known !== undefined && known.holds === 0 && number === Errno.ENOENT) tree.places.detach(known);
    throw failure(number, `Walk to ${tree.pathOf(dir, name)}`);
  }
  if (known !== undefined) {
    if (known.inode.isLastStat()) {
      known.inode.observe();
      tree.places.refresh(known);
      return known;
    }
    tree.descriptors.release(known);
    tree.places.detach(known);
  }
  return tree.places.add(dir, name, tree.inodes.intern(dirfd, child));
}

/**
 * Removes the place. Its descriptor is opened before, and kept for those who hold the place (rule R39). Linux has no
 * way to unlink by descriptor: another program that replaces the file between the check and the call, some
 * microseconds, loses its new file.
 */
export function remove(tree: Tree, place: Place): void {
  if (place.isRoot) throw new NineError("EBUSY", `${tree.folder} is the root and cannot be removed`);
  const fd = tree.descriptors.of(place);
  const dirfd = tree.lookByName(place);
  if (c.unlinkat(dirfd, component(place.name), place.inode.isDir ? AT.REMOVEDIR : 0) < 0) {
    throw failure(errno(), `Remove ${tree.pathOf(place)}`);
  }
  tree.listings.drop(place.parent.inode.path);
  removed(tree, place, fd);
}

/** Moves the place to `name` in `dir`, replacing what is there as renameat2(2) does; the gap of `remove` is here too. */
export function rename(tree: Tree, place: Place, dir: Place, name: string, noReplace: boolean): void {
  if (place.isRoot) throw new NineError("EBUSY", `${tree.folder} is the root and cannot be renamed`);
  const dirfd = tree.directory(dir);
  const sourceDirfd = tree.lookByName(place);
  const target = noReplace ? undefined : targetOf(tree, place, dir, dirfd, name);
  if (target === "itself") return;
  try {
    if (!renameat(sourceDirfd, place.name, dirfd, name, noReplace)) {
      throw failure(errno(), `Rename ${tree.pathOf(place)} to ${tree.pathOf(dir, name)}`);
    }
    tree.listings.drop(place.parent.inode.path);
    tree.listings.drop(dir.inode.path);
    const before = dir.children?.get(name);
    if (target?.place !== undefined) removed(tree, target.place, target.fd);
    else {
      if (target !== undefined) retireIfGone(tree, target.fd);
      if (before !== undefined) tree.places.detach(before);
    }
    tree.places.move(place, dir, name);
  } finally {
    if (target !== undefined && target.place === undefined) c.close(target.fd);
  }
}

/** Gives the file another name. */
export function link(tree: Tree, place: Place, dir: Place, name: string): void {
  const dirfd = tree.directory(dir);
  if (!tree.link(tree.descriptors.of(place), dirfd, name)) {
    throw failure(errno(), `Link ${tree.pathOf(place)} to ${tree.pathOf(dir, name)}`);
  }
  tree.listings.drop(dir.inode.path);
  const before = dir.children?.get(name);
  if (before !== undefined) tree.places.detach(before);
}

const target = new Uint8Array(new ArrayBuffer(PATH_MAX));
const utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

export function readlink(tree: Tree, place: Place): string {
  if (!place.inode.isSymlink) throw new NineError("EINVAL", `${tree.pathOf(place)} is not a symbolic link`);
  const size = c.readlinkat(tree.descriptors.of(place), EMPTY, target, target.length);
  if (size < 0) throw failure(errno(), `Read the link ${tree.pathOf(place)}`);
  try {
    return utf8.decode(target.subarray(0, size));
  } catch {
    throw new NineError("EILSEQ", `The target of ${tree.pathOf(place)} is not valid UTF-8`);
  }
}

/** What a rename is about to replace: with the place that stands for it, or else with a descriptor to be closed. */
interface Target {
  place: Place | undefined;
  fd: number;
}

function targetOf(
  tree: Tree,
  source: Place,
  dir: Place,
  dirfd: number,
  name: string,
): Target | "itself" | undefined {
  const child = component(name);
  if (!statAt(dirfd, child)) return undefined;
  // rename(2) between two names of one file does nothing.
  if (source.inode.isLastStat()) return "itself";
  const place = dir.children?.get(name);
  if (place !== undefined && place.inode.isLastStat()) return { place, fd: tree.descriptors.of(place) };
  const fd = tree.descriptors.openat(dirfd, child, OPEN.PATH | OPEN.NOFOLLOW, 0);
  return fd < 0 ? undefined : { place: undefined, fd };
}

function renameat(
  dirfd: number,
  name: string,
  newDirfd: number,
  newName: string,
  noReplace: boolean,
): boolean {
  const from = component(name, 1);
  const to = component(newName);
  if (c.renameat2(dirfd, from, newDirfd, to, noReplace ? RENAME_NOREPLACE : 0) === 0) return true;
  // Some filesystems do not know the flag. There, a name that appears in this very moment is replaced.
  if (!noReplace || errno() !== Errno.EINVAL || statAt(newDirfd, to)) return false;
  return c.renameat2(dirfd, from, newDirfd, to, 0) === 0;
}

/** The place has lost its name through us. */
function removed(tree: Tree, place: Place, fd: number): void {
  retireIfGone(tree, fd);
  tree.descriptors.pin(place);
  place.removed = true;
  tree.places.detach(place);
}

function retireIfGone(tree: Tree, fd: number): void {
  if (statFd(fd) && (stat.nlink === 0 || (stat.mode & S.IFMT) === S.IFDIR)) tree.inodes.retire();
}
