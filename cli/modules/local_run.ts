import { createHash } from "node:crypto";
import { join } from "node:path";
import { NineError } from "../../9p/mod.ts";
import type { RunRequest, RunResult, Stdin, WasmEngine } from "../../translators/engine/mod.ts";
import { runLimits } from "../../translators/manifest/mod.ts";
import { argvOf, type Stage } from "../../translators/pipeline/mod.ts";
import { GrowingFile } from "./growing_file.ts";
import type { ModuleFiles } from "./module_files.ts";

/** The longest that the engine lets anything run, ms. */
export const TIME_MS_MAX = 24 * 3_600_000;
const PIECE_BYTES = 256 * 1024;

export interface Step {
  readonly module: ModuleFiles;
  /** Without the name in front. */
  readonly argv: readonly string[];
}

/** The stage with the arguments that its module takes. EINVAL. */
export function stepOf({ name, args }: Stage, module: ModuleFiles): Step {
  return { module, argv: argvOf({ name, args }, module.manifest) };
}

/** A run of one module as a command line has it: no files, and the limits of its manifest but for the time. */
export function requestOf(
  { module, argv }: Step,
  { stdin, output, timeMs = TIME_MS_MAX, signal }: {
    readonly stdin: Stdin;
    readonly output: RunRequest["output"];
    readonly timeMs?: number;
    readonly signal?: AbortSignal;
  },
): RunRequest {
  return {
    module: { hash: module.hash, path: module.path },
    args: [module.name, ...argv],
    limits: { ...runLimits(module.manifest.limits), wallMs: timeMs },
    // Of what is known before the input is: the same module and arguments see the same randomness.
    seed: createHash("sha256").update(JSON.stringify(["lux9 run", module.hash, ...argv])).digest(),
    stdin,
    output,
    caller: "run",
    ...(signal ? { signal } : {}),
  };
}

export interface PipelineOptions {
  readonly engine: WasmEngine;
  readonly stdin: Stdin;
  /** Takes the output as it comes. What it throws ends the pipeline. */
  write(bytes: Uint8Array): Promise<void>;
  /** For what the modules write, until it is read. */
  readonly folder: string;
  readonly timeMs: number;
  readonly signal: AbortSignal;
}

export interface StepResult {
  readonly step: Step;
  readonly result: RunResult;
  /** It failed, and the step after it had enough before that. */
  readonly isMoot: boolean;
}

/**
 * Runs all steps at once, each in a Worker of its own, which reads what the one before has written so far. Resolves with
 * what became of each; a step that ends before its input does ends those before it, as a shell's pipe would.
 */
export async function runPipeline(steps: readonly Step[], options: PipelineOptions): Promise<StepResult[]> {
  const files = steps.map((_, i) => new GrowingFile(join(options.folder, `output.${i}`)));
  const aborters = steps.map(() => new AbortController());
  const abortBefore = (i: number) => aborters.slice(0, i).forEach((aborter) => aborter.abort());
  const abortAll = () => abortBefore(steps.length);
  if (options.signal.aborted) abortAll();
  options.signal.addEventListener("abort", abortAll, { once: true });
  try {
    const runs = steps.map(async (step, i): Promise<RunResult> => {
      const before = files[i - 1];
      const result = await options.engine.run(requestOf(step, {
        stdin: before ? { kind: "stream", read: (offset, into) => before.read(offset, into) } : options.stdin,
        // All of it goes through the file, so that its first byte is there before the last is computed.
        output: { inlineBytesMax: 0, spool: files[i].path, onProgress: (bytes) => files[i].grew(bytes) },
        timeMs: options.timeMs,
        signal: aborters[i].signal,
      }));
      if (result.failure) files[i].fail(result.failure.error);
      else {
        if (result.output.kind === "file") files[i].grew(result.output.length);
        files[i].end();
      }
      abortBefore(i);
      return result;
    });
    try {
      await drain(files[files.length - 1], options.write);
    } catch (thrown) {
      // A step's failure is in its result; here it is the reader that has gone.
      if (!(thrown instanceof NineError)) {
        abortAll();
        await Promise.all(runs);
        throw thrown;
      }
    }
    const results = await Promise.all(runs);
    return results.map((result, i) => {
      const after = results[i + 1];
      const isMoot = after !== undefined && !after.failure && !files[i].hasFailedReader;
      return { step: steps[i], result, isMoot };
    });
  } finally {
    options.signal.removeEventListener("abort", abortAll);
    for (const file of files) file.close();
  }
}

async function drain(file: GrowingFile, write: (bytes: Uint8Array) => Promise<void>): Promise<void> {
  const piece = new Uint8Array(PIECE_BYTES);
  let count: number;
  for (let offset = 0; (count = await file.read(offset, piece)) > 0; offset += count) {
    await write(piece.subarray(0, count));
  }
}

/** The failure to tell of: not one that only followed from another. */
export function firstFailure(results: readonly StepResult[]): StepResult | undefined {
  const failed = results.filter(({ result, isMoot }) =>
    result.failure && result.failure.reason !== "aborted" && !isMoot
  );
  return failed.find(({ result }) => result.failure!.reason !== "input") ?? failed[0];
}
