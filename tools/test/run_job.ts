import { join } from "node:path";
import { type Case, casesOf } from "./junit.ts";
import type { Job } from "./plan.ts";
import { processesWith } from "./surroundings.ts";

/** What came of a job. */
export interface Outcome {
  readonly name: string;
  readonly passed: number;
  /** `NAME: REASON` each. */
  readonly skips: readonly string[];
  readonly failures: readonly string[];
  readonly output: string;
  readonly elapsedMs?: number;
}

export interface JobOptions {
  readonly root: string;
  readonly limitMs: number;
  /** A variable by which everything that the job starts can be recognised. */
  readonly mark: { readonly name: string; readonly value: string };
  /** Where the job's temporary files go. */
  readonly temporary: string;
}

/** Runs it to its end, or until its time is up; then it is ended with all that it started. */
export async function runJob(job: Job, { root, limitMs, mark, temporary }: JobOptions): Promise<Outcome> {
  const started = Date.now();
  const junit = join(temporary, `${mark.value}.xml`);
  const args = job.files.length > 0
    ? [job.args[0], `--junit-path=${junit}`, ...job.args.slice(1)]
    : [...job.args];
  // Other people's servers crash in these tests, and their memory dumps would fill the repository's folder.
  const child = new Deno.Command("sh", {
    args: ["-c", 'ulimit -c 0; exec "$@"', "sh", Deno.execPath(), ...args],
    cwd: root,
    env: { ...placesWithoutHome(root), NO_COLOR: "1", TMPDIR: temporary, [mark.name]: mark.value },
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  let late = false;
  const timer = setTimeout(async () => {
    late = true;
    for (const { pid } of await processesWith(mark.name, mark.value)) kill(pid);
  }, limitMs);
  const output: string[] = [];
  const [{ code }] = await Promise.all([
    child.status,
    gather(child.stdout, output),
    gather(child.stderr, output),
  ]);
  clearTimeout(timer);

  const text = output.join("");
  const xml = await Deno.readTextFile(junit).catch(() => "");
  const outcome = job.files.length > 0 ? judge(casesOf(xml), job.files, text, job.filtered) : noTests(code);
  const failures = [...outcome.failures];
  if (late) failures.push(`ended after ${Math.round(limitMs / 1000)} s, its time limit`);
  else if (code !== 0 && failures.length === 0) failures.push(`ended with code ${code}, outside of a test`);
  return { ...outcome, failures, name: job.name, output: text, elapsedMs: Date.now() - started };
}

/** Where there is no HOME, the compilers that tests call find no place for what they keep. */
function placesWithoutHome(root: string): Record<string, string> {
  if (Deno.env.get("HOME")) return {};
  const folder = join(root, ".lux9/cache/without-home");
  return {
    XDG_CACHE_HOME: Deno.env.get("XDG_CACHE_HOME") || folder,
    GOPATH: Deno.env.get("GOPATH") || join(folder, "go"),
  };
}

export interface Judgement {
  readonly passed: number;
  readonly skips: readonly string[];
  readonly failures: readonly string[];
}

function noTests(code: number): Judgement {
  return { passed: code === 0 ? 1 : 0, skips: [], failures: [] };
}

/** Counts what ran. A test with steps counts by its steps, unless it failed by itself. */
export function judge(
  cases: readonly Case[],
  files: readonly string[],
  output: string,
  filtered = false,
): Judgement {
  const skipLines = [...output.matchAll(/^SKIP (.+)$/gm)].map(([, line]) => line);
  // By name alone: a step may have been written in another file than its test.
  const parents = new Set(cases.flatMap(({ name }) => ancestors(name)));
  const skips: string[] = [];
  const failures: string[] = [];
  let passed = 0;
  for (const { file, name, result, message } of cases) {
    const hasSteps = parents.has(name);
    const reason = skipReason(skipLines, name);
    if (result === "failed") {
      if (!hasSteps || !/^\d+ test steps? failed/.test(message)) {
        failures.push(files.includes(file) ? `${file}: ${name}` : name);
      }
    } else if (hasSteps) continue;
    else if (result === "ignored") skips.push(reason === undefined ? name : `${name}: ${reason}`);
    else if (reason !== undefined) skips.push(`${name}: ${reason}`);
    else passed++;
  }
  // A file that ends the process while it is loaded runs no test, and Deno calls that a success.
  const ran = filesThatRan(output);
  const silent = filtered ? [] : files.filter((file) => !ran.has(file));
  failures.push(...silent.map((file) => `${file}: ran no test`));
  return { passed, skips, failures };
}

/** How the report joins a step to its test. */
const STEP = " > ";

function ancestors(name: string): string[] {
  const words = name.split(STEP);
  return words.slice(1).map((_, i) => words.slice(0, i + 1).join(STEP));
}

/** From the runner's own lines; its report names a test by where it was written, which may be a helper's file. */
function filesThatRan(output: string): Set<string> {
  const found = output.matchAll(/^running (\d+) tests? from (?:\.\/)?(.+)$/gm);
  return new Set([...found].filter(([, count]) => count !== "0").map(([, , file]) => file));
}

/** From a line `NAME: REASON`, where a step may be named without its test. A name may have colons of its own. */
function skipReason(lines: readonly string[], name: string): string | undefined {
  for (const known of [name, name.split(STEP).at(-1) ?? name]) {
    const line = lines.find((line) => line.startsWith(`${known}: `));
    if (line !== undefined) return line.slice(known.length + 2);
  }
}

async function gather(stream: ReadableStream<Uint8Array>, output: string[]): Promise<void> {
  for await (const text of stream.pipeThrough(new TextDecoderStream())) output.push(text);
}

function kill(pid: number): void {
  try {
    Deno.kill(pid, "SIGKILL");
  } catch {
    // It has ended meanwhile.
  }
}
