/**
 * The public WASI test suite (WebAssembly/wasi-testsuite) against translators/wasi, with V8 as the engine:
 * `LUX9_WASI_TESTSUITE=folder deno run -A tests/wasi/testsuite.ts [NAME]…`. The folder is a checkout of the branch
 * prod/testsuite-base, which has the modules built. Every test runs in a Worker of its own, which is ended when its time
 * is over, with files from servers/mem and again from servers/host.
 */
import type { Answer, Case, Task } from "./testsuite_worker.ts";

/** The variable that names the suite's folder. */
export const FOLDER_VARIABLE = "LUX9_WASI_TESTSUITE";
/** The suite reads what kind of errnos to expect from it; without, it takes any that some system has. */
const STRICT: Readonly<Record<string, string>> = { ERRNO_MODE_UNIX: "1" };

const TEST_MS_MAX = 30_000;
const SERVERS = ["mem", "host"] as const;

export interface Outcome {
  /** Language and name, `rust/fd_readdir`. */
  readonly name: string;
  readonly server: (typeof SERVERS)[number];
  readonly strict: boolean;
  /** What was not as the suite wants it; undefined where the test passed. */
  readonly problem: string | undefined;
}

/** Runs the tests whose name contains one of the words, all where there is none. */
export async function runTestsuite(folder: string, words: readonly string[] = []): Promise<Outcome[]> {
  const outcomes: Outcome[] = [];
  for (const found of await cases(folder)) {
    if (words.length > 0 && !words.some((word) => found.name.includes(word))) continue;
    for (const server of SERVERS) {
      // Where no directory is given the server makes no difference.
      if (server === "host" && found.root === undefined) continue;
      for (const strict of [false, true]) {
        const env = strict ? { ...found.env, ...STRICT } : found.env;
        // The variables are what these tests are about.
        if (strict && (found.name.includes("environ") || !found.name.startsWith("rust/"))) continue;
        const problem = await run({ ...found, env, server });
        outcomes.push({ name: found.name, server, strict, problem });
      }
    }
  }
  return outcomes;
}

/** The modules of preview 1, each with what its .json says; what that leaves out has the suite's defaults. */
async function cases(folder: string): Promise<Case[]> {
  const found: Case[] = [];
  for (const language of ["assemblyscript", "c", "rust"]) {
    const place = `${folder}/tests/${language}/testsuite/wasm32-wasip1`;
    for await (const { name } of Deno.readDir(place)) {
      if (!name.endsWith(".wasm")) continue;
      const base = `${place}/${name.slice(0, -".wasm".length)}`;
      const spec = JSON.parse(await Deno.readTextFile(`${base}.json`).catch(() => "{}"));
      found.push({
        name: `${language}/${name.slice(0, -".wasm".length)}`,
        module: `${place}/${name}`,
        args: spec.args ?? [],
        env: spec.env ?? {},
        root: spec.root === undefined ? undefined : `${place}/${spec.root}`,
        code: spec.exit_code ?? 0,
        stdout: spec.stdout,
        stderr: spec.stderr,
      });
    }
  }
  if (found.length === 0) throw new Error(`No modules below ${folder}/tests`);
  return found.sort((a, b) => a.name < b.name ? -1 : 1);
}

function run(task: Task): Promise<string | undefined> {
  const worker = new Worker(new URL("testsuite_worker.ts", import.meta.url), { type: "module" });
  return new Promise<string | undefined>((resolve) => {
    const timer = setTimeout(() => resolve(`did not end within ${TEST_MS_MAX / 1000} s`), TEST_MS_MAX);
    const end = (problem: string | undefined) => {
      clearTimeout(timer);
      resolve(problem);
    };
    worker.onmessage = ({ data }: MessageEvent<Answer>) => end(data.problem);
    worker.onerror = (event) => {
      event.preventDefault();
      end(event.message);
    };
    worker.postMessage(task);
  }).finally(() => worker.terminate());
}

/** One line a test, with what was wrong on it. */
export function table(outcomes: readonly Outcome[]): string {
  const lines = Map.groupBy(outcomes, ({ name }) => name).entries().map(([name, runs]) => {
    const cells = runs.map(({ server, strict, problem }) =>
      `${server}${strict ? " strict" : ""}: ${
        problem === undefined ? "pass" : `FAIL ${problem.replaceAll("\n", " ")}`
      }`
    );
    return `${name.padEnd(56)} ${cells.join("  ")}`;
  });
  const passed = outcomes.filter(({ problem }) => problem === undefined).length;
  return [...lines, `${passed} of ${outcomes.length} runs passed`].join("\n");
}

if (import.meta.main) {
  const folder = Deno.env.get(FOLDER_VARIABLE);
  if (folder === undefined) {
    console.log(
      `SKIP wasi-testsuite: ${FOLDER_VARIABLE} names no checkout of its branch prod/testsuite-base`,
    );
    Deno.exit(0);
  }
  const outcomes = await runTestsuite(folder, Deno.args);
  console.log(table(outcomes));
  Deno.exit(outcomes.every(({ problem }) => problem === undefined) ? 0 : 1);
}
