import type { Command } from "commander";
import { escapeJson, formatAddress } from "../../9p/mod.ts";
import { print, printBytes, table, visible } from "../output.ts";
import { addressOf, reach, type Where, withWhere } from "../reach.ts";

interface Options extends Where {
  json?: boolean;
}

export function define(command: Command): void {
  withWhere(command)
    .option("--json", "as JSON")
    .addHelpText("after", "\nExamples:\n  lux9 status\n  lux9 status --json | jq .connections")
    .action(status);
}

async function status({ json, ...where }: Options): Promise<void> {
  await using tree = await reach(where);
  const bytes = await tree.readFile("/status.json");
  if (json) return printBytes(bytes);
  const { client } = tree;
  const rows = Object.entries({
    reached: `${formatAddress(addressOf(where))} (${client.dialect}, msize ${client.msize})`,
    ...JSON.parse(new TextDecoder().decode(bytes)) as Record<string, unknown>,
  }).map(([key, value]) => [key, textOf(value)]);
  for (const line of table(rows)) print(line);
}

function textOf(value: unknown): string {
  if (Array.isArray(value)) return value.map(textOf).join(", ");
  return visible(typeof value === "string" ? value : escapeJson(value));
}
