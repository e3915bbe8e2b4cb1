import type { Command } from "commander";
import { copyTree, Errno, errnoOf, remoteSide } from "../../9p/mod.ts";
import { onPath } from "../on_path.ts";
import { reach, type Where, withWhere } from "../reach.ts";
import { baseName, cleanPath, isDirectory, removeTree } from "../tree_paths.ts";

export function define(command: Command): void {
  withWhere(command)
    .argument("<source>", "what to move")
    .argument("<target>", "its new path; a directory that is there gets it under its own name")
    .addHelpText(
      "after",
      `
Where the server cannot rename from the one place to the other, the files are copied and the old ones removed.

Examples:
  lux9 mv /data/draft.md /data/final.md
  lux9 mv /data/final.md /data/done`,
    )
    .action(mv);
}

async function mv(source: string, target: string, options: Where): Promise<void> {
  await using tree = await reach(options);
  const from = cleanPath(source);
  const asked = cleanPath(target);
  const to = await isDirectory(tree, asked) ? `${asked === "/" ? "" : asked}/${baseName(source)}` : asked;
  try {
    await onPath(`${from} to ${to}`, () => tree.rename(from, to));
  } catch (thrown) {
    if (errnoOf(thrown) !== Errno.EXDEV) throw thrown;
    const side = remoteSide(tree);
    await copyTree({ side, path: from }, { side, path: to });
    await removeTree(tree, from);
  }
}
