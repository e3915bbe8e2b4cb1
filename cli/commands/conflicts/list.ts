import type { Command } from "commander";
import { print, printJson, table, visible } from "../../output.ts";
import { reach, type Where, withWhere } from "../../reach.ts";
import { bytesText } from "../../transfer.ts";
import { conflictsIn } from "./conflicts.ts";

interface Options extends Where {
  volume?: string;
  json?: boolean;
}

export function defineList(command: Command): void {
  withWhere(command)
    .option("--volume <name>", "only of this volume")
    .option("--json", "as JSON")
    .addHelpText("after", "\nExamples:\n  lux9 conflicts ls\n  lux9 conflicts ls --json | jq -r '.[].path'")
    .action(list);
}

async function list({ volume, json, ...where }: Options): Promise<void> {
  await using tree = await reach(where);
  const conflicts = await conflictsIn(tree, volume);
  if (json) return printJson(conflicts);
  if (conflicts.length === 0) return print("There is no conflict");
  const rows = conflicts.map(({ path, lost, sec, size }) => [
    visible(path),
    lost,
    new Date(sec * 1000).toISOString().slice(0, 16),
    bytesText(size),
  ]);
  for (const line of table(rows, [3])) print(line);
}
