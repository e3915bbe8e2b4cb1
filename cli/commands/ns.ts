import type { Command } from "commander";
import { print, printBytes, visible } from "../output.ts";
import { reach, type Where, withWhere } from "../reach.ts";

interface Options extends Where {
  json?: boolean;
}

export function define(command: Command): void {
  withWhere(command)
    .option("--json", "as JSON")
    .addHelpText("after", "\nExamples:\n  lux9 ns\n  lux9 ns --json | jq '.[].path'")
    .action(ns);
}

async function ns({ json, ...where }: Options): Promise<void> {
  await using tree = await reach(where);
  if (json) return printBytes(await tree.readFile("/ns.json"));
  const text = new TextDecoder().decode(await tree.readFile("/ns"));
  for (const line of text.split("\n")) if (line !== "") print(visible(line));
}
