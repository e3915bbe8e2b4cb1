/**
 * Runs the suite on our own servers and on diod, and writes the table in docs/conformance.md.
 *
 *     deno run -A tests/conformance/table.ts
 */
import { RULES } from "./rules.ts";
import { type Result, runRules } from "./runner.ts";
import type { Started } from "./subject.ts";
import { hasDiod, startDiod } from "./subjects/diod.ts";
import { startHost } from "./subjects/host.ts";
import { startMem } from "./subjects/mem.ts";
import { startTreeMem, startTreeRoot } from "./subjects/tree.ts";
import { startVolume } from "./subjects/volume.ts";

const PAGE = new URL("../../docs/conformance.md", import.meta.url);
const [START, END] = ["<!-- table: deno run -A tests/conformance/table.ts -->", "<!-- end of table -->"];
const INTRO = `# Who keeps the rules

Each line is a named test of \`tests/conformance\`, run over a socket in every dialect where its rule applies. \`pass\`: in all
of them. \`–\`: not run, for the reason that is given below the table. diod is Debian's, which speaks 9P2000.L only.

    deno run -A tests/conformance/run.ts --start mem
    deno run -A tests/conformance/run.ts tcp!127.0.0.1!5640 --features symlinks,hardLinks,xattrs

`;

/** The columns, each from one or several runs. */
const COLUMNS: Record<string, (() => Promise<Started>)[]> = {
  mem: [startMem],
  host: [startHost],
  volume: [startVolume],
  tree: [startTreeRoot, startTreeMem],
  ...await hasDiod() ? { diod: [startDiod] } : {},
};

const key = ({ id, what }: { id: string; what: string }) => `${id} ${what}`;

async function runColumn(starts: (() => Promise<Started>)[]): Promise<Map<string, Result[]>> {
  const byTest = new Map<string, Result[]>();
  for (const start of starts) {
    const started = await start();
    const results = await runRules(RULES, started);
    await started.close();
    for (const result of results) byTest.set(key(result), [...byTest.get(key(result)) ?? [], result]);
  }
  return byTest;
}

function cell(results: readonly Result[]): string {
  const failed = results.filter(({ outcome }) => outcome === "FAIL");
  const passed = results.filter(({ outcome }) => outcome === "pass");
  if (failed.length === 0) return passed.length > 0 ? "pass" : "–";
  if (passed.length === 0) return "**fails**";
  return `**fails** in ${[...new Set(failed.map(({ dialect }) => dialect))].join(", ")}`;
}

const escape = (text: string) =>
  text.replaceAll("|", "\\|").replaceAll("*", "\\*").replaceAll("~", "\\~").replaceAll("<", "\\<");

function sums(column: string, results: Map<string, Result[]>): string {
  const all = [...results.values()].flat();
  const count = (outcome: Result["outcome"]) => all.filter((result) => result.outcome === outcome).length;
  return `| ${column} | ${count("pass")} | ${count("FAIL")} | ${count("skip")} |`;
}

/** Why tests were skipped altogether, each reason with its rules. */
function skips(column: string, results: Map<string, Result[]>): string[] {
  const rules = new Map<string, Set<string>>();
  for (const runs of results.values()) {
    if (!runs.every(({ outcome }) => outcome === "skip")) continue;
    for (const { id, reason } of runs) rules.set(reason, (rules.get(reason) ?? new Set()).add(id));
  }
  return [...rules].map(([reason, ids]) => `- ${column}, ${[...ids].sort().join(" ")}: ${escape(reason)}`);
}

/** What went wrong, for each test that failed. */
function failures(column: string, results: Map<string, Result[]>): string[] {
  return [...results.values()].flat().filter(({ outcome }) => outcome === "FAIL").map((
    { id, what, dialect, reason },
  ) => `- ${column}, ${id} ${escape(what)} (${dialect}): ${escape(reason)}`);
}

const columns = Object.keys(COLUMNS);
const runs = new Map<string, Map<string, Result[]>>();
for (const [column, starts] of Object.entries(COLUMNS)) {
  console.log(`${column} …`);
  runs.set(column, await runColumn(starts));
}

const tests = [...new Map(RULES.map((rule) => [key(rule), rule])).values()];
const table = [
  "| server | passed | failed | skipped |",
  "| --- | --- | --- | --- |",
  ...columns.map((column) => sums(column, runs.get(column)!)),
  "",
  `| rule | what | ${columns.join(" | ")} |`,
  `| --- | --- | ${columns.map(() => "---").join(" | ")} |`,
  ...tests.map((test) =>
    `| ${test.id} | ${escape(test.what)} | ${
      columns.map((column) => cell(runs.get(column)!.get(key(test)) ?? [])).join(" | ")
    } |`
  ),
  "",
  "## Not run",
  "",
  ...columns.flatMap((column) => skips(column, runs.get(column)!)),
  "",
  "## What failed",
  "",
  ...columns.flatMap((column) => failures(column, runs.get(column)!)),
].join("\n");

let page: string;
try {
  page = await Deno.readTextFile(PAGE);
} catch {
  page = `${INTRO}${START}\n${END}\n`;
}
const [from, to] = [page.indexOf(START), page.indexOf(END)];
if (from < 0 || to < from) throw new Error(`${PAGE.pathname} lost its marks ${START} and ${END}`);
await Deno.mkdir(new URL(".", PAGE), { recursive: true });
await Deno.writeTextFile(PAGE, `${page.slice(0, from)}${START}\n\n${table}\n\n${page.slice(to)}`);
console.log(columns.map((column) => sums(column, runs.get(column)!)).join("\n"));
