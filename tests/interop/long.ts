/**
 * The long form of the tests with third-party clients: 5,000 real files through Linux in each dialect and through
 * 9pfuse, the flows with the client's caches on, files computed from large data, pjdfstest, and fsx.
 *
 *     deno run -A tests/interop/long.ts [--json FILE] [volume] [flows] [caches] [9pfuse] [computed] [pjdfstest] [fsx]
 *
 * Without a name it runs all. With `volume`, what they work in is a volume. It prints one line for each result and ends with 1 when the server failed somewhere
 * that a server can pass. The server is a node started for each part, or the one that LUX9_TEST_ADDR names.
 */
import { exchangeRounds } from "./copies/rounds.ts";
import { computedHere, computedInGuest } from "./computed.ts";
import { FULL, jqMissing, SMALL } from "./flows/computed_data.ts";
import { flowsHere, flowsInGuest, type FlowsResult, LONG, SHORT } from "./flows/flows.ts";
import { guestMissing } from "./guest/mod.ts";
import { cargoMissing } from "./judges/cargo.ts";
import { fsx } from "./judges/fsx.ts";
import { pjdfstest, pjdfstestMissing, type PjdfstestResult } from "./judges/pjdfstest.ts";
import { DIALECTS, oneMount, twoMounts } from "./mounts.ts";
import { mountFuse, ninepfuseMissing } from "./ninepfuse.ts";
import { computingMissing, serverMissing, type TestServer, testServer } from "./server.ts";

const FLOWS_MS_MAX = 1_800_000;
const JUDGE_MS_MAX = 1_800_000;
const FSX_OPERATIONS = 5_000;

interface Report {
  name: string;
  passed: number;
  failed: number;
  seconds: number;
  /** Failures with their reasons, or why it was skipped. */
  notes: string[];
  /** Test by test, for tables. */
  pjdfstest?: PjdfstestResult;
}

type Result = Omit<Report, "name" | "seconds">;

const noGuest = await guestMissing();
const VOLUME = "volume";
const volumeAt = Deno.args.includes(VOLUME) ? "/data" : undefined;
const judgedServer = (): Promise<TestServer> => testServer({ volumeAt });

const parts: Record<string, () => Promise<Report[]>> = {
  flows: () => eachOf(DIALECTS.map((version) => () => linuxFlows(version))),
  caches: () => eachOf(["cache=loose", "cache=mmap"].map((cache) => () => linuxFlowsCached(cache))),
  "9pfuse": () => eachOf([fuseFlows]),
  computed: () => eachOf([fuseComputed, ...DIALECTS.map((version) => () => linuxComputed(version))]),
  pjdfstest: () => eachOf([runPjdfstest]),
  fsx: () => eachOf([runFsx]),
  copies: () => eachOf([runCopies]),
};

if (import.meta.main) await main(Deno.args);

async function main(args: string[]): Promise<void> {
  const words = [...args];
  const at = words.indexOf("--json");
  const [, jsonPath] = at < 0 ? [] : words.splice(at, 2);
  const names = words.filter((word) => word !== VOLUME);
  const unknown = names.filter((word) => parts[word] === undefined);
  if (unknown.length > 0) {
    console.error(`Unknown: ${unknown.join(", ")}; there are ${[VOLUME, ...Object.keys(parts)].join(", ")}`);
    Deno.exit(2);
  }
  if (volumeAt !== undefined && Deno.env.has("LUX9_TEST_ADDR")) {
    console.error("Only a node that is started for the test has a volume: unset LUX9_TEST_ADDR");
    Deno.exit(2);
  }
  const reports: Report[] = [];
  for (const name of names.length > 0 ? names : Object.keys(parts)) reports.push(...await parts[name]());
  if (jsonPath !== undefined) await Deno.writeTextFile(jsonPath, JSON.stringify(reports, null, 2) + "\n");
  Deno.exit(reports.some(({ failed }) => failed > 0) ? 1 : 0);
}

async function eachOf(runs: (() => Promise<Report>)[]): Promise<Report[]> {
  const reports: Report[] = [];
  for (const one of runs) {
    const report = await one();
    reports.push(report);
    console.log(`${report.name}: ${report.passed} passed, ${report.failed} failed, ${report.seconds} s`);
    for (const note of report.notes) console.log(`  ${note.replaceAll("\n", "\n  ")}`);
  }
  return reports;
}

async function linuxFlows(version: typeof DIALECTS[number]): Promise<Report> {
  return await timed(`Linux ${version}, ${LONG.files} files`, noGuest ?? serverMissing(version), async () => {
    await using server = await judgedServer();
    return flowsReport(
      await flowsInGuest({
        way: version,
        size: LONG,
        mounts: twoMounts(server, version),
        folder: server.folder,
        timeoutMs: FLOWS_MS_MAX,
        onLine: progress,
      }),
    );
  });
}

/** One mount only: a client that caches does not promise to see what another one does. */
async function linuxFlowsCached(cache: string): Promise<Report> {
  return await timed(`Linux 9p2000.L, ${cache}`, noGuest ?? serverMissing("9p2000.L"), async () => {
    await using server = await judgedServer();
    return flowsReport(
      await flowsInGuest({
        way: "9p2000.L cached",
        size: SHORT,
        mounts: [oneMount(server, "9p2000.L", cache)],
        folder: server.folder,
        timeoutMs: FLOWS_MS_MAX,
        onLine: progress,
      }),
    );
  });
}

