/** Descriptors themselves: what they are, what they may, and their end. */
import { ADVICE_MAX, FDFLAGS, Filetype, PREOPENTYPE_DIR, Size } from "./abi.ts";
import { checkWritable, type Descriptor, OFFSET_MAX, STREAM_FILETYPE, unfit } from "./descriptor.ts";
import { checkRights } from "./descriptors.ts";
import { Errno, WasiError } from "./errno.ts";
import { type WasiFunction, wasiFunction } from "./function.ts";
import { fileOf } from "./io_functions.ts";
import { bytesAt, checkInside, type GuestMemory, isInside } from "./memory.ts";
import type { WasiProcess } from "./process.ts";
import { Right, rightsOf } from "./rights.ts";
import { putFdstat, putFilestat, putStreamFilestat, timesOf } from "./stat.ts";

function advise(
  process: WasiProcess,
  _memory: GuestMemory,
  fd: number,
  _offset: bigint,
  _length: bigint,
  advice: number,
): number {
  fileOf(process, fd, Right.FD_ADVISE, "SPIPE");
  return advice > ADVICE_MAX ? Errno.INVAL : Errno.SUCCESS;
}

function allocate(
  process: WasiProcess,
  _memory: GuestMemory,
  fd: number,
  offset: bigint,
  length: bigint,
): number {
  const file = fileOf(process, fd, Right.FD_ALLOCATE, "SPIPE");
  const bytes = BigInt.asUintN(64, length);
  if (bytes === 0n) throw new WasiError("INVAL", "No bytes to allocate");
  const size = sizeOf(BigInt.asUintN(64, offset) + bytes);
  // As of posix_fallocate(3).
  if (!(file.rights & Right.FD_WRITE)) {
    throw new WasiError("BADF", "The file was not opened to be written to");
  }
  checkWritable(file.mount);
  if (size > file.attr().size) file.change({ size });
  return Errno.SUCCESS;
}

function setSize(process: WasiProcess, _memory: GuestMemory, fd: number, size: bigint): number {
  const file = fileOf(process, fd, Right.FD_FILESTAT_SET_SIZE, "INVAL");
  // As of ftruncate(2).
  if (!(file.rights & Right.FD_WRITE)) {
    throw new WasiError("INVAL", "The file was not opened to be written to");
  }
  file.change({ size: sizeOf(BigInt.asUintN(64, size)) });
  return Errno.SUCCESS;
}

function sizeOf(size: bigint): number {
  if (size > OFFSET_MAX) {
    throw new WasiError("FBIG", `A file of ${size} bytes, allowed are ${OFFSET_MAX}`);
  }
  return Number(size);
}

/** A file or directory with these rights; a stream cannot do it, which POSIX calls EINVAL. */
function storedOf(process: WasiProcess, fd: number, rights: number) {
  const descriptor = process.descriptors.get(fd);
  if (descriptor.kind === "input" || descriptor.kind === "output") throw unfit(descriptor, "INVAL", "INVAL");
  checkRights(descriptor, rights);
  return descriptor;
}

function sync(right: number, dataOnly: boolean) {
  return (process: WasiProcess, _memory: GuestMemory, fd: number): number => {
    storedOf(process, fd, right).sync(dataOnly);
    return Errno.SUCCESS;
  };
}

function filetypeOfDescriptor(descriptor: Descriptor): number {
  switch (descriptor.kind) {
    case "input":
    case "output":
      return STREAM_FILETYPE;
    case "directory":
      return Filetype.DIRECTORY;
    case "file":
      return descriptor.filetype;
  }
}

function getFdstat(process: WasiProcess, memory: GuestMemory, fd: number, result: number): number {
  const descriptor = process.descriptors.at(fd);
  if (!descriptor) return Errno.BADF;
  putFdstat(memory, result, descriptor, filetypeOfDescriptor(descriptor));
  return Errno.SUCCESS;
}

function setFlags(process: WasiProcess, _memory: GuestMemory, fd: number, flags: number): number {
  const descriptor = process.descriptors.withRights(fd, Right.FD_FDSTAT_SET_FLAGS);
  if (flags & ~FDFLAGS) return Errno.INVAL;
  descriptor.setFlags(flags);
  return Errno.SUCCESS;
}

