import type { Command } from "commander";
import { manifestJsonSchema } from "../../../translators/manifest/mod.ts";
import { printJson } from "../../output.ts";

export function defineSchema(command: Command): void {
  command
    .addHelpText(
      "after",
      `
For editors that check YAML: beside the manifest, or as its first line
  # yaml-language-server: $schema=PATH/manifest.schema.json

Examples:
  lux9 translator schema > manifest.schema.json`,
    )
    .action(() => printJson(manifestJsonSchema()));
}
