import type { Command } from "commander";
import { control } from "../../control.ts";
import { Exit } from "../../exit.ts";
import { checkHome, homeOf } from "../../home.ts";
import { takeHome } from "../../node/running.ts";
import { checkVolumeName, removeVolume } from "../../node/volumes.ts";
import { print } from "../../output.ts";
import { type Where, withWhere } from "../../reach.ts";

interface Options extends Where {
  yes?: boolean;
}

export function defineRemove(command: Command): void {
  withWhere(command)
    .argument("<name>", "the volume, as lux9 volume ls has it")
    .option("--yes", "it is to go, with all its files, history and snapshots, and nothing takes that back")
    .addHelpText(
      "after",
      `
While the node serves the volume, it stays: take it off its place first, or stop the node. One that lux9.yaml names is made anew at the next start.

Examples:
  lux9 unmount /vol/notes && lux9 volume rm notes --yes`,
    )
    .action(remove);
}

async function remove(name: string, { yes, ...where }: Options): Promise<void> {
  checkVolumeName(name);
  if (!yes) {
    throw new Exit(
      "usage",
      `All files of ${name}, its history and its snapshots would go for good: say --yes if they are to`,
    );
  }
  if (where.addr !== undefined) await control(["volume", "rm", name], where);
  else await removeHere(name, where);
  print(`The volume ${name} is gone`);
}

/** By the node that runs on the home, or by itself while none does. */
async function removeHere(name: string, where: Where): Promise<void> {
  const home = homeOf(where.home);
  checkHome(home);
  const taken = await takeHome(home);
  if (taken.by === "command") throw taken.busy;
  if (taken.by === "node") return await control(["volume", "rm", name], where);
  try {
    await removeVolume(home, name);
  } finally {
    taken.lock.release();
  }
}
