import type { Command } from "commander";
import { order } from "../../control.ts";
import { Exit } from "../../exit.ts";
import { statusOf, TRANSLATORS_CTL } from "../../modules/installed.ts";
import { requestText } from "../../modules/requests.ts";
import { print, visible } from "../../output.ts";
import { reach, type Where, withWhere } from "../../reach.ts";

export function defineAllow(command: Command): void {
  withWhere(command)
    .argument("<name>", "an installed module")
    .option("-y, --yes", "without asking")
    .addHelpText(
      "after",
      `
Shows what the module's manifest asks for beyond its input, and grants it after a yes. The grant is this node's own and of
this very content: a module that changes has nothing again. With files granted, its results are not kept.

Examples:
  lux9 translator allow template
  lux9 translator allow template --yes`,
    )
    .action(allow);
}

async function allow(name: string, { yes, ...where }: Where & { yes?: boolean }): Promise<void> {
  await using tree = await reach(where);
  const { version, hash, requests, grants } = await statusOf(tree, name);
  if (requests.length === 0) {
    return print(`${name} asks for nothing beyond its input: there is nothing to allow`);
  }
  print(`${name} ${visible(version)}, sha256 ${hash}, asks`);
  for (const request of requests) print(`  ${requestText(request)}`);
  if (grants.length === requests.length) return print("That is granted already");
  if (!yes && !Deno.stdin.isTerminal()) {
    throw new Exit(
      "usage",
      `Nothing was granted: say lux9 translator allow ${name} --yes, or call it from a terminal`,
    );
  }
  if (!yes && !confirm("Grant that?")) throw new Exit("failed", "Nothing was granted");
  // With the hash: what is granted is what was shown, and nothing that came in between.
  await order(tree, ["allow", name, hash], TRANSLATORS_CTL);
  print("Granted");
}
