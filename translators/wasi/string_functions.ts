/** Arguments and environment. */
import { Errno } from "./errno.ts";
import { type WasiFunction, wasiFunction } from "./function.ts";
import { checkInside, type GuestMemory } from "./memory.ts";
import type { StringList, WasiProcess } from "./process.ts";

type Which = (process: WasiProcess) => StringList;

/** How many strings, and how many bytes they need with their NULs. */
function sizes(which: Which) {
  return (process: WasiProcess, memory: GuestMemory, count: number, bytes: number): number => {
    checkInside(memory, count, 4);
    checkInside(memory, bytes, 4);
    const list = which(process);
    memory.view.setUint32(count, list.strings.length, true);
    memory.view.setUint32(bytes, list.bytes, true);
    return Errno.SUCCESS;
  };
}

/** A pointer for each string, and the strings one behind the other. */
function get(which: Which) {
  return (process: WasiProcess, memory: GuestMemory, pointers: number, buffer: number): number => {
    const list = which(process);
    checkInside(memory, pointers, 4 * list.strings.length);
    checkInside(memory, buffer, list.bytes);
    let at = buffer;
    list.strings.forEach((bytes, i) => {
      memory.view.setUint32(pointers + 4 * i, at, true);
      memory.bytes.set(bytes, at);
      at += bytes.length;
    });
    return Errno.SUCCESS;
  };
}

export const STRING_FUNCTIONS: readonly WasiFunction[] = [
  wasiFunction("args_get", "ii", get(({ args }) => args)),
  wasiFunction("args_sizes_get", "ii", sizes(({ args }) => args)),
  wasiFunction("environ_get", "ii", get(({ env }) => env)),
  wasiFunction("environ_sizes_get", "ii", sizes(({ env }) => env)),
];
