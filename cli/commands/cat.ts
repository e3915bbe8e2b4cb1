import type { Command } from "commander";
import { NineError, pieces, reasonOf, type Tree } from "../../9p/mod.ts";
import { Exit } from "../exit.ts";
import { printBytes, visible, warn } from "../output.ts";
import { reach, type Where, withWhere } from "../reach.ts";

export function define(command: Command): void {
  withWhere(command)
    .argument("<path...>", "the files to print")
    .addHelpText(
      "after",
      `
Examples:
  lux9 cat /status
  lux9 cat /data/notes.md | less`,
    )
    .action(cat);
}

async function cat(paths: string[], options: Where): Promise<void> {
  await using tree = await reach(options);
  let failed = 0;
  for (const path of paths) {
    try {
      await printFile(tree, path);
    } catch (thrown) {
      failed++;
      warn(`${visible(path)}: ${reasonOf(thrown)}`);
    }
  }
  if (failed > 0) throw new Exit("failed", "");
}

/** The whole file to the standard output. */
export async function printFile(tree: Tree, path: string): Promise<void> {
  await using file = await tree.open(path);
  if (file.isDirectory) throw new NineError("EISDIR", "It is a directory: list it by lux9 ls");
  const { size } = await file.getattr();
  for await (const piece of pieces(file, { size })) printBytes(piece);
}
