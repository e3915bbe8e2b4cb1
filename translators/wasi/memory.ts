/** The guest's memory, of which nothing is believed: every pointer and length is checked before use. */
import { WasiError } from "./errno.ts";

/** Taken anew after each guest entry, since memory moves when it grows. Both show the same bytes. */
export interface GuestMemory {
  readonly bytes: Uint8Array;
  readonly view: DataView;
}

/** Whether `length` bytes at `at` are memory. Both are far below 2^53, so the sum does not wrap. */
export function isInside(memory: GuestMemory, at: number, length: number): boolean {
  return at >= 0 && length >= 0 && at + length <= memory.bytes.length;
}

/** The same, as an error. */
export function checkInside(memory: GuestMemory, at: number, length: number): void {
  if (!isInside(memory, at, length)) {
    throw new WasiError("FAULT", `${length} bytes at ${at}, the memory ends at ${memory.bytes.length}`);
  }
}

/** A view of `length` bytes at `at`, which dies with the call. */
export function bytesAt(memory: GuestMemory, at: number, length: number): Uint8Array {
  checkInside(memory, at, length);
  return memory.bytes.subarray(at, at + length);
}

/** A BOM is a character of the name like any other. */
const DECODER = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** PATH_MAX of Linux, bytes. */
export const PATH_BYTES_MAX = 4096;

/** A path as the guest has it: UTF-8, without NUL. */
export function pathAt(memory: GuestMemory, at: number, length: number): string {
  const bytes = bytesAt(memory, at, length);
  if (length > PATH_BYTES_MAX) {
    throw new WasiError("NAMETOOLONG", `A path of ${length} bytes, allowed are ${PATH_BYTES_MAX}`);
  }
  let path: string;
  try {
    path = DECODER.decode(bytes);
  } catch {
    throw new WasiError("ILSEQ", `A path of ${length} bytes that are not UTF-8`);
  }
  if (path.includes("\0")) throw new WasiError("INVAL", `The path ${JSON.stringify(path)} contains a NUL`);
  return path;
}
