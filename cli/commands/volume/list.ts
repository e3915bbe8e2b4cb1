import type { Command } from "commander";
import { print, printJson, table, visible } from "../../output.ts";
import { reach, type Where, withWhere } from "../../reach.ts";
import { bytesText } from "../../transfer.ts";
import { volumesOf } from "../../volume_status.ts";

interface Options extends Where {
  json?: boolean;
}

export function defineList(command: Command): void {
  withWhere(command)
    .option("--json", "as JSON")
    .addHelpText("after", "\nExamples:\n  lux9 volume ls\n  lux9 volume ls --json | jq -r '.[].name'")
    .action(list);
}

async function list({ json, ...where }: Options): Promise<void> {
  await using tree = await reach(where);
  const volumes = await volumesOf(tree);
  if (json) return printJson(volumes);
  if (volumes.length === 0) return print("The node has no volume: lux9 volume create NAME makes one");
  const lines = volumes.map(({ name, at, files, contentBytes, trouble }) => [
    name,
    at.map(visible).join(" "),
    `${files} files`,
    bytesText(contentBytes),
    trouble === undefined ? "" : visible(trouble),
  ]);
  for (const line of table(lines, [2, 3])) print(line);
}
