import type { Command } from "commander";
import type { Difference } from "../../../state/store/mod.ts";
import { print, printJson, visible } from "../../output.ts";
import { reach, type Where, withWhere } from "../../reach.ts";
import { checkSnapshot } from "./names.ts";
import { volumeOf } from "../../volume_status.ts";

interface Options extends Where {
  json?: boolean;
}

const TEXT_BYTES_MAX = 1024 ** 3;

export function defineDiff(command: Command): void {
  withWhere(command)
    .argument("<volume>", "as lux9 volume ls has it")
    .argument("<a>", "a snapshot")
    .argument("[b]", "a later one; without it, the volume as it is now")
    .option("--json", "as JSON")
    .addHelpText(
      "after",
      `
It looks at what changed only, however large the volume is. What is still being written counts as it was when last closed.

  +  added     -  removed     ~  moved     *  changed, and in what

Examples:
  lux9 snapshot diff data monday
  lux9 snapshot diff data monday tuesday --json | jq -r '.[] | select(.kind == "removed").path'`,
    )
    .action(diff);
}

async function diff(volume: string, a: string, b: string | undefined, options: Options): Promise<void> {
  const { json, ...where } = options;
  await using tree = await reach(where);
  const { snapshots } = await volumeOf(tree, volume);
  for (const name of b === undefined ? [a] : [a, b]) checkSnapshot(volume, name, snapshots);
  const text = await tree.readFile(`/snap/${volume}/@diff/${a}/${b ?? "@now"}`, TEXT_BYTES_MAX);
  const lines = new TextDecoder().decode(text).split("\n").filter((line) => line !== "");
  const found: Difference[] = lines.map((line) => JSON.parse(line));
  if (json) return printJson(found);
  if (found.length === 0) {
    return print(`Nothing differs between ${visible(a)} and ${b === undefined ? "now" : visible(b)}`);
  }
  for (const one of found) print(lineOf(one));
}

function lineOf(one: Difference): string {
  switch (one.kind) {
    case "added":
      return `+ ${visible(one.path)}`;
    case "removed":
      return `- ${visible(one.path)}`;
    case "moved":
      return `~ ${visible(one.path)} (from ${visible(one.from)})`;
    case "changed":
      return `* ${visible(one.path)} (${one.what.join(", ")})`;
  }
}
