import type { Command } from "commander";
import { escapeJson } from "../../../9p/mod.ts";
import { plural, print, printJson, table, visible } from "../../output.ts";
import { reach, type Where, withWhere } from "../../reach.ts";
import type { CopySeen } from "../../../state/store/mod.ts";
import { volumeOf } from "../../volume_status.ts";

interface Options extends Where {
  json?: boolean;
}

export function defineInfo(command: Command): void {
  withWhere(command)
    .argument("<name>", "the volume, as lux9 volume ls has it")
    .option("--json", "as JSON")
    .addHelpText(
      "after",
      "\nExamples:\n  lux9 volume info data\n  lux9 volume info data --json | jq .logBytes",
    )
    .action(info);
}

async function info(name: string, { json, ...where }: Options): Promise<void> {
  await using tree = await reach(where);
  const found = await volumeOf(tree, name);
  if (json) return printJson(found);
  const { snapshots, copies, ...rest } = found;
  const rows = Object.entries({ ...rest, snapshots: snapshots.length, copies: copies.length })
    .map(([key, value]) => [key, textOf(value)]);
  for (const line of table([...rows, ...copies.map((copy) => [`copy ${copy.key}`, wordsOf(copy)])])) {
    print(line);
  }
}

function wordsOf({ name, isThis, seen, behind, isLeftOut }: CopySeen): string {
  if (isThis) return "this one";
  const has = behind === undefined
    ? `let in ${seen}, and not heard of since`
    : `${behind === 0 ? "up to date" : `${plural(behind, "record")} behind`} on ${seen}`;
  return [name ? visible(name) : "", has, isLeftOut ? "not waited for" : ""].filter(Boolean).join(", ");
}

function textOf(value: unknown): string {
  if (Array.isArray(value)) return value.map(textOf).join(", ");
  return visible(typeof value === "string" ? value : escapeJson(value));
}
