import { relative, resolve } from "node:path";
import { sourceFiles } from "../source_files.ts";

/** One process of the suite. */
export interface Job {
  readonly name: string;
  /** Arguments of `deno`. */
  readonly args: readonly string[];
  /** The test files in it; a check has none and counts as one test. */
  readonly files: readonly string[];
  readonly limitMs: number;
  /** Only tests whose name has a certain text run, so a file may have none. */
  readonly filtered?: boolean;
}

export interface PlanOptions {
  /** Files and folders to test, relative to the working directory; all where empty. */
  readonly paths: readonly string[];
  readonly checks: boolean;
  readonly filter?: string;
}

/** Kernels booting under emulation need minutes on a busy machine. */
const JOB_MS_MAX = 8 * 60_000;

/** What to run, the slow first: a guest's boot then overlaps with everything else. */
const SLOW_FIRST = ["tests/interop/", "tests/scenarios/", "tests/sim/", "tests/"];

const CHECKS: readonly (readonly [string, ...string[]])[] = [
  ["fmt", "fmt", "--check"],
  ["lint", "lint"],
  ["types", "check", "."],
  ["imports", "run", "-A", "tools/imports.ts"],
];

/** -A as in the launcher: what uses FFI can do anything. Types are checked by `deno task ok`, once for all. */
const TEST_ARGS = ["test", "-A", "--no-check", "--cached-only", "--no-prompt"];

export async function plan(root: string, { paths, checks, filter }: PlanOptions): Promise<Job[]> {
  const wanted = paths.map((path) => relative(root, resolve(path)));
  const files = (await sourceFiles(root)).filter((file) =>
    file.endsWith("_test.ts") && isWanted(file, wanted)
  );
  const testArgs = filter === undefined ? TEST_ARGS : [...TEST_ARGS, "--filter", filter];
  const filtered = filter !== undefined;
  const jobs: Job[] = [];
  if (checks) {
    for (const [name, ...args] of CHECKS) jobs.push({ name, args, files: [], limitMs: JOB_MS_MAX });
  }
  const apart = files.filter((file) => file.startsWith("tests/"));
  for (const file of apart.sort((a, b) => slowness(a) - slowness(b))) {
    jobs.push({ name: file, args: [...testArgs, file], files: [file], limitMs: JOB_MS_MAX, filtered });
  }
  const beside = files.filter((file) => !file.startsWith("tests/"));
  const isOfState = (file: string) => file.startsWith("state/");
  // Each half takes about as long, and both run at once.
  const halves: readonly (readonly [string, readonly string[]])[] = [
    ["unit tests of state/", beside.filter(isOfState)],
    ["unit tests", beside.filter((file) => !isOfState(file))],
  ];
  for (const [name, half] of halves) {
    if (half.length === 0) continue;
    jobs.push({ name, args: [...testArgs, ...half], files: half, limitMs: JOB_MS_MAX, filtered });
  }
  return jobs;
}

function isWanted(file: string, wanted: readonly string[]): boolean {
  return wanted.length === 0 ||
    wanted.some((path) => path === "" || file === path || file.startsWith(path + "/"));
}

function slowness(file: string): number {
  return SLOW_FIRST.findIndex((prefix) => file.startsWith(prefix));
}
