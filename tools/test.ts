/**
 * The whole test suite: `./lux9 test [PATH…] [--checks] [--filter TEXT] [--verbose]`.
 *
 * Unit tests, which stand beside the code, run in two processes; each file of tests/ in a process of its own, two at a
 * time. The last line is `N passed, N failed, N skipped`, and the code is 1 where anything failed. `--checks` puts
 * formatting, lint, types and imports before the tests, as CI does.
 *
 * A test that cannot run here is skipped, with its reason: a line `SKIP NAME: REASON` on standard output, where NAME
 * is the test's name. If that test then passes, or is ignored, it counts as skipped.
 */
import { parseArgs } from "node:util";
import { dirname } from "node:path";
import { fileURLToPath } from "node:url";
import { type Job, plan } from "./test/plan.ts";
import { type Outcome, runJob } from "./test/run_job.ts";
import { Surroundings } from "./test/surroundings.ts";

/** A run that takes longer is stuck. What still runs then is ended and counts as failed. */
const RUN_MS_MAX = 25 * 60_000;
/** As many as CI has cores. */
const JOBS_AT_ONCE = 2;

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const { values, positionals } = parseArgs({
  args: Deno.args,
  allowPositionals: true,
  options: {
    checks: { type: "boolean", default: false },
    filter: { type: "string" },
    verbose: { type: "boolean", default: false },
  },
});

const started = Date.now();
const jobs = await plan(root, { paths: positionals, checks: values.checks, filter: values.filter });
const surroundings = await Surroundings.before();
const outcomes = await runAll(jobs);
for (const problem of await surroundings.after()) {
  outcomes.push({ name: "left behind", passed: 0, skips: [], failures: [problem], output: "" });
}
summarize(outcomes);

async function runAll(jobs: readonly Job[]): Promise<Outcome[]> {
  const waiting = [...jobs];
  const outcomes: Outcome[] = [];
  const worker = async () => {
    for (let job = waiting.shift(); job; job = waiting.shift()) {
      console.log(`start ${job.name}`);
      const outcome = await runJob(job, {
        root,
        limitMs: Math.max(1000, Math.min(job.limitMs, started + RUN_MS_MAX - Date.now())),
        ...surroundings.forJob(),
      });
      report(outcome);
      outcomes.push(outcome);
    }
  };
  await Promise.all(Array.from({ length: JOBS_AT_ONCE }, worker));
  return outcomes;
}

function report({ name, passed, failures, skips, output, elapsedMs = 0 }: Outcome): void {
  const counts = [`${passed} passed`];
  if (failures.length > 0) counts.push(`${failures.length} failed`);
  if (skips.length > 0) counts.push(`${skips.length} skipped`);
  if (failures.length > 0 || values.verbose) console.log(output.trimEnd());
  console.log(
    `${failures.length > 0 ? "FAIL " : "ok   "} ${name}: ${counts.join(", ")} (${seconds(elapsedMs)})`,
  );
}

function summarize(outcomes: readonly Outcome[]): never {
  const skips = outcomes.flatMap((outcome) => outcome.skips);
  const failures = outcomes.flatMap(({ name, failures }) => failures.map((failure) => `${name}: ${failure}`));
  const passed = outcomes.reduce((sum, outcome) => sum + outcome.passed, 0);
  console.log("");
  for (const skip of skips) console.log(`SKIP ${skip}`);
  for (const failure of failures) console.log(`FAIL ${failure}`);
  console.log(`${seconds(Date.now() - started)} in all`);
  console.log(`${passed} passed, ${failures.length} failed, ${skips.length} skipped`);
  Deno.exit(failures.length > 0 || passed === 0 ? 1 : 0);
}

function seconds(ms: number): string {
  return `${(ms / 1000).toFixed(1)} s`;
}
