import type { Command } from "commander";
import { control, orderFlags, type OrderOptions } from "../control.ts";
import { type Where, withWhere } from "../reach.ts";

export function define(command: Command): void {
  // As in Plan 9, -a is "after" here.
  withWhere(command, "--addr <address>")
    .argument("<old>", "the place that is shown")
    .argument("<new>", "the place where it appears")
    .option("-b, --before", "before what is there: a union, in which the new one wins")
    .option("-a, --after", "after what is there")
    .option("-c, --create", "new files of the union are made in this one")
    .addHelpText(
      "after",
      `
A bind lasts until the node ends; what should always be there belongs into its lux9.yaml.

Examples:
  lux9 bind /data/photos /photos
  lux9 bind -b -c /data/mine /data/shared
  lux9 bind --addr 'tcp!host!5640' /data /d         another node, by --addr: -a means after here`,
    )
    .action(bind);
}

async function bind(old: string, place: string, options: Where & OrderOptions): Promise<void> {
  await control(["bind", ...orderFlags(options), old, place], options);
}
