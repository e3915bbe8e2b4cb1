import { resolve } from "node:path";
import type { Command } from "commander";
import { localSide, remoteSide } from "../../9p/mod.ts";
import { onPath } from "../on_path.ts";
import { reach, type Where, withWhere } from "../reach.ts";
import { into, transfer, type TransferOptions } from "../transfer.ts";
import { baseName, cleanPath } from "../tree_paths.ts";
import { printFile } from "./cat.ts";

export function define(command: Command): void {
  withWhere(command)
    .argument("<path>", "a file or directory of the tree")
    .argument("[file]", "where to, `-` for the standard output (default: its name, here)")
    .option("-r, --recursive", "a directory with all that is in it")
    .addHelpText(
      "after",
      `
Permissions are kept, and with -r times as well. A link is copied as a link.

Examples:
  lux9 get /data/notes.md
  lux9 get /data/notes.md - | wc
  lux9 get -r /data/photos ~/Pictures`,
    )
    .action(get);
}

async function get(path: string, file: string | undefined, options: Where & TransferOptions): Promise<void> {
  await using tree = await reach(options);
  if (file === "-") return await onPath(path, () => printFile(tree, path));
  const target = { side: localSide(), path: resolve(file ?? ".") };
  const isFolder = async (path: string) =>
    (await Deno.stat(path).catch(() => undefined))?.isDirectory ?? false;
  const source = { side: remoteSide(tree), path: cleanPath(path) };
  await transfer(source, await into(target, baseName(path), isFolder), options);
}
