import type { Command } from "commander";
import { control } from "../../control.ts";
import { print } from "../../output.ts";
import { type Where, withWhere } from "../../reach.ts";

export function defineCreate(command: Command): void {
  withWhere(command)
    .argument("<name>", "letters, digits, dots, underscores and dashes")
    .addHelpText("after", "\nExamples:\n  lux9 volume create notes\n  lux9 ls /vol/notes")
    .action(create);
}

async function create(name: string, where: Where): Promise<void> {
  await control(["volume", "create", name], where);
  print(`The volume ${name} is at /vol/${name}`);
}
