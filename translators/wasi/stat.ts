import type { Attr, Change } from "../../9p/mod.ts";
import { Fstflag, FSTFLAGS, Size } from "./abi.ts";
import { type Descriptor, filetypeOf, STREAM_FILETYPE } from "./descriptor.ts";
import { WasiError } from "./errno.ts";
import { checkInside, type GuestMemory } from "./memory.ts";

const NS_PER_SEC = 1_000_000_000n;

/** filestat: dev[8] ino[8] filetype[1] pad[7] nlink[8] size[8] atim[8] mtim[8] ctim[8] */
export function putFilestat(memory: GuestMemory, at: number, device: bigint, attr: Attr): void {
  checkInside(memory, at, Size.FILESTAT);
  const { view } = memory;
  view.setBigUint64(at, device, true);
  view.setBigUint64(at + 8, BigInt(attr.qid.path), true);
  view.setBigUint64(at + 16, BigInt(filetypeOf(attr.mode)), true);
  view.setBigUint64(at + 24, BigInt(attr.nlink), true);
  view.setBigUint64(at + 32, BigInt(attr.size), true);
  view.setBigUint64(at + 40, timestamp(attr.atimeSec, attr.atimeNsec), true);
  view.setBigUint64(at + 48, timestamp(attr.mtimeSec, attr.mtimeNsec), true);
  view.setBigUint64(at + 56, timestamp(attr.ctimeSec, attr.ctimeNsec), true);
}

/** A stream has a number, and nothing to tell of. */
export function putStreamFilestat(memory: GuestMemory, at: number, fd: number): void {
  checkInside(memory, at, Size.FILESTAT);
  memory.bytes.fill(0, at, at + Size.FILESTAT);
  memory.view.setBigUint64(at + 8, BigInt(fd), true);
  memory.view.setUint8(at + 16, STREAM_FILETYPE);
  memory.view.setBigUint64(at + 24, 1n, true);
}

/** Nanoseconds since 1970; what was before has no number in preview 1. */
function timestamp(sec: number, nsec: number): bigint {
  return sec < 0 ? 0n : BigInt(sec) * NS_PER_SEC + BigInt(nsec);
}

/** fdstat: filetype[1] pad[1] flags[2] pad[4] rights_base[8] rights_inheriting[8] */
export function putFdstat(memory: GuestMemory, at: number, descriptor: Descriptor, filetype: number): void {
  checkInside(memory, at, Size.FDSTAT);
  const { view } = memory;
  view.setUint16(at, filetype, true);
  view.setUint16(at + 2, descriptor.flags, true);
  view.setUint32(at + 4, 0, true);
  view.setBigUint64(at + 8, BigInt(descriptor.rights), true);
  view.setBigUint64(at + 16, BigInt(descriptor.inheriting), true);
}

/** The change that fstflags ask for. */
export function timesOf(atim: bigint, mtim: bigint, flags: number): Change {
  const change: Change = {};
  const both = (given: number, now: number) => (flags & given) !== 0 && (flags & now) !== 0;
  if (
    flags & ~FSTFLAGS || both(Fstflag.ATIM, Fstflag.ATIM_NOW) || both(Fstflag.MTIM, Fstflag.MTIM_NOW)
  ) {
    throw new WasiError("INVAL", `The fstflags 0x${flags.toString(16)}: unknown, or a time and now together`);
  }
  if (flags & Fstflag.ATIM) change.atime = timeOf(atim);
  if (flags & Fstflag.ATIM_NOW) change.atime = "now";
  if (flags & Fstflag.MTIM) change.mtime = timeOf(mtim);
  if (flags & Fstflag.MTIM_NOW) change.mtime = "now";
  return change;
}

function timeOf(timestamp: bigint): { sec: number; nsec: number } {
  const ns = BigInt.asUintN(64, timestamp);
  return { sec: Number(ns / NS_PER_SEC), nsec: Number(ns % NS_PER_SEC) };
}
