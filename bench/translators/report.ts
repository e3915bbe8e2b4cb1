import { cpuName, FIRST_ANSWER_MS_MAX, IDLE_MEGABYTES_MAX, median, table } from "../report.ts";
import type { Idle } from "./idle.ts";
import type { Program } from "./programs.ts";
import { medianOf, type Reads } from "./reads.ts";
import { type Round, type Way, WAYS } from "./runs.ts";

export interface Measured {
  readonly runs: ReadonlyMap<Program, readonly Round[]>;
  readonly reads: readonly Reads[];
  readonly idle: Idle;
}

/** The item 4. */
const SMALL_RUN_US_MAX = 60;
const FILTER_MB_PER_SECOND_MIN = 250;
const UNCACHED_READ_US_MAX = 250;
const CACHED_RATIO_MAX = 1.3;

export function reportOf({ runs, reads, idle }: Measured): string {
  const head =
    `Deno ${Deno.version.deno}, Linux ${Deno.osRelease()}, ${navigator.hardwareConcurrency} cores ` +
    `(${cpuName()}); medians of ${reads.length} interleaved rounds. The load average at the end was ` +
    `${Deno.loadavg()[0].toFixed(1)}; the benchmark alone makes it about 1.5.`;
  return [head, targets(runs, reads, idle), runsTable(runs), readsTable(reads)].join("\n\n");
}

function targets(runs: Measured["runs"], reads: readonly Reads[], idle: Idle): string {
  const rounds = (name: string) => [...runs].find(([program]) => program.name === name)![1];
  const small = medianUs(rounds("small"), "worker")!;
  const filter = medianUs(rounds("filter"), "worker")!;
  const answered = medianUs(rounds("filter"), "roundTrip")!;
  const speed = (us: number) => 1024 * 1024 / us;
  const byPython = rounds("filter").filter(({ python }) => python !== undefined);
  const uncached = medianOf(reads, ({ openUs }) => openUs.uncached);
  const ratio = (pick: (reads: Reads) => { stored: number; cached: number }) =>
    median(reads.map((round) => pick(round).cached / pick(round).stored));
  const rows: [string, string, string, boolean][] = [
    [
      "fresh sandboxed run of a small command, in the Worker",
      `${small.toFixed(0)} µs`,
      `≤ ${SMALL_RUN_US_MAX} µs`,
      small <= SMALL_RUN_US_MAX,
    ],
    [
      "the same as an uncached 9P read: open, read, clunk",
      `${uncached.toFixed(0)} µs`,
      `≤ ${UNCACHED_READ_US_MAX} µs`,
      uncached <= UNCACHED_READ_US_MAX,
    ],
    [
      "1 MiB through a Rust filter, in the Worker (asked and answered)",
      `${speed(filter).toFixed(0)} MB/s (${speed(answered).toFixed(0)})`,
      `≥ ${FILTER_MB_PER_SECOND_MIN} MB/s`,
      speed(filter) >= FILTER_MB_PER_SECOND_MIN,
    ],
  ];
  if (byPython.length > 0) {
    const faster = median(byPython.map(({ python, worker }) => python! / worker!));
    rows.push([
      "the same next to wasmtime's own WASI, both where they run",
      `${faster.toFixed(2)} times as fast`,
      "≥ 1",
      faster >= 1,
    ]);
  }
  const cached: [string, (reads: Reads) => { stored: number; cached: number }][] = [
    ["cached 4 KiB read of an open file, next to a stored file's", ({ read4kUs }) => read4kUs],
    ["cached 64 KiB read", ({ read64kUs }) => read64kUs],
    ["cached open, read, clunk", ({ openUs }) => openUs],
  ];
  for (const [what, pick] of cached) {
    rows.push([
      what,
      `${ratio(pick).toFixed(2)} times as long`,
      `≤ ${CACHED_RATIO_MAX}`,
      ratio(pick) <= CACHED_RATIO_MAX,
    ]);
  }
  rows.push(
    [
      "start of `./lux9 up` to the first answer, with modules installed",
      `${idle.firstAnswerMs.toFixed(0)} ms`,
      `≤ ${FIRST_ANSWER_MS_MAX} ms`,
      idle.firstAnswerMs <= FIRST_ANSWER_MS_MAX,
    ],
    [
      "resident memory while nothing was computed",
      `${idle.idleMegabytes.toFixed(0)} MB`,
      `≤ ${IDLE_MEGABYTES_MAX} MB`,
      idle.idleMegabytes <= IDLE_MEGABYTES_MAX,
    ],
    [
      "wasmtime mapped into that node (after the first computed read)",
      `${yes(idle.isLoadedAtFirst)} (${yes(idle.isLoadedThen)}, ${idle.computedMegabytes.toFixed(0)} MB)`,
      "no (yes)",
      !idle.isLoadedAtFirst && idle.isLoadedThen,
    ],
  );
  return table(
    ["what", "measured", "target", "met"],
    rows.map(([what, measured, target, met]) => [what, measured, target, met ? "yes" : "**no**"]),
  );
}

