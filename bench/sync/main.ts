/**
 * Copies of a volume that meet, next to `rsync -a` on two folders with the same files, and next to automerge-repo where that can do the same:
 * `deno task bench-sync [--only first|large|changed|nothing|one] [--rounds N] [--files N]`. The two take turns within a round. No node runs: `lux9 sync` is timed as
 * a person waits for it, with the start of the program and of both stores. A whole run writes its table into docs/benchmarks.md.
 */
import { join } from "node:path";
import { parseArgs } from "node:util";
import { fileURLToPath } from "node:url";
import { median, publish, table } from "../report.ts";
import { measureRepo } from "./repo.ts";
import { Pair } from "./pair.ts";

const { values } = parseArgs({
  options: {
    only: { type: "string", default: "" },
    rounds: { type: "string", default: "3" },
    files: { type: "string", default: "1000000" },
  },
});
const rounds = Number(values.rounds);
const work = join(fileURLToPath(new URL("../..", import.meta.url)), ".lux9/bench");
await Deno.mkdir(work, { recursive: true });
const folder = await Deno.makeTempDir({ dir: work, prefix: "sync-" });

interface Row {
  readonly name: string;
  readonly what: string;
  /** At least so many times as fast as rsync. */
  readonly target?: number;
  measure(): Promise<{ readonly lux9: number[]; readonly rsync: number[]; readonly repo?: number }>;
}

const FILES = 100_000;
const ROWS: readonly Row[] = [
  {
    name: "first",
    what: `the first copy of ${FILES.toLocaleString("en")} files`,
    target: 0.5,
    measure: () => first(FILES, 0),
  },
  { name: "large", what: "the first copy of 1 GiB", target: 0.5, measure: () => first(16, 64) },
  {
    name: "changed",
    what: "10,000 changed files of 100,000",
    measure: async () => ({ ...await changed(10_000), repo: await measureRepo(work, FILES, 10_000) }),
  },
  {
    name: "one",
    what: "one changed file of 100,000",
    measure: async () => ({ ...await changed(1), repo: await measureRepo(work, FILES, 1) }),
  },
  {
    name: "nothing",
    what: `nothing changed, of ${Number(values.files).toLocaleString("en")} files`,
    target: 10,
    measure: nothing,
  },
];

try {
  const rows: string[][] = [];
  let isMet = true;
  for (const row of ROWS.filter(({ name }) => name.startsWith(values.only))) {
    const { lux9, rsync, repo } = await row.measure();
    const ratio = median(rsync.map((ms, i) => ms / lux9[i]));
    const met = row.target === undefined || ratio >= row.target;
    isMet &&= met;
    rows.push([
      row.what,
      range(lux9),
      range(rsync),
      `${ratio.toPrecision(3)} times`,
      row.target === undefined ? "" : `≥ ${row.target}`,
      row.target === undefined ? "" : met ? "yes" : "**no**",
      repo === undefined ? "" : text(repo),
    ]);
    console.error(rows[rows.length - 1].join(" | "));
  }
  const head = ["what", "lux9", "rsync -a", "as fast", "target", "met", "automerge-repo"];
  const load = Deno.loadavg()[0].toFixed(1);
  const note =
    `Medians of ${rounds} interleaved rounds, in brackets the fastest and the slowest. automerge-repo has one document with as many entries, ` +
    `in one process, without files. The load average at the end was ${load}.`;
  const whole = `${table(head, rows)}\n\n${note}`;
  console.log(whole);
  if (values.only === "") await publish("bench-sync", whole);
  if (!isMet) Deno.exitCode = 1;
} finally {
  await Deno.remove(folder, { recursive: true });
}

async function first(files: number, megabytes: number) {
  await using pair = await Pair.make(join(folder, "first"), files, megabytes);
  const [lux9, rsync]: number[][] = [[], []];
  for (let round = 0; round < rounds; round++) {
    const turns = [async () => lux9.push(await pair.clone()), async () => rsync.push(await pair.rsyncAnew())];
    for (const turn of round % 2 === 0 ? turns : turns.reverse()) await turn();
  }
  return { lux9, rsync };
}

async function changed(count: number) {
  await using pair = await Pair.make(join(folder, "changed"), FILES, 0);
  await pair.clone();
  await pair.rsyncAnew();
  const [lux9, rsync]: number[][] = [[], []];
  for (let round = 0; round < rounds; round++) {
    await pair.change(count, round);
    const turns = [async () => lux9.push(await pair.sync()), async () => rsync.push(await pair.rsync())];
    for (const turn of round % 2 === 0 ? turns : turns.reverse()) await turn();
  }
  return { lux9, rsync };
}

async function nothing() {
  await using pair = await Pair.make(join(folder, "nothing"), Number(values.files), 0);
  await pair.clone();
  await pair.rsyncAnew();
  await pair.sync();
  const [lux9, rsync]: number[][] = [[], []];
  for (let round = 0; round < rounds; round++) {
    const turns = [async () => lux9.push(await pair.sync()), async () => rsync.push(await pair.rsync())];
    for (const turn of round % 2 === 0 ? turns : turns.reverse()) await turn();
  }
  return { lux9, rsync };
}

function range(ms: readonly number[]): string {
  return ms.length === 1
    ? text(ms[0])
    : `${text(median(ms))} (${text(Math.min(...ms))}–${text(Math.max(...ms))})`;
}

function text(ms: number): string {
  return ms < 1000 ? `${ms.toPrecision(3)} ms` : `${(ms / 1000).toPrecision(3)} s`;
}
