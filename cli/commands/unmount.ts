import type { Command } from "commander";
import { control } from "../control.ts";
import { type Where, withWhere } from "../reach.ts";

export function define(command: Command): void {
  withWhere(command)
    .argument("<old-or-new>", "the place, or what was bound or imported there")
    .argument("[new]", "the place, where one of several is meant")
    .addHelpText(
      "after",
      `
This is for the node's own tree; a mounted folder of this machine is taken off by lux9 umount.

Examples:
  lux9 unmount /photos
  lux9 unmount /data/mine /data/shared`,
    )
    .action(unmount);
}

async function unmount(first: string, second: string | undefined, options: Where): Promise<void> {
  await control(["unmount", first, ...(second === undefined ? [] : [second])], options);
}
