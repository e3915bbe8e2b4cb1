import type { Command } from "commander";
import { type RemoteAttr, S } from "../../9p/mod.ts";
import { describe, modeText, typeName } from "../file_text.ts";
import { print, printJson, table, visible } from "../output.ts";
import { onPath } from "../on_path.ts";
import { reach, type Where, withWhere } from "../reach.ts";

interface Options extends Where {
  follow?: boolean;
  json?: boolean;
}

export function define(command: Command): void {
  withWhere(command)
    .argument("<path...>", "the files to ask about")
    .option("-L, --follow", "what a symbolic link points to")
    .option("--json", "as JSON")
    .addHelpText(
      "after",
      `
Examples:
  lux9 stat /data/notes.md
  lux9 stat --json / | jq .[0].qid`,
    )
    .action(stat);
}

async function stat(paths: string[], { follow, json, ...where }: Options): Promise<void> {
  await using tree = await reach(where);
  const all: Record<string, unknown>[] = [];
  for (const path of paths) {
    const attr: RemoteAttr = await onPath(path, () => tree.stat(path, { follow }));
    const isLink = (attr.mode & S.IFMT) === S.IFLNK && tree.client.dialect !== "9P2000";
    const described = describe(path, attr, isLink ? await tree.readlink(path) : undefined);
    all.push(described);
    if (!json) show(attr, described);
  }
  if (json) printJson(all);
}

function show(attr: RemoteAttr, described: Record<string, unknown>): void {
  const { type, version, path } = attr.qid;
  const rows = Object.entries({
    ...described,
    type: typeName(attr.mode),
    mode: `${modeText(attr.mode)} (${described.mode})`,
    qid: `path ${path} version ${version} type 0x${type.toString(16).padStart(2, "0")}`,
  }).map(([key, value]) => [key, visible(String(value))]);
  for (const line of table(rows)) print(line);
}
