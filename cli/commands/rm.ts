import type { Command } from "commander";
import { Errno, errnoOf, Qt, reasonOf } from "../../9p/mod.ts";
import { Exit } from "../exit.ts";
import { visible, warn } from "../output.ts";
import { reach, type Where, withWhere } from "../reach.ts";
import { cleanPath, removeTree } from "../tree_paths.ts";

interface Options extends Where {
  recursive?: boolean;
  force?: boolean;
}

export function define(command: Command): void {
  withWhere(command)
    .argument("<path...>", "what to remove")
    .option("-r, --recursive", "directories with all that is in them")
    .option("-f, --force", "say nothing about what is not there")
    .addHelpText(
      "after",
      `
Examples:
  lux9 rm /data/old.txt
  lux9 rm -r /data/project`,
    )
    .action(rm);
}

async function rm(paths: string[], options: Options): Promise<void> {
  await using tree = await reach(options);
  let failed = 0;
  for (const path of paths.map(cleanPath)) {
    try {
      if (options.recursive) await removeTree(tree, path);
      else if ((await tree.stat(path)).qid.type & Qt.DIR) {
        throw new Exit("failed", "It is a directory: remove it with all that is in it by -r");
      } else await tree.remove(path);
    } catch (thrown) {
      if (options.force && errnoOf(thrown) === Errno.ENOENT) continue;
      failed++;
      warn(`${visible(path)}: ${reasonOf(thrown)}`);
    }
  }
  if (failed > 0) throw new Exit("failed", "");
}
