import { resolve } from "node:path";
import type { Command } from "commander";
import { formatAddress, parseAddress, reasonOf } from "../../9p/mod.ts";
import { control, orderFlags, type OrderOptions } from "../control.ts";
import { Exit } from "../exit.ts";
import { type Where, withWhere } from "../reach.ts";

interface Options extends Where, OrderOptions {
  tree?: string;
}

export function define(command: Command): void {
  // As in Plan 9, -a is "after" here.
  withWhere(command, "--addr <address>")
    .argument("<address>", "a 9P server: tcp!host!port, host:port, unix!/path or /path")
    .argument("<new>", "the place where its tree appears")
    .option("-b, --before", "before what is there: a union, in which the new one wins")
    .option("-a, --after", "after what is there")
    .option("-c, --create", "new files of the union are made in this one")
    .option("--tree <aname>", "which of the server's trees")
    .addHelpText(
      "after",
      `
The node connects, not this command: the address is as the node sees it. --addr is the node to tell.

Examples:
  lux9 import 'tcp!fileserver!564' /n/files
  lux9 import --tree /srv/music 'tcp!box!564' /n/music`,
    )
    .action(importTree);
}

async function importTree(address: string, place: string, options: Options): Promise<void> {
  const tree = options.tree === undefined ? [] : [options.tree];
  await control(["import", ...orderFlags(options), dialString(address), place, ...tree], options);
}

/** Paths are made absolute: the node has another working directory. */
function dialString(text: string): string {
  try {
    const address = parseAddress(text);
    return formatAddress(address.net === "unix" ? { net: "unix", path: resolve(address.path) } : address);
  } catch (thrown) {
    throw new Exit("usage", reasonOf(thrown));
  }
}
