import type { Command } from "commander";
import { Errno, errnoOf, NineError, pieces, reasonOf, type Tree } from "../../9p/mod.ts";
import { Exit } from "../exit.ts";
import { printBytes, visible, warn } from "../output.ts";
import { reach, type Where, withWhere } from "../reach.ts";
import { versionPath } from "../versions.ts";

export function define(command: Command): void {
  withWhere(command)
    .argument("<path...>", "the files to print")
    .addHelpText(
      "after",
      `
Examples:
  lux9 cat /status
  lux9 cat /data/notes.md | less
  lux9 cat /data/notes.md@1042       a version that lux9 history lists`,
    )
    .action(cat);
}

async function cat(paths: string[], options: Where): Promise<void> {
  await using tree = await reach(options);
  let failed = 0;
  for (const path of paths) {
    try {
      await printVersion(tree, path);
    } catch (thrown) {
      failed++;
      warn(`${visible(path)}: ${reasonOf(thrown)}`);
    }
  }
  if (failed > 0) throw new Exit("failed", "");
}

/** A file of that name comes first, then a version of another. */
async function printVersion(tree: Tree, path: string): Promise<void> {
  try {
    return await printFile(tree, path);
  } catch (thrown) {
    const version = errnoOf(thrown) === Errno.ENOENT ? await versionPath(tree, path) : undefined;
    if (version === undefined) throw thrown;
    return await printFile(tree, version);
  }
}

/** The whole file to the standard output. */
export async function printFile(tree: Tree, path: string): Promise<void> {
  await using file = await tree.open(path);
  if (file.isDirectory) throw new NineError("EISDIR", "It is a directory: list it by lux9 ls");
  const { size } = await file.getattr();
  for await (const piece of pieces(file, { size })) printBytes(piece);
}
