import type { Limits } from "./manifest.ts";

/** What no manifest speaks of, and every run has. */
const TABLE_ELEMENTS_MAX = 100_000;
const STDERR_BYTES_MAX = 16 * 1024;

/** What a run of a module may use, in the engine's words. */
export interface RunLimits {
  readonly fuel?: bigint;
  readonly memoryBytes: number;
  readonly tableElements: number;
  readonly wallMs: number;
  readonly outputBytes: number;
  readonly stderrBytes: number;
}

/** What a manifest's limits mean for a run. */
export function runLimits({ fuel, memory, time, output }: Limits): RunLimits {
  return {
    ...(fuel === undefined ? {} : { fuel: BigInt(fuel) }),
    memoryBytes: memory,
    tableElements: TABLE_ELEMENTS_MAX,
    wallMs: time,
    outputBytes: output,
    stderrBytes: STDERR_BYTES_MAX,
  };
}
