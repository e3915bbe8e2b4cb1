import type { Command } from "commander";
import { escapeLines } from "../../9p/mod.ts";
import { Exit } from "../exit.ts";
import { type Explanation, explanationOf } from "../explanation.ts";
import { print, printJson, table, visible } from "../output.ts";
import { reach, type Where, withWhere } from "../reach.ts";
import { durationText } from "../trace/latencies.ts";
import { bytesText } from "../transfer.ts";
import { cleanPath } from "../tree_paths.ts";

interface Options extends Where {
  json?: boolean;
}

const FROM: Readonly<Record<Explanation["stages"][number]["from"], string>> = {
  cache: "from the cache",
  run: "run",
  running: "run of another reader",
  waiting: "not run",
};
const HASH_CHARS = 12;

export function define(command: Command): void {
  withWhere(command)
    .argument("<path>", "a computed file: what a recipe makes, or a path below /x")
    .option("--json", "as JSON")
    .addHelpText(
      "after",
      `
The file is evaluated for that. Shown are the inputs as they are now and what each module did: whether its result was kept
already or it ran, how long, with how much fuel and memory, and how much came out. Times of what comes from the cache are
those of the run that made it. Exit code 1 where it fails, with the reason.

Examples:
  lux9 explain /data/sensors/today.json
  lux9 explain /x/csv2json,jq:length/data/sensors/today.csv
  lux9 explain --json /data/report.html | jq '.stages[] | {name, from}'`,
    )
    .action(explain);
}

async function explain(path: string, { json, ...where }: Options): Promise<void> {
  await using tree = await reach(where);
  const clean = cleanPath(path);
  const found = await explanationOf(tree, clean);
  if (json) {
    printJson(
      found.computed
        ? { ...found.explanation, path: clean, computed: true }
        : { path: clean, computed: false },
    );
  } else if (!found.computed) {
    print(`${visible(clean)}: ${found.what}`);
  } else show(clean, found.explanation);
  if (found.computed && found.explanation.failure !== undefined) throw new Exit("failed", "");
}

function show(path: string, { inputs, stages, size, hash, failure }: Explanation): void {
  print(
    size === undefined
      ? `${visible(path)}: computed, and it fails`
      : `${visible(path)}: computed, ${bytesText(size)}, sha256 ${shortHash(hash)}`,
  );
  print("");
  print(inputs.length === 1 ? "1 input" : `${inputs.length} inputs`);
  const rows = inputs.map((
    { path, hash, size, version },
  ) => [`  ${visible(path)}`, bytesText(size), `version ${version}`, `sha256 ${shortHash(hash)}`]);
  for (const line of table(rows, [1])) print(line);
  print("");
  print(stages.length === 1 ? "1 module" : `${stages.length} modules, in this order`);
  table(stages.map(stageRow), [2, 3, 4, 5]).forEach((line, i) => {
    print(line);
    if (stages[i].args.length > 0) print(`      ${stages[i].args.map(visible).join(" ")}`);
  });
  if (failure !== undefined) print(`\n${escapeLines(failure)}`);
}

function stageRow({ name, version, from, about }: Explanation["stages"][number]): string[] {
  const costs = about === undefined ? ["", "", "", ""] : [
    durationText(about.wallUs),
    about.fuel === 0 ? "fuel not counted" : `fuel ${about.fuel}`,
    `memory ${bytesText(about.memoryBytes)}`,
    `${bytesText(about.size)} out`,
  ];
  return [`  ${visible(name)} ${visible(version)}`, FROM[from], ...costs];
}

function shortHash(hash = ""): string {
  return visible(hash.slice(0, HASH_CHARS));
}
