import type { Command } from "commander";
import { reasonOf } from "../../../9p/mod.ts";
import { Exit } from "../../exit.ts";
import { uninstall } from "../../modules/installed.ts";
import { warn } from "../../output.ts";
import { reach, type Where, withWhere } from "../../reach.ts";

export function defineRemove(command: Command): void {
  withWhere(command)
    .argument("<name...>", "which")
    .addHelpText(
      "after",
      `
What it was granted stays granted to its content, for when it is installed again; revoke takes that back.

Examples:
  lux9 translator rm shout
  lux9 translator rm jq csv2json`,
    )
    .action(remove);
}

async function remove(names: string[], where: Where): Promise<void> {
  await using tree = await reach(where);
  let failed = 0;
  for (const name of names) {
    try {
      await uninstall(tree, name);
    } catch (thrown) {
      failed++;
      warn(reasonOf(thrown));
    }
  }
  if (failed > 0) throw new Exit("failed", "");
}
