import type { Command } from "commander";
import { onPath } from "../../on_path.ts";
import { print, visible } from "../../output.ts";
import { reach, type Where, withWhere } from "../../reach.ts";
import { conflictAt, isThere } from "./conflicts.ts";

interface Options extends Where {
  keep?: boolean;
}

export function defineResolve(command: Command): void {
  withWhere(command)
    .argument("<path...>", "conflict files")
    .option("--keep", "let the conflict file take the place of what it lost against")
    .addHelpText(
      "after",
      `
Without --keep the conflict file is removed, as by rm, and what won stays. What was removed is in the file's history either way.

Examples:
  lux9 conflicts resolve /data/plan.md.conflict-Qm4-1c2d3e4f
  lux9 conflicts resolve --keep /data/plan.ods.conflict-Qm4-1c2d3e4f`,
    )
    .action(resolve);
}

async function resolve(paths: readonly string[], { keep, ...where }: Options): Promise<void> {
  await using tree = await reach(where);
  for (const path of paths) {
    const { of } = await onPath(path, () => conflictAt(tree, path));
    if (keep) {
      await onPath(path, () => tree.rename(path, of));
      print(`${visible(of)} is what was in ${visible(path)}`);
    } else {
      await onPath(path, () => tree.remove(path));
      const rest = await onPath(of, () => isThere(tree, of)) ? "stays" : "was gone before";
      print(`${visible(path)} is gone, ${visible(of)} ${rest}`);
    }
  }
}
