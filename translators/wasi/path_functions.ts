/** Names: making, moving, linking, removing, and looking at what is behind them. */
import { S } from "../../9p/mod.ts";
import { Lookup } from "./abi.ts";
import {
  attrOf,
  changeAttr,
  checkWritable,
  isDirectory,
  isSymlink,
  type OpenDirectory,
} from "./descriptor.ts";
import { Errno, WasiError } from "./errno.ts";
import { type WasiFunction, wasiFunction } from "./function.ts";
import { bytesAt, checkInside, type GuestMemory, pathAt } from "./memory.ts";
import { now } from "./now.ts";
import type { WasiProcess } from "./process.ts";
import { existing, isDots, type Last, type Place, resolve, vacant } from "./resolve.ts";
import { Right } from "./rights.ts";
import { putFilestat, timesOf } from "./stat.ts";

/** Preview 1 knows no permission bits; these are what a umask of 022 leaves. */
export const FILE_MODE: number = S.IFREG | 0o644;
const DIRECTORY_MODE = S.IFDIR | 0o755;
const SYMLINK_MODE = S.IFLNK | 0o777;

/** The lookupflags as what becomes of a symlink at the end. */
export function lastOf(lookupflags: number): Last {
  if (lookupflags & ~Lookup.SYMLINK_FOLLOW) {
    throw new WasiError("INVAL", `The lookupflags 0x${lookupflags.toString(16)}: known is 1`);
  }
  return lookupflags ? "follow" : "nofollow";
}

function createDirectory(
  process: WasiProcess,
  memory: GuestMemory,
  fd: number,
  path: number,
  length: number,
): number {
  const directory = process.descriptors.directory(fd, Right.PATH_CREATE_DIRECTORY);
  make(directory, vacant(directory, pathAt(memory, path, length)), DIRECTORY_MODE);
  return Errno.SUCCESS;
}

/** Anything but a regular file. */
function make(directory: OpenDirectory, { dir, name }: Place, mode: number, target?: string): void {
  const { mount } = directory;
  checkWritable(mount);
  const { server, call } = mount;
  if (!server.make) throw new WasiError("PERM", "The file server makes nothing");
  now(server.make(dir, name, { mode, uid: call.user.name, target }, call));
}

function getFilestat(
  process: WasiProcess,
  memory: GuestMemory,
  fd: number,
  flags: number,
  path: number,
  length: number,
  result: number,
): number {
  const directory = process.descriptors.directory(fd, Right.PATH_FILESTAT_GET);
  const { mount, node } = existing(directory, pathAt(memory, path, length), lastOf(flags));
  putFilestat(memory, result, mount.device, attrOf(mount, node));
  return Errno.SUCCESS;
}

function setTimes(
  process: WasiProcess,
  memory: GuestMemory,
  fd: number,
  flags: number,
  path: number,
  length: number,
  atim: bigint,
  mtim: bigint,
  fstflags: number,
): number {
  const directory = process.descriptors.directory(fd, Right.PATH_FILESTAT_SET_TIMES);
  const change = timesOf(atim, mtim, fstflags);
  const { mount, node } = existing(directory, pathAt(memory, path, length), lastOf(flags));
  changeAttr(mount, node, change);
  return Errno.SUCCESS;
}

function link(
  process: WasiProcess,
  memory: GuestMemory,
  oldFd: number,
  oldFlags: number,
  oldPath: number,
  oldLength: number,
  newFd: number,
  newPath: number,
  newLength: number,
): number {
  const source = process.descriptors.directory(oldFd, Right.PATH_LINK_SOURCE);
  const target = process.descriptors.directory(newFd, Right.PATH_LINK_TARGET);
  const { mount, node } = existing(source, pathAt(memory, oldPath, oldLength), lastOf(oldFlags));
  const { dir, name } = nameFor(vacant(target, pathAt(memory, newPath, newLength)));
  if (isDirectory(mount, node)) throw new WasiError("PERM", "A directory has one name only");
  checkSame(source, target);
  const { server, call } = mount;
  if (!server.link) throw new WasiError("NOTSUP", "The file server has no links");
  now(server.link(node, dir, name, call));
  return Errno.SUCCESS;
}

/** A place for what is no directory. */
function nameFor(place: Place): Place {
  if (place.slash) {
    throw new WasiError("NOENT", `A slash behind ${JSON.stringify(place.name)}, which is not there`);
  }
  return place;
}

/** Both in one server, and both to be written to. */
function checkSame(source: OpenDirectory, target: OpenDirectory): void {
  if (source.mount.server !== target.mount.server) {
    throw new WasiError("XDEV", "The two names are in different file servers");
  }
  checkWritable(source.mount);
  checkWritable(target.mount);
}

