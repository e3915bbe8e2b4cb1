/** Time, randomness, and the end. */
import { Clockid } from "./abi.ts";
import { IO_BYTES_MAX } from "./descriptor.ts";
import { Errno, WasiError } from "./errno.ts";
import { type WasiFunction, wasiFunction } from "./function.ts";
import { bytesAt, checkInside, type GuestMemory } from "./memory.ts";
import type { WasiProcess } from "./process.ts";
import { WasiExit } from "./stop.ts";

/** A run has no clock of its own for the time that it computes: it would tell runs apart. */
export function timeOf({ clock }: WasiProcess, id: number): bigint {
  switch (id) {
    case Clockid.REALTIME:
      return clock.realtimeNs();
    case Clockid.MONOTONIC:
    case Clockid.PROCESS_CPUTIME:
    case Clockid.THREAD_CPUTIME:
      return clock.monotonicNs();
    default:
      throw new WasiError("INVAL", `Clock ${id}, known are 0 to ${Clockid.THREAD_CPUTIME}`);
  }
}

function clockResolution(process: WasiProcess, memory: GuestMemory, id: number, result: number): number {
  if (id > Clockid.THREAD_CPUTIME) return Errno.INVAL;
  checkInside(memory, result, 8);
  memory.view.setBigUint64(result, process.clock.resolutionNs ?? 1n, true);
  return Errno.SUCCESS;
}

function clockTime(
  process: WasiProcess,
  memory: GuestMemory,
  id: number,
  _precision: bigint,
  result: number,
): number {
  checkInside(memory, result, 8);
  memory.view.setBigUint64(result, timeOf(process, id), true);
  return Errno.SUCCESS;
}

function randomGet(process: WasiProcess, memory: GuestMemory, buffer: number, length: number): number {
  const into = bytesAt(memory, buffer, length);
  for (let done = 0; done < length; done += RANDOM_PIECE_BYTES) {
    if (done > 0) process.checkpoint();
    process.random.fill(into.subarray(done, done + RANDOM_PIECE_BYTES));
  }
  return Errno.SUCCESS;
}

/** Some milliseconds of work. */
const RANDOM_PIECE_BYTES = IO_BYTES_MAX / 16;

/**
 * `signal` of the witx document: what each does to a process that does not handle it, since preview 1 has no handlers.
 * Nobody could make a stopped process go on.
 */
const Signal = {
  NONE: 0,
  CHLD: 16,
  CONT: 17,
  STOP: 18,
  TSTP: 19,
  TTIN: 20,
  TTOU: 21,
  URG: 22,
  WINCH: 27,
  SYS: 30,
};
const IGNORED: ReadonlySet<number> = new Set([
  Signal.NONE,
  Signal.CHLD,
  Signal.CONT,
  Signal.URG,
  Signal.WINCH,
]);
const STOPPING: ReadonlySet<number> = new Set([Signal.STOP, Signal.TSTP, Signal.TTIN, Signal.TTOU]);
/** As shells number the end by a signal. */
const KILLED = 128;

function raise(_process: WasiProcess, _memory: GuestMemory, signal: number): number {
  if (signal > Signal.SYS) return Errno.INVAL;
  if (IGNORED.has(signal)) return Errno.SUCCESS;
  if (STOPPING.has(signal)) return Errno.NOTSUP;
  throw new WasiExit(KILLED + signal);
}

function exit(_process: WasiProcess, _memory: GuestMemory, code: number): never {
  throw new WasiExit(code);
}

export const PROCESS_FUNCTIONS: readonly WasiFunction[] = [
  wasiFunction("clock_res_get", "ii", clockResolution),
  wasiFunction("clock_time_get", "iIi", clockTime),
  { ...wasiFunction("proc_exit", "i", exit), results: [] },
  wasiFunction("proc_raise", "i", raise),
  wasiFunction("random_get", "ii", randomGet),
  wasiFunction("sched_yield", "", () => Errno.SUCCESS),
];
