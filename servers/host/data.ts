import { type Call, Errno, type Later, NineError, O, S } from "../../9p/mod.ts";
import type { Handle } from "./handle.ts";
import { F_DUPFD_CLOEXEC, OPEN } from "./libc/constants.ts";
import { c, errno, failure } from "./libc/libc.ts";
import { stat, statFd } from "./libc/statx.ts";
import type { Place } from "./place.ts";
import { descriptorOf, isHungUp, Line } from "./stream.ts";
import type { Tree } from "./tree.ts";

/** Reads at once from files; from streams, as soon as they have something. */
export function read(
  tree: Tree,
  place: Place,
  handle: Handle,
  offset: number,
  into: Uint8Array,
  call: Call,
): number | Promise<Uint8Array> {
  if (handle.kind === "directory") {
    throw new NineError("EISDIR", `${tree.pathOf(place)} is a directory; list it`);
  }
  if (into.length === 0) return 0;
  // Who came first is served first.
  if (handle.reads === undefined || handle.reads.isEmpty) {
    const size = readOnce(tree, place, handle, offset, into as Uint8Array<ArrayBuffer>);
    if (size !== undefined) return size;
  }
  if ((handle.flags & O.NONBLOCK) !== 0) {
    throw new NineError(
      "EAGAIN",
      `${tree.pathOf(place)} has nothing to read now, and was opened with O_NONBLOCK`,
    );
  }
  const wanted = Math.min(into.length, waited.length);
  return (handle.reads ??= new Line()).wait(() => {
    const size = readOnce(tree, place, handle, offset, waited.subarray(0, wanted));
    return size === undefined ? undefined : waited.slice(0, size);
  }, call);
}

/** What comes for reads that have waited, one at a time: while they wait they hold no memory. A pipe holds as much. */
const waited = new Uint8Array(64 * 1024);

/** Writes what the file takes: all, or less where it is full. */
export function write(
  tree: Tree,
  place: Place,
  handle: Handle,
  offset: number,
  data: Uint8Array,
  call: Call,
): Later<number> {
  if (data.length === 0) return 0;
  if (handle.clearSetid) clearSetid(tree, place, handle);
  if (handle.writes === undefined || handle.writes.isEmpty) {
    const size = writeOnce(tree, place, handle, offset, data as Uint8Array<ArrayBuffer>);
    if (size !== undefined) return size;
  }
  if ((handle.flags & O.NONBLOCK) !== 0) {
    throw new NineError("EAGAIN", `${tree.pathOf(place)} is full now, and was opened with O_NONBLOCK`);
  }
  const own = data.slice();
  return (handle.writes ??= new Line()).wait(() => writeOnce(tree, place, handle, offset, own), call);
}

/**
 * fsync(2) or fdatasync(2) on a thread of its own, so that the node goes on while the disk works. That thread keeps its
 * errno to itself: whatever went wrong is EIO.
 */
export async function fsync(
  tree: Tree,
  place: Place,
  handle: Handle | undefined,
  dataOnly: boolean,
): Promise<void> {
  const fd = durable(tree, place, handle);
  const path = tree.pathOf(place);
  try {
    const result = await (dataOnly ? c.fdatasync(fd) : c.fsync(fd));
    if (result < 0) {
      throw new NineError("EIO", `Make ${path} durable: ${dataOnly ? "fdatasync" : "fsync"} failed`);
    }
  } finally {
    c.close(fd);
  }
}

/**
 * A descriptor of our own to make durable, as the client may close its file meanwhile: the handle's, or of the file,
 * or, for what has no content of its own (symlinks, fifos, devices, sockets), of the directory that holds it.
 */
function durable(tree: Tree, place: Place, handle: Handle | undefined): number {
  if (handle !== undefined && handle.fd >= 0 && handle.kind !== "stream") {
    const fd = c.fcntl(handle.fd, F_DUPFD_CLOEXEC, 0);
    if (fd < 0) throw failure(errno(), `Make ${tree.pathOf(place)} durable`);
    return fd;
  }
  const { type } = place.inode;
  if (type !== S.IFREG && type !== S.IFDIR) return tree.borrow(place.parent, undefined, OPEN.DIRECTORY).fd;
  try {
    return tree.borrow(place, undefined, O.RDONLY).fd;
  } catch (error) {
    if (type === S.IFDIR || !(error instanceof NineError) || error.errno !== Errno.EACCES) throw error;
    return tree.borrow(place, undefined, O.WRONLY).fd;
  }
}

function readOnce(
  tree: Tree,
  place: Place,
  handle: Handle,
  offset: number,
  into: Uint8Array<ArrayBuffer>,
): number | undefined {
  const fd = descriptorOf(handle);
  for (;;) {
    const size = handle.kind === "stream" && !handle.seekable
      ? c.read(fd, into, into.length)
      : c.pread(fd, into, into.length, offset);
    if (size > 0) return size;
    if (size === 0) return place.inode.type === S.IFIFO && !isHungUp(fd) ? undefined : 0;
    const number = errno();
    if (number === Errno.EINTR) continue;
    if (number === Errno.EAGAIN) return undefined;
    if (number === Errno.ESPIPE && handle.seekable) handle.seekable = false;
    else throw failure(number, `Read ${into.length} bytes at ${offset} of ${tree.pathOf(place)}`);
  }
}

function writeOnce(
  tree: Tree,
  place: Place,
  handle: Handle,
  offset: number,
  data: Uint8Array<ArrayBuffer>,
): number | undefined {
  const fd = descriptorOf(handle);
  for (;;) {
    const size = handle.kind === "stream" && !handle.seekable
      ? c.write(fd, data, data.length)
      : c.pwrite(fd, data, data.length, offset);
    if (size >= 0) {
      place.inode.changed();
      return size;
    }
    const number = errno();
    if (number === Errno.EINTR) continue;
    if (number === Errno.EAGAIN) return undefined;
    if (number === Errno.ESPIPE && handle.seekable) handle.seekable = false;
    else throw failure(number, `Write ${data.length} bytes at ${offset} of ${tree.pathOf(place)}`);
  }
}

/** What the kernel does at a write by a user who is not privileged; the node's process may well be. */
function clearSetid(tree: Tree, place: Place, handle: Handle): void {
  handle.clearSetid = false;
  if (!statFd(handle.fd) || c.fchmod(handle.fd, stat.mode & 0o7777 & ~(S.ISUID | S.ISGID)) < 0) {
    throw failure(errno(), `Take setuid and setgid from ${tree.pathOf(place)} before writing to it`);
  }
}