const yes = (is: boolean): string => is ? "yes" : "no";

function medianUs(rounds: readonly Round[], way: Way): number | undefined {
  const found = rounds.flatMap((round) => round[way] ?? []);
  return found.length > 0 ? median(found) : undefined;
}

function runsTable(runs: Measured["runs"]): string {
  const programs = [...runs.keys()];
  const rows = (Object.keys(WAYS) as Way[]).map((way) => [
    WAYS[way],
    ...programs.map((program) => {
      const found = runs.get(program)!.flatMap((round) => round[way] ?? []);
      return found.length === 0 ? "" : spread(found);
    }),
  ]);
  return `Microseconds a run, each in a store, instance or process of its own; in brackets the fastest and the slowest ` +
    `round:\n\n${table(["", ...programs.map(({ what }) => what)], rows)}`;
}

function readsTable(reads: readonly Reads[]): string {
  const row = (what: string, ...picks: ((reads: Reads) => number | undefined)[]) => [
    what,
    ...picks.map((pick) => spread(reads.flatMap((round) => pick(round) ?? []))),
  ];
  const operations = table(["", "stored", "computed, uncached", "computed, cached"], [
    row(
      "open, read, clunk",
      ({ openUs }) => openUs.stored,
      ({ openUs }) => openUs.uncached,
      ({ openUs }) => openUs.cached,
    ),
    row(
      "walk, open, read, clunk",
      ({ peekUs }) => peekUs.stored,
      ({ peekUs }) => peekUs.uncached,
      ({ peekUs }) => peekUs.cached,
    ),
    row("4 KiB read", ({ read4kUs }) => read4kUs.stored, () => undefined, ({ read4kUs }) => read4kUs.cached),
    row(
      "64 KiB read",
      ({ read64kUs }) => read64kUs.stored,
      () => undefined,
      ({ read64kUs }) => read64kUs.cached,
    ),
  ]);
  const listings = table(["", "1,000 stored files", "1,000 recipes, cold", "1,000 recipes, warm"], [
    row(
      "listing, then walk, getattr, clunk of each",
      ({ listMs }) => listMs.stored,
      ({ listMs }) => listMs.cold,
      ({ listMs }) => listMs.warm,
    ),
  ]);
  return "Microseconds of an operation through a whole node, one at a time, by `load9p` over loopback TCP, 9P2000.L; the " +
    "module is the small command, each input is new and has about 20 bytes, and what is counted is from the first request " +
    "to the last reply; stored and cached files are opened five times each by one connection. Reads are of an open file of 1 MiB, for `computed` the output of the filter:\n\n" +
    `${operations}\n\nMilliseconds of what \`ls -l\` asks of a folder with 2,000 names, of which 1,000 are looked at ` +
    `(cold: nothing is computed yet, and what is not within half a second shows the length 0):\n\n${listings}`;
}

function spread(values: readonly number[]): string {
  if (values.length === 0) return "";
  const text = (value: number) => value < 100 ? value.toFixed(1) : value.toFixed(0);
  return `${text(median(values))} (${text(Math.min(...values))}–${text(Math.max(...values))})`;
}
