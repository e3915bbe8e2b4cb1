/** Reading, writing and seeking. */
import { Whence } from "./abi.ts";
import { OFFSET_MAX, type OpenFile, unfit } from "./descriptor.ts";
import { checkRights } from "./descriptors.ts";
import { Errno, WasiError } from "./errno.ts";
import { type WasiFunction, wasiFunction } from "./function.ts";
import { checkIovecs, moveIovecs } from "./iovecs.ts";
import { checkInside, type GuestMemory, isInside } from "./memory.ts";
import type { WasiProcess } from "./process.ts";
import { Right } from "./rights.ts";

/** fd_read and fd_write: the way that most bytes take. Refusals are numbers here, since programs try what they may. */
function move(
  process: WasiProcess,
  memory: GuestMemory,
  writes: boolean,
  fd: number,
  list: number,
  count: number,
  result: number,
): number {
  const descriptor = process.descriptors.at(fd);
  if (!descriptor) return Errno.BADF;
  if (descriptor.kind === "directory") return Errno.ISDIR;
  // POSIX's word for a descriptor that was opened for the other direction.
  if (!(descriptor.rights & (writes ? Right.FD_WRITE : Right.FD_READ))) return Errno.BADF;
  const errno = checkIovecs(memory, list, count);
  if (errno) return errno;
  if (!isInside(memory, result, 4)) return Errno.FAULT;
  let done: number;
  if (descriptor.kind === "file") {
    const { position } = descriptor;
    done = moveIovecs(memory, list, count, descriptor, writes, position);
    if (writes) descriptor.wrote(done);
    else descriptor.position = position + done;
  } else done = moveIovecs(memory, list, count, descriptor, writes, 0);
  memory.view.setUint32(result, done, true);
  return Errno.SUCCESS;
}

/** fd_pread and fd_pwrite: at an offset, past the position. */
function moveAt(
  process: WasiProcess,
  memory: GuestMemory,
  writes: boolean,
  fd: number,
  list: number,
  count: number,
  offset: bigint,
  result: number,
): number {
  const file = fileOf(process, fd, 0, "SPIPE");
  if (!(file.rights & (writes ? Right.FD_WRITE : Right.FD_READ))) return Errno.BADF;
  checkRights(file, Right.FD_SEEK);
  const at = BigInt.asUintN(64, offset);
  if (at > OFFSET_MAX) return writes ? Errno.FBIG : Errno.INVAL;
  const errno = checkIovecs(memory, list, count);
  if (errno) return errno;
  checkInside(memory, result, 4);
  memory.view.setUint32(result, moveIovecs(memory, list, count, file, writes, Number(at)), true);
  return Errno.SUCCESS;
}

/** The regular file with these rights; on streams the errno is what POSIX has there. */
export function fileOf(
  process: WasiProcess,
  fd: number,
  rights: number,
  onStream: "SPIPE" | "INVAL",
): OpenFile {
  const descriptor = process.descriptors.get(fd);
  if (descriptor.kind !== "file") throw unfit(descriptor, onStream, "ISDIR");
  checkRights(descriptor, rights);
  return descriptor;
}

function seek(
  process: WasiProcess,
  memory: GuestMemory,
  fd: number,
  offset: bigint,
  whence: number,
  result: number,
): number {
  const delta = BigInt.asIntN(64, offset);
  // "If the offset is 0 and whence is cur, fd_tell suffices."
  const looks = delta === 0n && whence === Whence.CUR;
  const file = fileOf(process, fd, 0, "SPIPE");
  if (!looks || !(file.rights & Right.FD_TELL)) checkRights(file, Right.FD_SEEK);
  checkInside(memory, result, 8);
  const position = BigInt(startOf(file, whence)) + delta;
  if (position < 0n || position > OFFSET_MAX) {
    throw new WasiError("INVAL", `A position of ${position}, allowed are 0 to ${OFFSET_MAX}`);
  }
  if (!looks) file.position = Number(position);
  memory.view.setBigUint64(result, position, true);
  return Errno.SUCCESS;
}

function startOf(file: OpenFile, whence: number): number {
  switch (whence) {
    case Whence.SET:
      return 0;
    case Whence.CUR:
      return file.position;
    case Whence.END:
      return file.attr().size;
    default:
      throw new WasiError("INVAL", `A whence of ${whence}, known are 0 to 2`);
  }
}

function tell(process: WasiProcess, memory: GuestMemory, fd: number, result: number): number {
  const file = fileOf(process, fd, 0, "SPIPE");
  if (!(file.rights & Right.FD_SEEK)) checkRights(file, Right.FD_TELL);
  checkInside(memory, result, 8);
  memory.view.setBigUint64(result, BigInt(file.position), true);
  return Errno.SUCCESS;
}

export const IO_FUNCTIONS: readonly WasiFunction[] = [
  wasiFunction(
    "fd_read",
    "iiii",
    (process, memory, fd, list, count, result) => move(process, memory, false, fd, list, count, result),
  ),
  wasiFunction(
    "fd_write",
    "iiii",
    (process, memory, fd, list, count, result) => move(process, memory, true, fd, list, count, result),
  ),
  wasiFunction(
    "fd_pread",
    "iiiIi",
    (process, memory, fd, list, count, offset, result) =>
      moveAt(process, memory, false, fd, list, count, offset, result),
  ),
  wasiFunction(
    "fd_pwrite",
    "iiiIi",
    (process, memory, fd, list, count, offset, result) =>
      moveAt(process, memory, true, fd, list, count, offset, result),
  ),
  wasiFunction("fd_seek", "iIii", seek),
  wasiFunction("fd_tell", "ii", tell),
];
