import { basename, resolve } from "node:path";
import type { Command } from "commander";
import { localSide, remoteSide } from "../../9p/mod.ts";
import { onPath } from "../on_path.ts";
import { reach, type Where, withWhere } from "../reach.ts";
import { into, transfer, type TransferOptions } from "../transfer.ts";
import { cleanPath, isDirectory } from "../tree_paths.ts";

export function define(command: Command): void {
  withWhere(command)
    .argument("<file>", "a file or folder of this machine, `-` for the standard input")
    .argument("<path>", "where to in the tree; a directory that is there gets it under its own name")
    .option("-r, --recursive", "a folder with all that is in it")
    .addHelpText(
      "after",
      `
Permissions are kept, and with -r times as well. A link is copied as a link.

Examples:
  lux9 put notes.md /data/
  date | lux9 put - /data/now
  lux9 put -r ~/Pictures /data`,
    )
    .action(put);
}

async function put(file: string, path: string, options: Where & TransferOptions): Promise<void> {
  await using tree = await reach(options);
  if (file === "-") return await onPath(path, () => tree.writeFile(path, Deno.stdin));
  const source = { side: localSide(), path: resolve(file) };
  const target = { side: remoteSide(tree), path: cleanPath(path) };
  await transfer(
    source,
    await into(target, basename(source.path), (path) => isDirectory(tree, path)),
    options,
  );
}