async function fuseFlows(): Promise<Report> {
  const missing = ninepfuseMissing() ?? serverMissing("9p2000");
  return await timed(`9pfuse, ${LONG.files} files`, missing, async () => {
    await using server = await judgedServer();
    await using mount = await mountFuse(server.address, server.aname);
    return flowsReport(
      await flowsHere({
        way: "9pfuse",
        size: LONG,
        folder: `${mount.directory}${server.folder}`,
        timeoutMs: FLOWS_MS_MAX,
      }),
    );
  });
}

/** Two mounted homes that are exchanged a thousand times. */
async function runCopies(): Promise<Report> {
  const rounds = Number(Deno.env.get("LUX9_ROUNDS") ?? 1000);
  return await timed(`two mounted copies, ${rounds} rounds`, ninepfuseMissing(), async () => {
    const found = await exchangeRounds(rounds, (round) => round % 100 === 0 && progress(`round ${round}`));
    const { commits, lines, conflicts } = found;
    const notes = [`${commits} commits, ${lines} lines, ${conflicts} conflict files in the end`];
    return { passed: rounds, failed: 0, skipped: 0, notes };
  });
}

async function fuseComputed(): Promise<Report> {
  const missing = computingMissing() ?? ninepfuseMissing();
  return await timed(
    "9pfuse, computed files",
    missing,
    async () =>
      computedReport(await computedHere({ size: FULL, volumeAt, timeoutMs: FLOWS_MS_MAX, onLine: progress })),
  );
}

/**
 * The full data once, since what the other dialects change is not the data. Not with cache=loose: kernels before 6.4
 * then read no further than the length that they knew, and that of what was not yet computed is 0.
 */
async function linuxComputed(version: typeof DIALECTS[number]): Promise<Report> {
  const size = version === "9p2000.L" ? FULL : SMALL;
  return await timed(
    `Linux ${version}, computed files`,
    computingMissing() ?? noGuest,
    async () =>
      computedReport(
        await computedInGuest({ size, version, volumeAt, timeoutMs: FLOWS_MS_MAX, onLine: progress }),
      ),
  );
}

function computedReport(result: FlowsResult): Result {
  const report = flowsReport(result);
  const missing = jqMissing();
  return missing === undefined ? report : { ...report, notes: [...report.notes, `SKIP jq: ${missing}`] };
}

async function runPjdfstest(): Promise<Report> {
  const missing = noGuest ?? pjdfstestMissing() ?? serverMissing("9p2000.L");
  return await timed("pjdfstest, Linux 9p2000.L", missing, async () => {
    await using server = await judgedServer();
    const mount = oneMount(server, "9p2000.L");
    const result = await pjdfstest({ mount, folder: server.folder, timeoutMs: JUDGE_MS_MAX });
    const servers = result.failures.filter(({ cannot }) => cannot === undefined);
    return {
      passed: result.passed,
      failed: servers.length,
      pjdfstest: result,
      notes: [
        `${result.judged} tests pass on ext4 in the same guest; ${result.notJudged.length} do not and are not judged`,
        ...result.failures.map(({ test, said, cannot }) =>
          cannot === undefined ? `FAIL ${test}: ${said}` : `cannot ${test}: ${cannot}`
        ),
      ],
    };
  });
}

async function runFsx(): Promise<Report> {
  const missing = noGuest ?? cargoMissing();
  return await timed("fsx, Linux in each dialect and cache", missing, async () => {
    await using server = await judgedServer();
    const seed = crypto.getRandomValues(new Uint32Array(1))[0];
    const mounts = DIALECTS.filter((version) => serverMissing(version) === undefined)
      .flatMap((version) => ["cache=none", "cache=mmap", "cache=loose"].map((cache) => ({ version, cache })))
      .map(({ version, cache }, index) => ({
        ...oneMount(server, version, cache),
        directory: `/mnt-${index}`,
      }));
    const result = await fsx({
      mounts,
      folder: server.folder,
      seed,
      operations: FSX_OPERATIONS,
      timeoutMs: JUDGE_MS_MAX,
    });
    const failed = result.output.split("\n").filter((line) => line === "  FAILED").length;
    return {
      passed: mounts.length - failed,
      failed,
      notes: result.failed ? [result.output] : [`${FSX_OPERATIONS} operations each, seed ${seed}`],
    };
  });
}

/** Runs take minutes: what is done so far goes to standard error. */
function progress(line: string): void {
  if (/^(ok|FAIL) /.test(line)) console.error(`  ${line}`);
}

function flowsReport({ passed, failed, failures }: FlowsResult): Result {
  return { passed, failed, notes: failed > 0 ? [failures] : [] };
}

async function timed(
  judged: string,
  missing: string | undefined,
  fn: () => Promise<Result>,
): Promise<Report> {
  const name = volumeAt === undefined ? judged : `${judged}, on a volume`;
  if (missing !== undefined) return { name, passed: 0, failed: 0, seconds: 0, notes: [`SKIP ${missing}`] };
  const began = performance.now();
  const seconds = () => Math.round((performance.now() - began) / 1000);
  try {
    return { name, ...await fn(), seconds: seconds() };
  } catch (error) {
    // One part that breaks off must not hide the others.
    return { name, passed: 0, failed: 1, seconds: seconds(), notes: [String(error)] };
  }
}
