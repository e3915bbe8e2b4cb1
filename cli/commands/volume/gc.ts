import type { Command } from "commander";
import { control } from "../../control.ts";
import { print } from "../../output.ts";
import { reach, type Where, withWhere } from "../../reach.ts";
import { bytesText } from "../../transfer.ts";
import { volumeOf } from "../../volume_status.ts";

export function defineGc(command: Command): void {
  withWhere(command)
    .argument("<name>", "the volume, as lux9 volume ls has it")
    .addHelpText(
      "after",
      `
History that the retention rule does not keep goes, and then the contents that nothing shows any more. What a snapshot holds
stays. The node does so by itself, too.

Examples:
  lux9 volume gc data`,
    )
    .action(gc);
}

async function gc(name: string, where: Where): Promise<void> {
  const bytes = async () => {
    await using tree = await reach(where);
    return (await volumeOf(tree, name)).packBytes;
  };
  const before = await bytes();
  await control(["volume", "gc", name], where);
  const after = await bytes();
  print(`${name}: ${bytesText(before)} of contents before, ${bytesText(after)} after`);
}
