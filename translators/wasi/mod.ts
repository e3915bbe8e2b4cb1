/**
 * WASI preview 1 (wasi_snapshot_preview1), the whole of it, as a table of functions over a guest's memory. It is pure:
 * files come from a FileServer that answers at once, and streams, clock, randomness and sleep from whoever runs the
 * guest. Which engine the guest runs in is all the same.
 *
 * @module
 */
export type { Clock, RunClockOptions } from "./clock.ts";
export { RunClock } from "./clock.ts";
export type { Input, Output } from "./descriptor.ts";
export { IO_BYTES_MAX } from "./descriptor.ts";
export { DESCRIPTORS_MAX } from "./descriptors.ts";
export { Errno, type ErrnoName } from "./errno.ts";
export type { WasiFunction, WasmType } from "./function.ts";
export { WASI_FUNCTIONS, WASI_MODULE } from "./functions.ts";
export type { GuestMemory } from "./memory.ts";
export { type Preopen, type Randomness, type WasiOptions, WasiProcess } from "./process.ts";
export { ChaCha20, SEED_BYTES } from "./random.ts";
export { WasiExit, WasiStop } from "./stop.ts";
