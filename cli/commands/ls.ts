import type { Command } from "commander";
import { Qt, reasonOf, type RemoteAttr, type RemoteEntry, Slots, type Tree } from "../../9p/mod.ts";
import { Exit } from "../exit.ts";
import { describe, longRow, typeName } from "../file_text.ts";
import { print, printJson, table, visible, warn } from "../output.ts";
import { reach, type Where, withWhere } from "../reach.ts";

interface Options extends Where {
  long?: boolean;
  directory?: boolean;
  json?: boolean;
}

/** Attributes that are asked for at a time. */
const ASKED_MAX = 64;

export function define(command: Command): void {
  withWhere(command)
    .argument("[path...]", "what to list", ["/"])
    .option("-l, --long", "with type, permissions, owner, size and time")
    .option("-d, --directory", "a directory itself, not what is in it")
    .option("--json", "as JSON")
    .addHelpText(
      "after",
      `
Examples:
  lux9 ls /data
  lux9 ls -l / /log
  lux9 ls -a 'tcp!host!5640' --json /`,
    )
    .action(ls);
}

interface Listed {
  readonly name: string;
  readonly entry?: RemoteEntry;
  readonly attr?: RemoteAttr;
  readonly target?: string;
}

async function ls(paths: string[], options: Options): Promise<void> {
  await using tree = await reach(options);
  const json: unknown[] = [];
  let failed = 0;
  for (const path of paths) {
    try {
      const listed = await list(tree, path, options);
      if (options.json) json.push(...listed.map((one) => jsonOf(path, one)));
      else show(path, listed, paths.length > 1 && !options.directory, options.long ?? false);
    } catch (thrown) {
      failed++;
      warn(`${visible(path)}: ${reasonOf(thrown)}`);
    }
  }
  if (options.json) printJson(json);
  if (failed > 0) throw new Exit("failed", "");
}

async function list(tree: Tree, path: string, { directory, long, json }: Options): Promise<Listed[]> {
  const attr = await tree.stat(path, { follow: !directory });
  if (directory || !(attr.qid.type & Qt.DIR)) {
    return [{ name: path, attr, ...await linkTarget(tree, path, attr) }];
  }
  const entries: RemoteEntry[] = [];
  for await (const entry of tree.list(path)) entries.push(entry);
  entries.sort((a, b) => a.name < b.name ? -1 : 1);
  if (!long && !json) return entries.map((entry) => ({ name: entry.name, entry }));
  const slots = new Slots(ASKED_MAX);
  const listed = await Promise.all(entries.map(async (entry) => {
    const free = await slots.take();
    try {
      const below = `${path}/${entry.name}`;
      const attr = entry.attr ?? await tree.stat(below);
      return { name: entry.name, entry, attr, ...await linkTarget(tree, below, attr) };
    } catch {
      // It has gone since, or may not be asked about: its name is all there is.
      return { name: entry.name, entry };
    } finally {
      free();
    }
  }));
  return listed;
}

async function linkTarget(tree: Tree, path: string, attr: RemoteAttr): Promise<{ target?: string }> {
  if (typeName(attr.mode) !== "symlink" || tree.client.dialect === "9P2000") return {};
  return { target: attr.target ?? await tree.readlink(path) };
}

function show(path: string, listed: readonly Listed[], withTitle: boolean, long: boolean): void {
  if (withTitle) print(`${visible(path)}:`);
  if (long) {
    const rows = listed.map(({ name, attr, entry, target }) =>
      attr ? longRow(name, attr, target) : ["?", "", "", "", "", "", visible(entry?.name ?? name)]
    );
    for (const line of table(rows, [1, 4])) print(line);
  } else {
    for (const { name, entry } of listed) {
      print(visible(name) + (entry && entry.qid.type & Qt.DIR ? "/" : ""));
    }
  }
  if (withTitle) print("");
}

function jsonOf(path: string, { name, attr, entry, target }: Listed): unknown {
  const where = entry ? `${path === "/" ? "" : path}/${name}` : path;
  return attr ? describe(where, attr, target) : { path: where, type: typeName(entry?.mode ?? 0) };
}
