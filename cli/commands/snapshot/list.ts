import type { Command } from "commander";
import { print, printJson, table, visible } from "../../output.ts";
import { reach, type Where, withWhere } from "../../reach.ts";
import { volumeOf } from "../../volume_status.ts";

interface Options extends Where {
  json?: boolean;
}

export function defineList(command: Command): void {
  withWhere(command)
    .argument("<volume>", "as lux9 volume ls has it")
    .option("--json", "as JSON")
    .addHelpText(
      "after",
      "\nExamples:\n  lux9 snapshot ls data\n  lux9 snapshot ls data --json | jq -r '.[].name'",
    )
    .action(list);
}

async function list(volume: string, { json, ...where }: Options): Promise<void> {
  await using tree = await reach(where);
  const { snapshots } = await volumeOf(tree, volume);
  if (json) return printJson(snapshots);
  if (snapshots.length === 0) {
    return print(`${volume} has no snapshots: lux9 snapshot create ${volume} NAME makes one`);
  }
  for (const line of table(snapshots.map(({ name, time, by }) => [visible(name), time, visible(by)]))) {
    print(line);
  }
}
