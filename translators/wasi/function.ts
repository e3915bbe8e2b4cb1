import { errnoOfThrown } from "./errno.ts";
import type { GuestMemory } from "./memory.ts";
import type { WasiProcess } from "./process.ts";

export type WasmType = "i32" | "i64";

/** An i32 comes as an unsigned number, an i64 as a bigint, signed or not. */
// deno-lint-ignore no-explicit-any -- each function has parameters of its own; `params` says which.
export type Arguments = any[];

/** One imported function. */
export interface WasiFunction {
  readonly name: string;
  readonly params: readonly WasmType[];
  readonly results: readonly WasmType[];
  /**
   * Runs it, at once. Returns the errno, 0 for success; `proc_exit` returns nothing: it throws WasiExit. Nothing is
   * thrown but a WasiStop.
   */
  readonly call: (process: WasiProcess, memory: GuestMemory, ...args: Arguments) => number;
}

type Run = (process: WasiProcess, memory: GuestMemory, ...args: Arguments) => number;

/** No function of preview 1 has more than nine parameters: named one by one they cost no array at each call. */
function guarded(run: Run): Run {
  return (process, memory, a, b, c, d, e, f, g, h, i) => {
    try {
      return run(process, memory, a, b, c, d, e, f, g, h, i);
    } catch (thrown) {
      return errnoOfThrown(thrown);
    }
  };
}

const TYPES: Readonly<Record<string, WasmType>> = { i: "i32", I: "i64" };

/** A row of the table. `params` has a letter for each parameter: i is an i32, I an i64. */
export function wasiFunction(name: string, params: string, run: Run): WasiFunction {
  return { name, params: [...params].map((letter) => TYPES[letter]), results: ["i32"], call: guarded(run) };
}
