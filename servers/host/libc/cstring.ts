import { NineError } from "../../../9p/mod.ts";
import { PATH_MAX } from "./constants.ts";

/**
 * C strings in buffers that are used again and again, outside V8's heap so that they never move. What a function here
 * returns is valid until it is called again with the same slot; calls with two names use both slots.
 */
const slots = [new Uint8Array(new ArrayBuffer(PATH_MAX)), new Uint8Array(new ArrayBuffer(PATH_MAX))] as const;
const encoder = new TextEncoder();

/** "", for calls with AT_EMPTY_PATH. */
export const EMPTY = new Uint8Array(new ArrayBuffer(8));
/** ".": a directory itself. */
export const DOT = new Uint8Array(new ArrayBuffer(8));
DOT[0] = 0x2e;

/**
 * One component of a path. The engine has checked names already; `/`, NUL, `.` and `..` are refused here once more,
 * since they are what would lead out of the folder.
 */
export function component(name: string, slot: 0 | 1 = 0): Uint8Array<ArrayBuffer> {
  const into = slots[slot];
  const length = name.length;
  if (length === 0 || name === "." || name === "..") throw bad(name);
  if (length >= PATH_MAX) {
    throw new NineError("ENAMETOOLONG", `A name of ${length} characters; at most 255 bytes`);
  }
  for (let i = 0; i < length; i++) {
    const code = name.charCodeAt(i);
    if (code === 0x2f || code === 0) throw bad(name);
    if (code > 0x7f) {
      if (name.includes("/") || name.includes("\0")) throw bad(name);
      return encoded(name, into);
    }
    into[i] = code;
  }
  into[length] = 0;
  return into;
}

/** A whole path, a symlink's target or an attribute's name. */
export function text(value: string, slot: 0 | 1 = 0): Uint8Array<ArrayBuffer> {
  if (value.includes("\0")) throw new NineError("EINVAL", `NUL within ${JSON.stringify(value)}`);
  return encoded(value, slots[slot]);
}

/** The decimal digits of a descriptor, a name below /proc/self/fd. */
export function digits(fd: number, slot: 0 | 1 = 0): Uint8Array<ArrayBuffer> {
  const into = slots[slot];
  into[writeDigits(fd, into, 0)] = 0;
  return into;
}

const PROC = encoder.encode("/proc/self/fd/");
const procPath = new Uint8Array(new ArrayBuffer(PATH_MAX));
procPath.set(PROC);

/** `/proc/self/fd/N`: the file that N stands for, for calls that take no descriptor. */
export function procfd(fd: number): Uint8Array<ArrayBuffer> {
  procPath[writeDigits(fd, procPath, PROC.length)] = 0;
  return procPath;
}

/** `/proc/self/fd/N/name`, where `name` is a C string such as `component` gives. */
export function procfdChild(fd: number, name: Uint8Array): Uint8Array<ArrayBuffer> {
  let at = writeDigits(fd, procPath, PROC.length);
  procPath[at++] = 0x2f;
  for (let i = 0; at < PATH_MAX - 1 && name[i] !== 0; i++) procPath[at++] = name[i];
  procPath[at] = 0;
  return procPath;
}

/**
 * What is no descriptor is refused, as -1 would become `/`, by the table of characters: the root of the machine, for any
 * call that follows.
 */
function writeDigits(value: number, into: Uint8Array, at: number): number {
  if (!(value >= 0)) throw new NineError("EBADF", `Descriptor ${value} stands for no file`);
  let places = 1;
  for (let rest = value; rest >= 10; rest = Math.trunc(rest / 10)) places++;
  for (let i = at + places - 1; i >= at; i--) {
    into[i] = 0x30 + value % 10;
    value = Math.trunc(value / 10);
  }
  return at + places;
}

function encoded(value: string, into: Uint8Array<ArrayBuffer>): Uint8Array<ArrayBuffer> {
  const { read, written } = encoder.encodeInto(value, into);
  if (read < value.length || written >= into.length) {
    throw new NineError("ENAMETOOLONG", `${value.length} characters; at most ${into.length - 1} bytes`);
  }
  into[written] = 0;
  return into;
}

function bad(name: string): NineError {
  return new NineError("EINVAL", `${JSON.stringify(name)} is not one component of a path`);
}