/** Rights can be given up, never taken. */
function setRights(
  process: WasiProcess,
  _memory: GuestMemory,
  fd: number,
  base: bigint,
  inheriting: bigint,
): number {
  const descriptor = process.descriptors.get(fd);
  const wanted = { base: rightsOf(base), inheriting: rightsOf(inheriting) };
  if (wanted.base & ~descriptor.rights || wanted.inheriting & ~descriptor.inheriting) {
    throw new WasiError("NOTCAPABLE", "Rights that the descriptor does not have");
  }
  descriptor.rights = wanted.base;
  descriptor.inheriting = wanted.inheriting;
  return Errno.SUCCESS;
}

function getFilestat(process: WasiProcess, memory: GuestMemory, fd: number, result: number): number {
  const descriptor = process.descriptors.withRights(fd, Right.FD_FILESTAT_GET);
  checkInside(memory, result, Size.FILESTAT);
  if (descriptor.kind === "file" || descriptor.kind === "directory") {
    putFilestat(memory, result, descriptor.mount.device, descriptor.attr());
  } else putStreamFilestat(memory, result, fd);
  return Errno.SUCCESS;
}

function setTimes(
  process: WasiProcess,
  _memory: GuestMemory,
  fd: number,
  atim: bigint,
  mtim: bigint,
  flags: number,
): number {
  storedOf(process, fd, Right.FD_FILESTAT_SET_TIMES).change(timesOf(atim, mtim, flags));
  return Errno.SUCCESS;
}

/** A guest's library asks for 3, 4 and so on until it gets BADF, at every start: the refusal is a number. */
function getPrestat(process: WasiProcess, memory: GuestMemory, fd: number, result: number): number {
  const descriptor = process.descriptors.at(fd);
  if (descriptor?.kind !== "directory" || !descriptor.preopen) return Errno.BADF;
  if (!isInside(memory, result, Size.PRESTAT)) return Errno.FAULT;
  memory.view.setUint32(result, PREOPENTYPE_DIR, true);
  memory.view.setUint32(result + 4, descriptor.preopen.length, true);
  return Errno.SUCCESS;
}

function getPrestatName(
  process: WasiProcess,
  memory: GuestMemory,
  fd: number,
  path: number,
  length: number,
): number {
  const descriptor = process.descriptors.at(fd);
  if (descriptor?.kind !== "directory" || !descriptor.preopen) return Errno.BADF;
  if (length < descriptor.preopen.length) return Errno.NAMETOOLONG;
  bytesAt(memory, path, length).set(descriptor.preopen);
  return Errno.SUCCESS;
}

export const DESCRIPTOR_FUNCTIONS: readonly WasiFunction[] = [
  wasiFunction("fd_advise", "iIIi", advise),
  wasiFunction("fd_allocate", "iII", allocate),
  wasiFunction("fd_close", "i", (process, _memory, fd) => {
    process.descriptors.close(fd);
    return Errno.SUCCESS;
  }),
  wasiFunction("fd_datasync", "i", sync(Right.FD_DATASYNC, true)),
  wasiFunction("fd_fdstat_get", "ii", getFdstat),
  wasiFunction("fd_fdstat_set_flags", "ii", setFlags),
  wasiFunction("fd_fdstat_set_rights", "iII", setRights),
  wasiFunction("fd_filestat_get", "ii", getFilestat),
  wasiFunction("fd_filestat_set_size", "iI", setSize),
  wasiFunction("fd_filestat_set_times", "iIIi", setTimes),
  wasiFunction("fd_prestat_get", "ii", getPrestat),
  wasiFunction("fd_prestat_dir_name", "iii", getPrestatName),
  wasiFunction("fd_renumber", "ii", (process, _memory, from, to) => {
    process.descriptors.renumber(from, to);
    return Errno.SUCCESS;
  }),
  wasiFunction("fd_sync", "i", sync(Right.FD_SYNC, false)),
];
