import type { Command } from "commander";
import { control } from "../../control.ts";
import { print } from "../../output.ts";
import { type Where, withWhere } from "../../reach.ts";

export function defineCreate(command: Command): void {
  withWhere(command)
    .argument("<volume>", "as lux9 volume ls has it")
    .argument("<name>", "what to call it")
    .addHelpText("after", "\nExamples:\n  lux9 snapshot create data monday")
    .action(create);
}

async function create(volume: string, name: string, where: Where): Promise<void> {
  await control(["snapshot", "create", volume, name], where);
  print(`The tree as it is now is at /snap/${volume}/${name}`);
}
