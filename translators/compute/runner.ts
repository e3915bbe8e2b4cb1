import type { RunRequest, RunResult } from "../engine/mod.ts";

/** What runs modules: the engine, as computing needs it. */
export interface Runner {
  run(request: RunRequest): Promise<RunResult>;
}
