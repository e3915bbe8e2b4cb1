/**
 * Runs a command module on V8's WebAssembly, with as much of WASI preview 1 as a filter calls: enough to judge the
 * modules of this folder apart from the engine. It is for tests alone: it has no limits, and clocks stand still.
 */
import type { RunResult } from "./golden.ts";

const SUCCESS = 0;
const EBADF = 8;
const ENOSYS = 52;
const SPIPE = 70;
const CHARACTER_DEVICE = 2;
const ALL_RIGHTS = 0xffff_ffff_ffff_ffffn;
/** Instances that run one after another need their module compiled once. */
const compiled = new WeakMap<Uint8Array, WebAssembly.Module>();

class Exit {
  constructor(readonly code: number) {}
}

export interface V8Options {
  /** Reads give at most so many bytes, to find modules that depend on how the input is cut. */
  readonly readBytesMax?: number;
}

export function runOnV8(
  bytes: Uint8Array<ArrayBuffer>,
  args: readonly string[],
  stdin: Uint8Array,
  { readBytesMax = Infinity }: V8Options = {},
): RunResult {
  const module = compiled.get(bytes) ?? new WebAssembly.Module(bytes);
  compiled.set(bytes, module);
  const argv = ["module.wasm", ...args].map((arg) => new TextEncoder().encode(arg + "\0"));
  const streams: Uint8Array[][] = [[], [], []];
  let position = 0;
  let now = 1_000_000_000n;

  const view = () => new DataView(memory.buffer);
  const memoryBytes = () => new Uint8Array(memory.buffer);

  /** Calls `each` with the guest's buffers until one is not used in full. */
  function transfer(
    iovs: number,
    count: number,
    result: number,
    each: (buffer: Uint8Array) => number,
  ): number {
    let sum = 0;
    for (let i = 0; i < count; i++) {
      const start = view().getUint32(iovs + 8 * i, true);
      const length = view().getUint32(iovs + 8 * i + 4, true);
      const done = each(memoryBytes().subarray(start, start + length));
      sum += done;
      if (done < length) break;
    }
    view().setUint32(result, sum, true);
    return SUCCESS;
  }

  const functions: Record<string, (...args: never[]) => number> = {
    args_sizes_get(count: number, size: number) {
      view().setUint32(count, argv.length, true);
      view().setUint32(size, argv.reduce((sum, arg) => sum + arg.length, 0), true);
      return SUCCESS;
    },
    args_get(pointers: number, buffer: number) {
      for (const [i, arg] of argv.entries()) {
        view().setUint32(pointers + 4 * i, buffer, true);
        memoryBytes().set(arg, buffer);
        buffer += arg.length;
      }
      return SUCCESS;
    },
    environ_sizes_get(count: number, size: number) {
      view().setUint32(count, 0, true);
      view().setUint32(size, 0, true);
      return SUCCESS;
    },
    environ_get: () => SUCCESS,
    fd_read(fd: number, iovs: number, count: number, result: number) {
      if (fd !== 0) return EBADF;
      let left = readBytesMax;
      return transfer(iovs, count, result, (buffer) => {
        const part = stdin.subarray(position, position + Math.min(buffer.length, left));
        buffer.set(part);
        position += part.length;
        left -= part.length;
        return part.length;
      });
    },
    fd_write(fd: number, iovs: number, count: number, result: number) {
      if (fd !== 1 && fd !== 2) return EBADF;
      return transfer(iovs, count, result, (buffer) => streams[fd].push(buffer.slice()) && buffer.length);
    },
    fd_fdstat_get(fd: number, stat: number) {
      if (fd > 2) return EBADF;
      memoryBytes().fill(0, stat, stat + 24);
      view().setUint8(stat, CHARACTER_DEVICE);
      view().setBigUint64(stat + 8, ALL_RIGHTS, true);
      return SUCCESS;
    },
    fd_fdstat_set_flags: () => SUCCESS,
    fd_prestat_get: () => EBADF,
    fd_close: (fd: number) => fd > 2 ? EBADF : SUCCESS,
    fd_seek: () => SPIPE,
    clock_time_get(_id: number, _precision: bigint, result: number) {
      view().setBigUint64(result, now++, true);
      return SUCCESS;
    },
    random_get(buffer: number, length: number) {
      memoryBytes().fill(0x55, buffer, buffer + length);
      return SUCCESS;
    },
    sched_yield: () => SUCCESS,
    /** Every clock has rung: the runtime that waits for one looks at the time again. */
    poll_oneoff(subscriptions: number, events: number, count: number, result: number) {
      now += 1_000_000_000n;
      for (let i = 0; i < count; i++) {
        memoryBytes().fill(0, events + 32 * i, events + 32 * (i + 1));
        view().setBigUint64(events + 32 * i, view().getBigUint64(subscriptions + 48 * i, true), true);
        view().setUint8(events + 32 * i + 10, view().getUint8(subscriptions + 48 * i + 8));
      }
      view().setUint32(result, count, true);
      return SUCCESS;
    },
    proc_exit(code: number) {
      throw new Exit(code);
    },
  };
  const wasi: WebAssembly.ModuleImports = {};
  for (const { module: from, name } of WebAssembly.Module.imports(module)) {
    if (from === "wasi_snapshot_preview1") wasi[name] = functions[name] ?? (() => ENOSYS);
  }
  const instance = new WebAssembly.Instance(module, { wasi_snapshot_preview1: wasi });
  const memory = instance.exports.memory as WebAssembly.Memory;
  let exitCode = 0;
  try {
    (instance.exports._start as () => void)();
  } catch (thrown) {
    if (!(thrown instanceof Exit)) throw thrown;
    exitCode = thrown.code;
  }
  return { exitCode, stdout: join(streams[1]), stderr: join(streams[2]) };
}

function join(parts: readonly Uint8Array[]): Uint8Array {
  const joined = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    joined.set(part, at);
    at += part.length;
  }
  return joined;
}
