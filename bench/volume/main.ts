/**
 * A volume next to a folder of the machine, both served by one node from one disk and both as durable as `kill -9` asks:
 * `deno task bench-volume [--rounds N] [--seconds S] [--only CASE]`. A whole run writes its table into docs/benchmarks.md.
 *
 * The two take turns within a round. What a client waits for is measured, and of the long file also what comes after:
 * the time until all of it is cut, hashed and in the volume's packs.
 */
import { join } from "node:path";
import { parseArgs } from "node:util";
import { fileURLToPath } from "node:url";
import { Tree } from "../../9p/client/mod.ts";
import { buildLoad9p } from "../load9p.ts";
import { cpuName, median, publish, table } from "../report.ts";
import { startLux9, type Subject as Node } from "../subjects.ts";
import { CASES, makeBig, makeFolder, type Subject } from "./cases.ts";

const { values } = parseArgs({
  options: {
    rounds: { type: "string", default: "5" },
    seconds: { type: "string", default: "1" },
    only: { type: "string", default: "" },
  },
});
const rounds = Number(values.rounds);
const cases = CASES.filter(({ name }) => name.startsWith(values.only));
const work = join(fileURLToPath(new URL("../..", import.meta.url)), ".lux9/bench");
await Deno.mkdir(work, { recursive: true });
const folder = await Deno.makeTempDir({ dir: work, prefix: "volume-" });
const [served, home, lists] = ["served", "home", "lists"].map((name) => join(folder, name));
for (const made of [served, lists]) await Deno.mkdir(made);
const node = await startLux9(served, home, true);
try {
  await measure(node);
} finally {
  await node.stop();
  await Deno.remove(folder, { recursive: true });
}

async function measure(node: Node): Promise<void> {
  const program = await buildLoad9p(work);
  const rest = { program, lists, seconds: Number(values.seconds) };
  await using tree = await Tree.dial(`unix!${join(home, "run", "9p")}`);
  const subjects: Subject[] = [
    { ...rest, name: "host", place: node.place("host"), settled: () => Promise.resolve() },
    { ...rest, name: "volume", place: node.place("volume"), settled: () => settled(tree) },
  ];
  for (const subject of subjects) await makeBig(subject);
  await settled(tree);
  const measured = new Map(cases.map(({ name }) => [name, [] as { host: number; volume: number }[]]));
  for (let round = 0; round <= rounds; round++) {
    const order = round % 2 === 0 ? subjects : subjects.toReversed();
    for (const subject of order) await makeFolder(subject, `r${round}`);
    for (const { name, measure } of cases) {
      const figures = { host: 0, volume: 0 };
      for (const subject of order) {
        // What the one before has left to be written would be the next one's burden.
        await settled(tree);
        await flushed();
        figures[subject.name] = await measure(subject, `r${round}`);
      }
      console.error(`${round}/${rounds} ${name.padEnd(12)} ${JSON.stringify(figures)}`);
      // The first round is for caches and compilers.
      if (round > 0) measured.get(name)!.push(figures);
    }
  }
  const text = reportOf(measured);
  console.log(text);
  if (cases.length === CASES.length) await publish("bench-volume", text);
}

function reportOf(measured: ReadonlyMap<string, readonly { host: number; volume: number }[]>): string {
  const rows = cases.map(({ name, what, target }) => {
    const figures = measured.get(name)!;
    const ratio = median(figures.map(({ host, volume }) => volume / host));
    const rate = (pick: "host" | "volume") =>
      Math.round(median(figures.map((figure) => figure[pick]))).toLocaleString("en");
    return [
      what,
      rate("host"),
      rate("volume"),
      ratio.toFixed(2),
      `≥ ${target}`,
      ratio >= target ? "yes" : "**no**",
    ];
  });
  return `Deno ${Deno.version.deno}, Linux ${Deno.osRelease()}, ${navigator.hardwareConcurrency} cores (${cpuName()}); ` +
    `medians of ${rounds} interleaved rounds. The load average at the end was ${
      Deno.loadavg()[0].toFixed(1)
    }.\n\n` +
    table(["operation", "host /s", "volume /s", "ratio", "target", "met"], rows);
}

/** Resolves when the volume's Worker has nothing left to do. */
async function settled(tree: Tree): Promise<void> {
  for (;;) {
    const [{ waiting }] = JSON.parse(new TextDecoder().decode(await tree.readFile("/volumes.json")));
    if (waiting === 0) return;
    await new Promise((wake) => setTimeout(wake, 20));
  }
}

async function flushed(): Promise<void> {
  await new Deno.Command("sync").output();
}
