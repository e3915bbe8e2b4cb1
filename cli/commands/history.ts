import type { Command } from "commander";
import { onPath } from "../on_path.ts";
import { print, printJson, table, visible, warn } from "../output.ts";
import { reach, type Where, withWhere } from "../reach.ts";
import { bytesText } from "../transfer.ts";
import { versionsOf } from "../versions.ts";

interface Options extends Where {
  json?: boolean;
}

export function define(command: Command): void {
  withWhere(command)
    .argument("<path>", "a file in a volume, or where one was")
    .option("--json", "as JSON")
    .addHelpText(
      "after",
      `
Examples:
  lux9 history /data/notes.md
  lux9 cat /data/notes.md@1042        the version of that number

It tells the versions of the file, and of what had its path before; of a path where nothing is any more, too.`,
    )
    .action(history);
}

async function history(path: string, { json, ...where }: Options): Promise<void> {
  await using tree = await reach(where);
  const { versions, more } = await onPath(path, () => versionsOf(tree, path));
  if (json) return printJson(versions);
  const rows = versions.map((
    { version, time, by, size },
  ) => [String(version), time, visible(by), bytesText(size)]);
  for (const line of table(rows, [0, 3])) print(line);
  if (more) warn(`There are older ones than these ${versions.length}`);
}
