import type { Command } from "commander";
import { escapeLines, NineError, reasonOf } from "../../9p/mod.ts";
import type { Stdin } from "../../translators/engine/mod.ts";
import { millisecondsOf } from "../../translators/manifest/mod.ts";
import { parsePipeline } from "../../translators/pipeline/mod.ts";
import { Exit } from "../exit.ts";
import { homeOf } from "../home.ts";
import { SIGPIPE_EXIT, visible } from "../output.ts";
import { localEngine, runFolder } from "../modules/engine.ts";
import { checkNext } from "../modules/growing_file.ts";
import { findLocal } from "../modules/local_modules.ts";
import {
  firstFailure,
  runPipeline,
  type Step,
  stepOf,
  type StepResult,
  TIME_MS_MAX,
} from "../modules/local_run.ts";

interface RunOptions {
  home?: string;
  time?: string;
}

export function define(command: Command): void {
  command
    .argument("<pipeline>", "modules in a row, as gunzip,csv2json,jq:.[0]; one with a slash is a file's path")
    .argument("[file]", "what the first of them reads (default: the standard input)")
    .option("--home <dir>", "whose modules (default: $XDG_DATA_HOME/lux9, else ~/.local/share/lux9)")
    .option("--time <amount>", "how long each may take, as 10s (default: as long as it takes)")
    .addHelpText(
      "after",
      `
No node is needed. A module is the home's of that name, else the one that comes with lux9, else a path. All run at once, each
in a sandbox of its own with the limits of its manifest but for the time, without files and without what it was granted. What
each writes passes through the home's cache folder, so that long streams take disk and not memory.

Examples:
  lux9 run wc notes.md
  lux9 run csv2json,jq:.[0] < data.csv
  lux9 run 'grep:pattern=error,head:n=5' app.log
  lux9 run ./my-module/module.wasm:start=10 notes.md
  curl -s https://example.org/log.gz | lux9 run gunzip,sha256`,
    )
    .action(run);
}

/** Runs a pipeline from a file or the standard input to the standard output. */
async function run(pipeline: string, file: string | undefined, options: RunOptions): Promise<void> {
  const home = homeOf(options.home);
  const timeMs = timeOf(options.time);
  const steps = await stepsOf(pipeline, home);
  using input = await openInput(file);
  const aborter = new AbortController();
  const stop = () => aborter.abort();
  Deno.addSignalListener("SIGINT", stop);
  let isReaderGone = false;
  let results: StepResult[];
  try {
    await using folder = await runFolder(home);
    await using engine = localEngine(home, steps.length);
    results = await runPipeline(steps, {
      engine,
      stdin: stdinOf(input.file),
      write: (bytes) => writeAll(Deno.stdout, bytes),
      folder: folder.path,
      timeMs,
      signal: aborter.signal,
    });
  } catch (thrown) {
    if (!(thrown instanceof Deno.errors.BrokenPipe)) throw thrown;
    isReaderGone = true;
    results = [];
  } finally {
    Deno.removeSignalListener("SIGINT", stop);
  }
  if (isReaderGone) Deno.exit(SIGPIPE_EXIT);
  if (aborter.signal.aborted) throw new Exit("interrupted", "");
  const failed = firstFailure(results);
  for (const one of results) sayStderr(one);
  if (failed) throw new Exit("failed", failureText(failed));
}

async function stepsOf(pipeline: string, home: string): Promise<Step[]> {
  const stages = asUsage(() => parsePipeline(pipeline, { paths: true }));
  const modules = await Promise.all(stages.map(({ name }) => findLocal(name, home)));
  return asUsage(() => stages.map((stage, i) => stepOf(stage, modules[i])));
}

function asUsage<T>(read: () => T): T {
  try {
    return read();
  } catch (thrown) {
    throw new Exit("usage", reasonOf(thrown));
  }
}

function timeOf(text: string | undefined): number {
  if (text === undefined) return TIME_MS_MAX;
  const ms = millisecondsOf(text);
  if (ms === undefined || ms > TIME_MS_MAX) {
    throw new Exit("usage", `--time ${text}: write an amount up to 24h, as 10s or 500ms`);
  }
  return ms;
}

interface Opened extends Disposable {
  readonly file: { read(into: Uint8Array): Promise<number | null> };
}

async function openInput(path: string | undefined): Promise<Opened> {
  if (path === undefined || path === "-") return { file: Deno.stdin, [Symbol.dispose]() {} };
  try {
    const file = await Deno.open(path);
    if ((await file.stat()).isDirectory) {
      file.close();
      throw new NineError("EISDIR", "It is a directory, and a module reads one stream of bytes");
    }
    return { file, [Symbol.dispose]: () => file.close() };
  } catch (thrown) {
    throw new Exit("failed", `${visible(path)}: ${reasonOf(thrown)}`);
  }
}

/** Read once, in order: it may be a pipe. */
function stdinOf(file: Opened["file"]): Stdin {
  let at = 0;
  let isEnded = false;
  return {
    kind: "stream",
    async read(offset, into) {
      checkNext(offset, at);
      // A terminal's end of file would not be one at the next read.
      const count = isEnded ? null : await file.read(into);
      isEnded ||= count === null;
      at += count ?? 0;
      return count ?? 0;
    },
  };
}

async function writeAll(
  file: { write(bytes: Uint8Array): Promise<number> },
  bytes: Uint8Array,
): Promise<void> {
  for (let done = 0; done < bytes.byteLength;) done += await file.write(bytes.subarray(done));
}

/** What a module said, each line with its name. */
function sayStderr({ step, result }: StepResult): void {
  const text = new TextDecoder().decode(result.stderr).trimEnd();
  if (text === "") return;
  for (const line of text.split("\n")) console.error(`${step.module.name}: ${escapeLines(line)}`);
}

function failureText({ step, result }: StepResult): string {
  const { reason, error } = result.failure!;
  // What it said is above already.
  if (reason === "exit code") return `${step.module.name} ended with exit code ${result.exitCode}`;
  return reason === "unavailable" ? error.message : `${step.module.name}: ${error.message}`;
}
