import type { Command } from "commander";
import { Errno, errnoOf, namesOf, pathOf, type Tree } from "../../9p/mod.ts";
import { Exit } from "../exit.ts";
import { onPath } from "../on_path.ts";
import { reach, type Where, withWhere } from "../reach.ts";
import { isDirectory } from "../tree_paths.ts";

interface Options extends Where {
  parents?: boolean;
  mode: string;
}

export function define(command: Command): void {
  withWhere(command)
    .argument("<path...>", "the directories to make")
    .option("-p, --parents", "also those above; one that is there is no error")
    .option("-m, --mode <octal>", "permissions", "755")
    .addHelpText(
      "after",
      `
Examples:
  lux9 mkdir /data/project
  lux9 mkdir -p -m 700 /data/a/b/c`,
    )
    .action(mkdir);
}

async function mkdir(paths: string[], options: Options): Promise<void> {
  if (!/^[0-7]{1,4}$/.test(options.mode)) {
    throw new Exit("usage", `--mode ${options.mode}: write permissions in octal, as 755`);
  }
  const mode = parseInt(options.mode, 8);
  await using tree = await reach(options);
  for (const path of paths) {
    await onPath(path, () => options.parents ? mkdirs(tree, namesOf(path), mode) : tree.mkdir(path, mode));
  }
}

async function mkdirs(tree: Tree, names: readonly string[], mode: number): Promise<void> {
  for (let depth = 1; depth <= names.length; depth++) {
    const path = pathOf(names.slice(0, depth));
    try {
      await tree.mkdir(path, depth === names.length ? mode : 0o755);
    } catch (thrown) {
      const mayBeThere = errnoOf(thrown) === Errno.EEXIST || errnoOf(thrown) === Errno.EACCES ||
        errnoOf(thrown) === Errno.EROFS;
      if (!mayBeThere || !await isDirectory(tree, path)) throw thrown;
    }
  }
}
