import { type Call, canWrite, Errno, type Later, NineError, O, Qt, S } from "../../9p/mod.ts";
import { openErrno, stale } from "./descriptors.ts";
import { Handle } from "./handle.ts";
import { OPEN } from "./libc/constants.ts";
import { component } from "./libc/cstring.ts";
import { c, errno, failure, interrupted } from "./libc/libc.ts";
import { endListing } from "./listing.ts";
import { stat, statFd } from "./libc/statx.ts";
import type { Place } from "./place.ts";
import { untilReady } from "./stream.ts";
import type { Tree } from "./tree.ts";

/** Opens the place's file for a client. A fifo for writing waits for its reader, unless `flags` has NONBLOCK. */
export function open(tree: Tree, place: Place, flags: number, call: Call): Later<Handle> {
  const { inode } = place;
  if (inode.isDir) return openDirectory(tree, place, flags, call);
  if (inode.isSymlink) {
    throw new NineError("ELOOP", `${tree.pathOf(place)} is a symbolic link; read it as one`);
  }
  const handle = attempt(tree, place, flags, call);
  if (handle !== undefined) return handle;
  return untilReady(() => {
    tree.descriptors.begin();
    return attempt(tree, place, flags, call);
  }, call);
}

/** What a client's flags mean to openat(2). NONBLOCK: even a file that a fifo has just replaced must not block. */
export function systemFlags(flags: number, qtFlags: number): number {
  const append = (qtFlags & Qt.APPEND) !== 0 ? OPEN.APPEND : 0;
  const wanted = flags & (O.ACCMODE | O.APPEND | O.SYNC | O.DSYNC);
  return wanted | append | OPEN.NONBLOCK | OPEN.NOCTTY | OPEN.NOFOLLOW | OPEN.CLOEXEC;
}

export function closeHandle(tree: Tree, place: Place, handle: Handle): void {
  if (handle.fd < 0) return;
  endListing(tree, handle);
  tree.handles.delete(handle);
  tree.windows.close(handle);
  const fd = handle.fd;
  handle.fd = -1;
  // After EINTR Linux has closed the descriptor all the same.
  if (c.close(fd) < 0 && errno() !== Errno.EINTR) throw failure(errno(), `Close ${tree.pathOf(place)}`);
}

function openDirectory(tree: Tree, place: Place, flags: number, call: Call): Handle {
  if (canWrite(flags) || (flags & O.TRUNC) !== 0) {
    throw new NineError("EISDIR", `${tree.pathOf(place)} is a directory; it can only be opened for reading`);
  }
  // Not as "." in the directory: that asks for the right to search it, where reading is enough.
  const fd = tree.reopen(tree.descriptors.of(place), OPEN.DIRECTORY);
  if (fd < 0) throw failure(openErrno(), `Open the directory ${tree.pathOf(place)}`);
  return keep(tree, new Handle(lowered(tree, fd, call), flags, "directory", false));
}

/** One attempt to open; undefined if it is worth another one later. */
function attempt(tree: Tree, place: Place, flags: number, call: Call): Handle | undefined {
  const { inode } = place;
  const wanted = systemFlags(flags, inode.flags);
  // With a descriptor at hand, opening it anew takes 1.0 µs, by name and with the check 1.2; getting one first, 1.8.
  const ready = place.removed ? tree.descriptors.of(place) : tree.descriptors.ready(place);
  const found = ready >= 0
    ? tree.reopen(ready, wanted)
    : tree.descriptors.openat(tree.descriptors.of(place.parent), component(place.name), wanted, 0);
  if (found < 0) {
    const number = openErrno();
    const isWorthWaiting = number === Errno.EAGAIN || (number === Errno.ENXIO && inode.type === S.IFIFO);
    if (isWorthWaiting && (flags & O.NONBLOCK) === 0) return undefined;
    if (number === Errno.ENOENT || number === Errno.ELOOP) throw stale(place);
    throw failure(number, `Open ${tree.pathOf(place)} with flags 0o${flags.toString(8)}`);
  }
  const fd = lowered(tree, found, call);
  if (!statFd(fd) || !inode.isLastStat()) {
    c.close(fd);
    throw stale(place);
  }
  inode.observe();
  const handle = new Handle(fd, flags, inode.isRegular ? "regular" : "stream", inode.type !== S.IFIFO);
  if (canWrite(flags)) {
    handle.clearSetid = (stat.mode & (S.ISUID | S.ISGID)) !== 0 && call.user.standing !== "owner" &&
      tree.principals.user(stat.uid) !== call.user.name;
  }
  if ((flags & O.TRUNC) !== 0 && inode.isRegular && (inode.flags & Qt.APPEND) === 0) {
    truncate(tree, place, fd, canWrite(flags));
  }
  return keep(tree, handle);
}

/** The descriptor that a client's file has from now on; closed where there is none for it. */
function lowered(tree: Tree, fd: number, { user }: Call): number {
  try {
    return tree.descriptors.lower(fd, user);
  } catch (error) {
    c.close(fd);
    throw error;
  }
}

/**
 * Empties the file behind `fd`, which is closed where that fails. Not by O_TRUNC in open: that would empty a file that
 * has just taken the name. open(5) allows OTRUNC with OREAD; ftruncate(2) then needs a descriptor of its own.
 */
function truncate(tree: Tree, place: Place, fd: number, isWritable: boolean): void {
  const writable = isWritable ? fd : tree.reopen(fd, O.WRONLY | OPEN.NONBLOCK | OPEN.CLOEXEC);
  let result = writable;
  if (writable >= 0) { do result = c.ftruncate(writable, 0); while (interrupted(result)); }
  const error = result < 0 ? failure(errno(), `Truncate ${tree.pathOf(place)}`) : undefined;
  if (writable >= 0 && writable !== fd) c.close(writable);
  if (error) {
    c.close(fd);
    throw error;
  }
  place.inode.changed();
}

export function keep(tree: Tree, handle: Handle): Handle {
  tree.handles.add(handle);
  return handle;
}
