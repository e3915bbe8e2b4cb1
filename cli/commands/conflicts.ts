import type { Command } from "commander";
import { defineList } from "./conflicts/list.ts";
import { defineResolve } from "./conflicts/resolve.ts";
import { defineShow } from "./conflicts/show.ts";

const COMMANDS: readonly (readonly [string, string, (command: Command) => void])[] = [
  ["ls", "list files that lost against another copy's", defineList],
  ["show", "show what a conflict file lost, and against what", defineShow],
  ["resolve", "end a conflict, on all copies", defineResolve],
];

export function define(command: Command): void {
  command.addHelpText(
    "after",
    `
Where two copies of a volume wrote one file, or made one of the same name, and it is no text that can be merged, one wins, the same on all
copies; the other stays beside it as NAME.conflict-…. Removing that ends the conflict everywhere.

Examples:
  lux9 conflicts ls
  lux9 conflicts show /data/plan.ods.conflict-Qm4-1c2d3e4f
  lux9 conflicts resolve --keep /data/plan.ods.conflict-Qm4-1c2d3e4f`,
  );
  for (const [name, summary, define] of COMMANDS) {
    const description = summary[0].toUpperCase() + summary.slice(1);
    define(command.command(name).summary(summary).description(description));
  }
}
