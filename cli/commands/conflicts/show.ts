import type { Command } from "commander";
import type { Tree } from "../../../9p/mod.ts";
import { onPath } from "../../on_path.ts";
import { print, visible } from "../../output.ts";
import { findProgram } from "../../programs.ts";
import { reach, type Where, withWhere } from "../../reach.ts";
import { bytesText } from "../../transfer.ts";
import { conflictAt, isThere } from "./conflicts.ts";

/** Larger files are not compared line by line. */
const COMPARED_BYTES_MAX = 1024 * 1024;

export function defineShow(command: Command): void {
  withWhere(command)
    .argument("<path>", "the conflict file")
    .addHelpText("after", "\nExamples:\n  lux9 conflicts show /data/plan.md.conflict-Qm4-1c2d3e4f")
    .action(show);
}

async function show(path: string, where: Where): Promise<void> {
  await using tree = await reach(where);
  const { of, lost, by, sec, size } = await onPath(path, () => conflictAt(tree, path));
  print(`${visible(path)} lost its ${lost} to ${visible(of)}`);
  print(`written ${new Date(sec * 1000).toISOString()} by ${by}, ${bytesText(size)}`);
  if (!await onPath(of, () => isThere(tree, of))) return print(`There is nothing at ${visible(of)} any more`);
  const texts = await Promise.all([of, path].map((each) => textOf(tree, each)));
  if (texts.includes(undefined)) return print("They are no texts, or too long to be compared");
  await compare(texts as string[], [of, path]);
}

async function textOf(tree: Tree, path: string): Promise<string | undefined> {
  try {
    const bytes = await tree.readFile(path, COMPARED_BYTES_MAX);
    const text = new TextDecoder("utf-8", { fatal: true }).decode(bytes);
    return text.includes("\0") ? undefined : text;
  } catch {
    return undefined;
  }
}

/** By diff(1), where there is one. */
async function compare(texts: readonly string[], names: readonly string[]): Promise<void> {
  const diff = findProgram("diff");
  if (diff === undefined) return;
  const folder = await Deno.makeTempDir({ prefix: "lux9-conflict-" });
  try {
    const files = texts.map((text, i) => {
      const file = `${folder}/${i}`;
      Deno.writeTextFileSync(file, text, { mode: 0o600 });
      return file;
    });
    const labels = names.flatMap((name) => ["--label", name]);
    const { stdout } = await new Deno.Command(diff, { args: ["-u", ...labels, ...files] }).output();
    for (const line of new TextDecoder().decode(stdout).split("\n").slice(0, -1)) print(visible(line));
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}
