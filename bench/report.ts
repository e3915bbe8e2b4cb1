import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { Case } from "./cases.ts";
import type { Figures } from "./load9p.ts";

export interface NodeFigures {
  /** From spawning `./lux9 up` to the first Rattach. */
  readonly firstAnswerMs: number;
  /** Resident memory of a node that nobody uses. */
  readonly idleMegabytes: number;
}

export interface Report {
  /** By case and subject, one entry a round. */
  readonly measured: ReadonlyMap<Case, ReadonlyMap<string, readonly Figures[]>>;
  readonly node: NodeFigures;
  readonly rounds: number;
  readonly seconds: number;
  readonly folder: string;
  /** All cases were measured, so the published table may be replaced. */
  readonly whole: boolean;
}

export const FIRST_ANSWER_MS_MAX = 500;
export const IDLE_MEGABYTES_MAX = 90;

/** Prints the table, keeps every figure as JSON, and after a whole run writes the table into docs/benchmarks.md. */
export async function writeReport(report: Report): Promise<void> {
  const text = [await machine(report), comparison(report), latency(report), node(report)].join("\n\n");
  console.log(text);
  const cases = [...report.measured].map(([tested, bySubject]) => ({
    ...tested,
    ...Object.fromEntries(bySubject),
  }));
  const json = JSON.stringify({ at: new Date().toISOString(), ...report, measured: cases }, null, 1);
  await Deno.writeTextFile(join(report.folder, "latest.json"), json + "\n");
  if (report.whole) await publish("bench-9p", text);
}

export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

function comparison({ measured }: Report): string {
  const hasEngine = [...measured.values()].some((bySubject) => bySubject.has("engine"));
  const head = ["tree", "operation", "in flight", "diod /s", "Lux9 /s", "ratio", "target", "met"];
  if (hasEngine) head.push("engine alone /s");
  const rows = [...measured].map(([{ tree, what, depth, target, oneCore }, bySubject]) => {
    const rates = (name: string) => (bySubject.get(name) ?? []).map(({ opsPerSecond }) => opsPerSecond);
    const [ours, theirs] = [rates("lux9"), rates("diod")];
    const ratio = median(ours.map((rate, round) => rate / theirs[round]));
    const isCompared = Number.isFinite(ratio);
    const row = [
      tree,
      what,
      oneCore ? `${depth}, one core` : `${depth}`,
      perSecond(median(theirs)),
      perSecond(median(ours)),
      isCompared ? ratio.toFixed(2) : "",
      target === undefined ? "" : target.toFixed(1),
      target === undefined || !isCompared ? "" : ratio >= target ? "yes" : "**no**",
    ];
    if (hasEngine) row.push(perSecond(median(rates("engine"))));
    return row;
  });
  return table(head, rows);
}

/** One request at a time: what a mounted tree feels. */
function latency({ measured }: Report): string {
  const rows: string[][] = [];
  for (const [{ tree, op, depth, oneCore }, bySubject] of measured) {
    const echo = bySubject.get("echo");
    if (op !== "stat" || depth !== 1 || !echo) continue;
    // From the rate: load9p rounds its own median to whole microseconds.
    const meanUs = (figures: readonly Figures[]) =>
      1e6 / median(figures.map(({ opsPerSecond }) => opsPerSecond));
    const over = (figures: readonly Figures[]) =>
      median(figures.map(({ opsPerSecond }, round) => 1e6 / opsPerSecond - 1e6 / echo[round].opsPerSecond));
    for (const [subject, figures] of bySubject) {
      rows.push([
        subject === "echo" ? "bare Deno echo" : subject,
        subject === "echo" ? "" : tree,
        oneCore ? "one core" : "free",
        meanUs(figures).toFixed(1),
        subject === "echo" ? "" : over(figures).toFixed(1),
      ]);
    }
  }
  if (rows.length === 0) return "";
  return `One getattr at a time:\n\n${
    table(["subject", "tree", "placement", "mean us", "over the echo, us"], rows)
  }`;
}

function node({ node: { firstAnswerMs, idleMegabytes } }: Report): string {
  return table(["node", "measured", "target", "met"], [
    [
      "start of `./lux9 up` to the first answer",
      `${firstAnswerMs.toFixed(0)} ms`,
      `${FIRST_ANSWER_MS_MAX} ms`,
      firstAnswerMs <= FIRST_ANSWER_MS_MAX ? "yes" : "**no**",
    ],
    [
      "resident memory when idle",
      `${idleMegabytes.toFixed(0)} MB`,
      `${IDLE_MEGABYTES_MAX} MB`,
      idleMegabytes <= IDLE_MEGABYTES_MAX ? "yes" : "**no**",
    ],
  ]);
}

async function machine({ rounds, seconds }: Report): Promise<string> {
  const { stdout } = await new Deno.Command("dpkg-query", { args: ["-W", "-f", "${Version}", "diod"] })
    .output()
    .catch(() => ({ stdout: new Uint8Array() }));
  return `Deno ${Deno.version.deno}, diod ${
    new TextDecoder().decode(stdout) || "none"
  }, Linux ${Deno.osRelease()}, ` +
    `${navigator.hardwareConcurrency} cores (${cpuName()}); medians of ${rounds} rounds of ${seconds} s, ` +
    `loopback TCP, 9P2000.L, msize 65,536. The load average at the end was ${
      Deno.loadavg()[0].toFixed(1)
    }; the ` +
    `benchmark alone makes it about 1.5.`;
}

const END = "<!-- to here -->";

/** Writes what a task has measured into docs/benchmarks.md, between its marks. */
export async function publish(task: string, text: string): Promise<void> {
  const file = fileURLToPath(new URL("../docs/benchmarks.md", import.meta.url));
  const mark = `<!-- deno task ${task} writes from here -->`;
  const old = await Deno.readTextFile(file);
  const begin = old.indexOf(mark);
  const end = old.indexOf(END, begin);
  if (begin < 0 || end < 0) throw new Error(`${file} has lost its marks: ${mark} … ${END}`);
  await Deno.writeTextFile(file, `${old.slice(0, begin + mark.length)}\n\n${text}\n\n${old.slice(end)}`);
}

export function cpuName(): string {
  return /^model name\s*: (.*)$/m.exec(Deno.readTextFileSync("/proc/cpuinfo"))?.[1] ?? "unknown processor";
}

export function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const widths = head.map((_, i) => Math.max(...[head, ...rows].map((row) => row[i].length)));
  const line = (row: readonly string[]) => `| ${row.map((cell, i) => cell.padEnd(widths[i])).join(" | ")} |`;
  return [line(head), line(widths.map((width) => "-".repeat(width))), ...rows.map(line)].join("\n");
}

function perSecond(rate: number): string {
  if (!Number.isFinite(rate)) return "";
  return rate >= 1000 ? Math.round(rate).toLocaleString("en-US") : rate.toFixed(1);
}
