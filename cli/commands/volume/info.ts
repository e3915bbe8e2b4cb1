import type { Command } from "commander";
import { escapeJson } from "../../../9p/mod.ts";
import { print, printJson, table, visible } from "../../output.ts";
import { reach, type Where, withWhere } from "../../reach.ts";
import { volumeOf } from "./volumes.ts";

interface Options extends Where {
  json?: boolean;
}

export function defineInfo(command: Command): void {
  withWhere(command)
    .argument("<name>", "the volume, as lux9 volume ls has it")
    .option("--json", "as JSON")
    .addHelpText(
      "after",
      "\nExamples:\n  lux9 volume info data\n  lux9 volume info data --json | jq .logBytes",
    )
    .action(info);
}

async function info(name: string, { json, ...where }: Options): Promise<void> {
  await using tree = await reach(where);
  const found = await volumeOf(tree, name);
  if (json) return printJson(found);
  const rows = Object.entries({ ...found, snapshots: found.snapshots.length }).map((
    [key, value],
  ) => [key, textOf(value)]);
  for (const line of table(rows)) print(line);
}

function textOf(value: unknown): string {
  if (Array.isArray(value)) return value.map(textOf).join(", ");
  return visible(typeof value === "string" ? value : escapeJson(value));
}
