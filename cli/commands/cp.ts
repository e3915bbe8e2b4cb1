import type { Command } from "commander";
import { remoteSide } from "../../9p/mod.ts";
import { reach, type Where, withWhere } from "../reach.ts";
import { into, transfer, type TransferOptions } from "../transfer.ts";
import { baseName, cleanPath, isDirectory } from "../tree_paths.ts";

export function define(command: Command): void {
  withWhere(command)
    .argument("<source>", "a file or directory of the tree")
    .argument("<target>", "its copy; a directory that is there gets it under its own name")
    .option("-r, --recursive", "a directory with all that is in it")
    .addHelpText(
      "after",
      `
Examples:
  lux9 cp /data/a.txt /data/b.txt
  lux9 cp -r /data/project /data/backup`,
    )
    .action(cp);
}

async function cp(source: string, target: string, options: Where & TransferOptions): Promise<void> {
  await using tree = await reach(options);
  const side = remoteSide(tree);
  const to = await into(
    { side, path: cleanPath(target) },
    baseName(source),
    (path) => isDirectory(tree, path),
  );
  await transfer({ side, path: cleanPath(source) }, to, options);
}
