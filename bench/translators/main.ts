/**
 * What computing costs: `deno task bench-translators [--rounds N] [--only runs|reads|idle]`.
 *
 * The same modules by our engine, by Python's wasmtime package with wasmtime's own WASI, by V8 with our WASI, and as
 * programs of this machine; computed files through a whole node next to stored ones; and what a node costs of which nobody
 * asks anything computed. All take turns within a round. A whole run writes its tables into docs/benchmarks.md. It needs
 * rustc with the target wasm32-wasip1, and cc.
 */
import { join } from "node:path";
import { parseArgs } from "node:util";
import { fileURLToPath } from "node:url";
import { testEngine } from "../../translators/engine/_testing.ts";
import { buildLoad9p } from "../load9p.ts";
import { publish } from "../report.ts";
import { startLux9 } from "../subjects.ts";
import { measureIdle } from "./idle.ts";
import { buildPrograms, type Program } from "./programs.ts";
import { type Reads, ReadsBench } from "./reads.ts";
import { reportOf } from "./report.ts";
import { measureRound, pythonWithWasmtime, type Round } from "./runs.ts";

const { values } = parseArgs({
  options: { rounds: { type: "string", default: "7" }, only: { type: "string" } },
});
const rounds = Number(values.rounds);
const does = (part: string) => values.only === undefined || values.only === part;

const work = join(fileURLToPath(new URL("../..", import.meta.url)), ".lux9/bench");
await Deno.mkdir(work, { recursive: true });
const folder = await Deno.makeTempDir({ dir: work, prefix: "translators-" });
try {
  await measure();
} finally {
  await Deno.remove(folder, { recursive: true });
}

async function measure(): Promise<void> {
  const program = await buildLoad9p(work);
  const built = join(folder, "programs");
  const tree = join(folder, "tree");
  for (const made of [built, tree]) await Deno.mkdir(made);
  const programs = await buildPrograms(built);
  const runs = does("runs") ? await measureRuns(programs) : new Map<Program, Round[]>();
  const reads = does("reads") ? await measureReads(program, tree, programs) : [];
  await Deno.writeTextFile(join(tree, "block"), "hello worlds");
  const idle = does("idle")
    ? await measureIdle(program, tree, () => newHome(programs), Math.max(3, rounds))
    : undefined;
  await Deno.writeTextFile(
    join(work, "translators.json"),
    JSON.stringify({ at: new Date().toISOString(), runs: [...runs.values()], reads, idle }, null, 1) + "\n",
  );
  if (!idle || reads.length === 0 || runs.size === 0) {
    console.log({ runs: [...runs].map(([{ name }, found]) => [name, found]), reads, idle });
    return;
  }
  const text = reportOf({ runs, reads, idle });
  console.log(text);
  await publish("bench-translators", text);
}

/** Round 0 is for caches and compilers, and is not counted. */
async function measureRuns(programs: readonly Program[]): Promise<Map<Program, Round[]>> {
  await using test = testEngine({ workersMax: 1 });
  const python = await pythonWithWasmtime(work);
  const measured = new Map(programs.map((program) => [program, [] as Round[]]));
  for (let round = 0; round <= rounds; round++) {
    for (const [program, found] of measured) {
      const figures = await measureRound(program, test, python, round % 2 === 1);
      if (round > 0) found.push(figures);
      console.error(`${round}/${rounds} ${program.name} ${JSON.stringify(figures)}`);
    }
  }
  return measured;
}

async function measureReads(program: string, tree: string, programs: readonly Program[]): Promise<Reads[]> {
  const node = await startLux9(tree, await newHome(programs));
  const measured: Reads[] = [];
  try {
    const bench = new ReadsBench(program, node, tree);
    await bench.prepare();
    for (let round = 0; round <= rounds; round++) {
      const reads = await bench.measureRound(round % 2 === 1);
      if (round > 0) measured.push(reads);
      console.error(`${round}/${rounds} ${JSON.stringify(reads)}`);
    }
    return measured;
  } finally {
    await node.stop();
  }
}

/** A home with the programs installed. */
async function newHome(programs: readonly Program[]): Promise<string> {
  const home = join(folder, "home");
  await Deno.remove(home, { recursive: true }).catch(() => {});
  for (const { name, wasm } of programs) {
    await Deno.mkdir(join(home, "translators", name), { recursive: true });
    await Deno.copyFile(wasm, join(home, "translators", name, "module.wasm"));
  }
  return home;
}
