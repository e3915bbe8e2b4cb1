import type { Command } from "commander";
import { control } from "../../control.ts";
import { type Where, withWhere } from "../../reach.ts";

export function defineRemove(command: Command): void {
  withWhere(command)
    .argument("<volume>", "as lux9 volume ls has it")
    .argument("<name...>", "the snapshots to remove")
    .addHelpText("after", "\nExamples:\n  lux9 snapshot rm data monday tuesday")
    .action(remove);
}

async function remove(volume: string, names: string[], where: Where): Promise<void> {
  for (const name of names) await control(["snapshot", "rm", volume, name], where);
}
