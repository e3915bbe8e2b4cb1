import type { Command } from "commander";
import { order } from "../../control.ts";
import { print, shellWord, visible } from "../../output.ts";
import { reach, type Where, withWhere } from "../../reach.ts";
import { volumeOf } from "../../volume_status.ts";
import { checkSnapshot } from "./names.ts";

/** A snapshot's name has at most 200 characters. */
const NAME_MAX = 150;

export function defineRestore(command: Command): void {
  withWhere(command)
    .argument("<volume>", "as lux9 volume ls has it")
    .argument("<name>", "the snapshot to go back to")
    .argument(
      "[path]",
      "a file or a folder, from the volume's root on or as the node shows it; without it, everything",
    )
    .addHelpText(
      "after",
      `
It is one change: nobody sees a part of it, and after a crash all of it is there or nothing. What was removed is back with
contents, modes, owners, times and attributes, names that were made since are gone, and files that are open go on. How the
volume was before is a snapshot of its own, which takes everything back. A folder becomes what it was: what was moved out of it stays
where it is now, and a copy of what it was takes its old place.

Examples:
  lux9 snapshot restore data monday docs/plan.md
  lux9 snapshot restore data monday /data/docs
  lux9 snapshot restore data monday`,
    )
    .action(restore);
}

async function restore(volume: string, name: string, path: string | undefined, where: Where): Promise<void> {
  await using tree = await reach(where);
  const { at, snapshots } = await volumeOf(tree, volume);
  checkSnapshot(volume, name, snapshots);
  const inside = insideOf(path ?? "", at);
  const time = new Date().toISOString().slice(0, 23).replaceAll(":", ".");
  const before = `before-${name.slice(0, NAME_MAX)}-${time}`;
  await order(
    tree,
    ["snapshot", "restore", volume, name, before, ...(inside === "" ? [] : [inside])],
    "/ctl",
  );
  const what = inside === "" ? `The volume ${volume}` : visible(`/${inside}`);
  print(`${what} is as it was in ${visible(name)}`);
  print(
    `How it was before is a snapshot: lux9 snapshot restore ${volume} ${shellWord(before)} takes it back`,
  );
}

/** The path from the volume's root on, of one that may begin with where the volume is mounted. */
function insideOf(path: string, at: readonly string[]): string {
  const mount = at.find((mount) => path === mount || path.startsWith(`${mount}/`));
  return path.slice(mount?.length ?? 0).split("/").filter((name) => name !== "" && name !== ".").join("/");
}
