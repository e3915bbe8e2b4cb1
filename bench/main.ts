/**
 * Compares Lux9 with diod and with a bare Deno echo: `deno task bench-9p [--rounds N] [--seconds S] [--only CASE] [--engine]`.
 *
 * All subjects run at once and are idle but for the one being measured; they take turns within a round, so that what
 * else the machine does strikes them alike. A figure is the median of the rounds, and a ratio the median of the rounds'
 * ratios: with one request in flight, whether the scheduler lets client and server share a core changes all figures at
 * once, by factors, and so the cases `one-core` are measured besides. A whole run writes its table into
 * docs/benchmarks.md. `--engine` adds the engine without namespace and guard, and `--only` takes the beginning of a
 * case's name.
 */
import { join } from "node:path";
import { parseArgs } from "node:util";
import { fileURLToPath } from "node:url";
import { type Case, CASES } from "./cases.ts";
import { loadOf, makeHostFiles, makeMemFiles } from "./files.ts";
import { buildLoad9p, type Figures, load9p } from "./load9p.ts";
import { residentMegabytes } from "./load/verdict.ts";
import { median, type NodeFigures, writeReport } from "./report.ts";
import { startDiod, startEcho, startEngine, startLux9, type Subject } from "./subjects.ts";

const { values } = parseArgs({
  options: {
    rounds: { type: "string", default: "7" },
    seconds: { type: "string", default: "1" },
    only: { type: "string" },
    engine: { type: "boolean", default: false },
  },
});
const rounds = Number(values.rounds);
const seconds = Number(values.seconds);
const cases = CASES.filter(({ name }) => name.startsWith(values.only ?? ""));
if (!(rounds >= 1) || !(seconds > 0) || cases.length === 0) {
  console.error(
    `Give --rounds from 1, --seconds above 0, and --only one of: ${CASES.map(({ name }) => name).join(" ")}`,
  );
  Deno.exit(2);
}

const work = join(fileURLToPath(new URL("..", import.meta.url)), ".lux9/bench");
const folder = join(work, "tree");
await Deno.mkdir(folder, { recursive: true });
const program = await buildLoad9p(work);
await makeHostFiles(folder);

const subjects: Subject[] = [];
try {
  const node = await measureNode();
  const diod = await startDiod(folder);
  if (!diod) {
    console.error(
      "diod is not installed, so there is nothing to compare with (Debian: apt-get install diod)",
    );
  }
  const lux9 = await startLux9(folder, await freshHome());
  if (diod) subjects.push(diod);
  subjects.push(lux9, await startEcho());
  await makeMemFiles(program, lux9.place("mem"));
  if (values.engine) {
    for (const tree of ["host", "mem"] as const) {
      const engine = await startEngine(folder, tree);
      if (tree === "mem") await makeMemFiles(program, engine.place("mem"));
      subjects.push(engine);
    }
  }
  const measured = await measureCases();
  await writeReport({ measured, node, rounds, seconds, folder: work, whole: cases.length === CASES.length });
} finally {
  for (const subject of subjects) await subject.stop();
  await Deno.remove(folder, { recursive: true });
}

async function measureCases(): Promise<Map<Case, Map<string, Figures[]>>> {
  const measured = new Map(cases.map((found) => [found, new Map<string, Figures[]>()]));
  // Round 0 is for caches and compilers, and is not counted.
  for (let round = 0; round <= rounds; round++) {
    for (const [tested, bySubject] of measured) {
      // Who goes first changes, as the first of a case finds colder caches.
      const order = subjects.filter((subject) => applies(subject, tested));
      if (round % 2 === 1) order.reverse();
      for (const subject of order) {
        const name = subject.name.replace(/-.*/, "");
        const figures = await measure(subject, tested);
        if (round > 0) bySubject.set(name, [...bySubject.get(name) ?? [], figures]);
        console.error(
          `${round}/${rounds} ${tested.name.padEnd(18)} ${subject.name.padEnd(12)} ` +
            `${Math.round(figures.opsPerSecond).toString().padStart(9)} ops/s  p50 ${figures.p50Us} us`,
        );
      }
    }
  }
  return measured;
}

async function measure(subject: Subject, tested: Case): Promise<Figures> {
  const load = loadOf(tested, folder, seconds);
  if (!tested.oneCore) return await load9p(program, subject.place(tested.tree), load);
  await keepOn(subject.pid, "0");
  try {
    return await load9p(program, subject.place(tested.tree), load, 0);
  } finally {
    await keepOn(subject.pid, `0-${navigator.hardwareConcurrency - 1}`);
  }
}

/** Keeps all threads of a process on these cores. A thread that ends meanwhile makes taskset fail: it is asked again. */
async function keepOn(pid: number, cores: string): Promise<void> {
  for (let tries = 0; tries < 5; tries++) {
    const args = ["-apc", cores, `${pid}`];
    const { success } = await new Deno.Command("taskset", { args, stdout: "null", stderr: "null" }).output();
    if (success) return;
  }
  throw new Error(`taskset could not keep process ${pid} on core ${cores}`);
}

/** The echo answers getattr only, and is there for the latency of one request at a time. */
function applies({ name }: Subject, { tree, op, depth }: Case): boolean {
  if (name === "echo") return op === "stat" && depth === 1;
  return !name.startsWith("engine") || name === `engine-${tree}`;
}

/** Starts a node on an empty home a few times, for its start and what it holds when nobody asks. */
async function measureNode(): Promise<NodeFigures> {
  const starts: number[] = [];
  const resident: number[] = [];
  for (let i = 0; i < Math.max(rounds, 3); i++) {
    const subject = await startLux9(folder, await freshHome());
    await new Promise((done) => setTimeout(done, 1000));
    starts.push(subject.firstAnswerMs);
    resident.push(residentMegabytes(subject.pid));
    await subject.stop();
  }
  return { firstAnswerMs: median(starts), idleMegabytes: median(resident) };
}

async function freshHome(): Promise<string> {
  const home = join(work, "home");
  await Deno.remove(home, { recursive: true }).catch(() => {});
  return home;
}
