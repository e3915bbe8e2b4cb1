import type { Command } from "commander";
import { order } from "../../control.ts";
import { statusOf, TRANSLATORS_CTL } from "../../modules/installed.ts";
import { print } from "../../output.ts";
import { reach, type Where, withWhere } from "../../reach.ts";

export function defineRevoke(command: Command): void {
  withWhere(command)
    .argument("<name>", "an installed module")
    .addHelpText(
      "after",
      "\nRuns that are under way keep what they have.\n\nExamples:\n  lux9 translator revoke template",
    )
    .action(revoke);
}

async function revoke(name: string, where: Where): Promise<void> {
  await using tree = await reach(where);
  const { hash, grants } = await statusOf(tree, name);
  await order(tree, ["revoke", name, hash], TRANSLATORS_CTL);
  print(
    grants.length === 0 ? `${name} had been granted nothing` : `${name} has nothing beyond its input now`,
  );
}