function readlink(
  process: WasiProcess,
  memory: GuestMemory,
  fd: number,
  path: number,
  length: number,
  buffer: number,
  bufferLength: number,
  result: number,
): number {
  const directory = process.descriptors.directory(fd, Right.PATH_READLINK);
  const into = bytesAt(memory, buffer, bufferLength);
  checkInside(memory, result, 4);
  const { mount, node } = existing(directory, pathAt(memory, path, length), "nofollow");
  const { server, call } = mount;
  if (!server.readlink || !isSymlink(mount, node)) {
    throw new WasiError("INVAL", "Only a symlink can be read so");
  }
  const target = new TextEncoder().encode(now(server.readlink(node, call)));
  const used = Math.min(target.length, into.length);
  into.set(target.subarray(0, used));
  memory.view.setUint32(result, used, true);
  return Errno.SUCCESS;
}

function removeDirectory(
  process: WasiProcess,
  memory: GuestMemory,
  fd: number,
  path: number,
  length: number,
): number {
  const directory = process.descriptors.directory(fd, Right.PATH_REMOVE_DIRECTORY);
  const place = existing(directory, pathAt(memory, path, length), "entry");
  if (place.name === ".") throw new WasiError("INVAL", "A directory is removed by its name, not by .");
  if (place.name === "..") throw new WasiError("NOTEMPTY", "The directory above is not empty");
  if (!isDirectory(place.mount, place.node)) {
    throw new WasiError("NOTDIR", `${JSON.stringify(place.name)} is no directory`);
  }
  return remove(place);
}

function unlinkFile(
  process: WasiProcess,
  memory: GuestMemory,
  fd: number,
  path: number,
  length: number,
): number {
  const directory = process.descriptors.directory(fd, Right.PATH_UNLINK_FILE);
  const place = existing(directory, pathAt(memory, path, length), "entry");
  if (isDirectory(place.mount, place.node)) {
    throw new WasiError("ISDIR", `${JSON.stringify(place.name)} is a directory`);
  }
  return remove(place);
}

function remove({ mount, node }: Place): number {
  checkWritable(mount);
  const { server, call } = mount;
  if (!server.remove) throw new WasiError("PERM", "The file server removes nothing");
  now(server.remove(node, call));
  return Errno.SUCCESS;
}

function rename(
  process: WasiProcess,
  memory: GuestMemory,
  oldFd: number,
  oldPath: number,
  oldLength: number,
  newFd: number,
  newPath: number,
  newLength: number,
): number {
  const source = process.descriptors.directory(oldFd, Right.PATH_RENAME_SOURCE);
  const target = process.descriptors.directory(newFd, Right.PATH_RENAME_TARGET);
  const from = existing(source, pathAt(memory, oldPath, oldLength), "entry");
  const onto = resolve(target, pathAt(memory, newPath, newLength), "entry");
  if (isDots(from) || isDots(onto)) throw new WasiError("BUSY", "Neither . nor .. can be renamed");
  if (onto.slash && !isDirectory(from.mount, from.node)) {
    throw new WasiError(
      "NOTDIR",
      `A slash behind ${JSON.stringify(onto.name)}, and no directory to go there`,
    );
  }
  checkSame(source, target);
  checkNotBelow(from, onto.dir);
  const { server, call } = from.mount;
  if (!server.rename) throw new WasiError("PERM", "The file server renames nothing");
  now(server.rename(from.node, onto.dir, onto.name, false, call));
  return Errno.SUCCESS;
}

/** A directory must not go below itself: a file server relies on that. */
function checkNotBelow({ mount: { server }, node }: Place, dir: unknown): void {
  for (let at = dir;;) {
    if (at === node) throw new WasiError("INVAL", "A directory cannot move below itself");
    const above = server.parent(at);
    if (above === at) return;
    at = above;
  }
}

function symlink(
  process: WasiProcess,
  memory: GuestMemory,
  target: number,
  targetLength: number,
  fd: number,
  path: number,
  length: number,
): number {
  const directory = process.descriptors.directory(fd, Right.PATH_SYMLINK);
  const text = pathAt(memory, target, targetLength);
  if (text === "") throw new WasiError("NOENT", "A symlink needs a target");
  // Nothing could follow it: paths start from a directory.
  if (text.startsWith("/")) {
    throw new WasiError("NOTCAPABLE", `The target ${JSON.stringify(text)} is absolute`);
  }
  const place = nameFor(vacant(directory, pathAt(memory, path, length)));
  make(directory, place, SYMLINK_MODE, text);
  return Errno.SUCCESS;
}

export const PATH_FUNCTIONS: readonly WasiFunction[] = [
  wasiFunction("path_create_directory", "iii", createDirectory),
  wasiFunction("path_filestat_get", "iiiii", getFilestat),
  wasiFunction("path_filestat_set_times", "iiiiIIi", setTimes),
  wasiFunction("path_link", "iiiiiii", link),
  wasiFunction("path_readlink", "iiiiii", readlink),
  wasiFunction("path_remove_directory", "iii", removeDirectory),
  wasiFunction("path_rename", "iiiiii", rename),
  wasiFunction("path_symlink", "iiiii", symlink),
  wasiFunction("path_unlink_file", "iii", unlinkFile),
];
