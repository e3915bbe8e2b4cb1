/** path_open: from a path to a descriptor. */
import { Errno as LinuxErrno, NineError, O } from "../../9p/mod.ts";
import { FDFLAGS, Oflag, OFLAGS } from "./abi.ts";
import {
  checkWritable,
  isDirectory,
  isSymlink,
  type Mount,
  OpenDirectory,
  OpenFile,
  openFlags,
} from "./descriptor.ts";
import { checkRights } from "./descriptors.ts";
import { Errno, WasiError } from "./errno.ts";
import { type WasiFunction, wasiFunction } from "./function.ts";
import { checkInside, type GuestMemory, pathAt } from "./memory.ts";
import { now } from "./now.ts";
import { FILE_MODE, lastOf } from "./path_functions.ts";
import type { WasiProcess } from "./process.ts";
import { type Last, type Place, resolve } from "./resolve.ts";
import { DIRECTORY_RIGHTS, FILE_RIGHTS, Right, rightsOf, TREE_RIGHTS } from "./rights.ts";

/** How often a file that comes and goes is looked for. */
const TRIES_MAX = 3;

/** What the guest wants the new descriptor to be. */
interface Wanted {
  readonly oflags: number;
  readonly base: number;
  readonly inheriting: number;
  readonly fdflags: number;
}

function pathOpen(
  process: WasiProcess,
  memory: GuestMemory,
  fd: number,
  lookupflags: number,
  path: number,
  length: number,
  oflags: number,
  base: bigint,
  inheriting: bigint,
  fdflags: number,
  result: number,
): number {
  const creates = oflags & Oflag.CREAT;
  const directory = process.descriptors.directory(
    fd,
    Right.PATH_OPEN | (creates ? Right.PATH_CREATE_FILE : 0),
  );
  if (oflags & Oflag.TRUNC && !mayTruncate(directory)) checkRights(directory, Right.PATH_FILESTAT_SET_SIZE);
  const last = lastOf(lookupflags);
  const wanted: Wanted = { oflags, base: rightsOf(base), inheriting: rightsOf(inheriting), fdflags };
  checkWanted(wanted, directory);
  const text = pathAt(memory, path, length);
  checkInside(memory, result, 4);
  // Before a file is made for a descriptor that there is no room for.
  process.descriptors.free();
  // "O_EXCL: if pathname is a symbolic link, then open fails regardless of where it points."
  const atEnd = creates && oflags & Oflag.EXCL ? "entry" : last;
  const descriptor = openAt(directory, text, atEnd, wanted);
  memory.view.setUint32(result, process.descriptors.add(descriptor), true);
  return Errno.SUCCESS;
}

function openAt(
  directory: OpenDirectory,
  path: string,
  last: Last,
  wanted: Wanted,
): OpenFile | OpenDirectory {
  for (let tries = 1;; tries++) {
    const place = resolve(directory, path, last);
    if (place.node !== undefined) return open(place, wanted);
    try {
      return create(place, wanted);
    } catch (thrown) {
      // Somebody else has made it since it was looked for. To open it is what was asked for, unless it is to be new.
      const isThere = thrown instanceof NineError && thrown.errno === LinuxErrno.EEXIST;
      if (!isThere || wanted.oflags & Oflag.EXCL || tries === TRIES_MAX) throw thrown;
    }
  }
}

/**
 * A directory without the right to truncate paths may still hand on the right to truncate files, and then refusing
 * protects nothing. Go gives up the one and keeps the other whenever it opens a directory to read.
 */
function mayTruncate({ inheriting }: OpenDirectory): boolean {
  return (inheriting & Right.FD_FILESTAT_SET_SIZE) !== 0;
}

function checkWanted({ oflags, base, inheriting, fdflags }: Wanted, directory: OpenDirectory): void {
  if (oflags & ~OFLAGS || fdflags & ~FDFLAGS) {
    throw new WasiError(
      "INVAL",
      `Flags 0x${oflags.toString(16)} and 0x${fdflags.toString(16)}: unknown bits`,
    );
  }
  if (oflags & Oflag.DIRECTORY && oflags & Oflag.CREAT) {
    throw new WasiError("INVAL", "path_open makes no directories: path_create_directory does");
  }
  // "The implementation is allowed to return a file descriptor with fewer rights than specified, if and only if those
  // rights do not apply to the type of file being opened."
  const beyond = (base | inheriting) & TREE_RIGHTS & ~directory.inheriting;
  if (beyond) {
    throw new WasiError("NOTCAPABLE", `The directory does not hand on the rights 0x${beyond.toString(16)}`);
  }
}

function create(place: Place, { oflags, base, inheriting, fdflags }: Wanted): OpenFile {
  const { mount, dir, name, slash } = place;
  if (!(oflags & Oflag.CREAT)) throw new WasiError("NOENT", `There is no ${JSON.stringify(name)}`);
  if (slash) {
    throw new WasiError("ISDIR", `A slash behind ${JSON.stringify(name)}: path_open makes no directories`);
  }
  checkWritable(mount);
  const { server, call } = mount;
  if (!server.create) throw new WasiError("PERM", "The file server makes no files");
  const what = { mode: FILE_MODE, uid: call.user.name };
  const made = now(server.create(dir, name, what, openFlags(base, fdflags), call));
  return new OpenFile(mount, made.node, made, base & FILE_RIGHTS, inheriting, fdflags);
}

function open({ mount, node, name }: Place, wanted: Wanted): OpenFile | OpenDirectory {
  const { oflags, base, inheriting, fdflags } = wanted;
  if (oflags & Oflag.CREAT && oflags & Oflag.EXCL) {
    throw new WasiError("EXIST", `${JSON.stringify(name)} is there already`);
  }
  if (isDirectory(mount, node)) return openDirectory(mount, node, wanted);
  if (oflags & Oflag.DIRECTORY) throw new WasiError("NOTDIR", `${JSON.stringify(name)} is no directory`);
  if (isSymlink(mount, node)) throw new WasiError("LOOP", `${JSON.stringify(name)} is a symlink`);
  const truncates = (oflags & Oflag.TRUNC) !== 0;
  if (base & Right.FD_WRITE || truncates) checkWritable(mount);
  const { server, call } = mount;
  const flags = openFlags(base, fdflags) | (truncates ? O.TRUNC : 0);
  const handle = server.open && now(server.open(node, flags, call));
  return new OpenFile(mount, node, { handle }, base & FILE_RIGHTS, inheriting, fdflags);
}

function openDirectory(mount: Mount, node: unknown, wanted: Wanted): OpenDirectory {
  const { oflags, base, inheriting, fdflags } = wanted;
  if (oflags & (Oflag.CREAT | Oflag.TRUNC) || base & Right.FD_WRITE) {
    throw new WasiError("ISDIR", "A directory is not written to");
  }
  const directory = new OpenDirectory(mount, node, base & DIRECTORY_RIGHTS, inheriting, fdflags);
  try {
    // One that is to be listed is opened at once, so that whoever may not is told here.
    if (base & Right.FD_READDIR) directory.open();
  } catch (thrown) {
    directory.close();
    throw thrown;
  }
  return directory;
}

export const OPEN_FUNCTIONS: readonly WasiFunction[] = [wasiFunction("path_open", "iiiiiIIii", pathOpen)];
