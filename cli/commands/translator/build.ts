import type { Command } from "commander";
import { buildTranslator } from "../../../translators/sdk/mod.ts";
import { readModuleFiles } from "../../modules/module_files.ts";
import { wasmShape } from "../../modules/wasm_shape.ts";
import { print, visible } from "../../output.ts";
import { bytesText } from "../../transfer.ts";

export function defineBuild(command: Command): void {
  command
    .argument("[dir]", "the translator's folder", ".")
    .addHelpText(
      "after",
      `
Runs the command of the folder's build.json as you, with what it has installed here, and leaves module.wasm. Build only
what you would also run make in. lux9 doctor says which tools are missing.

Examples:
  lux9 translator build
  lux9 translator build shout`,
    )
    .action(build);
}

async function build(dir: string): Promise<void> {
  await buildTranslator(dir);
  const { path, bytes, hash } = await readModuleFiles(dir);
  await wasmShape(bytes, path);
  print(`${visible(path)}: ${bytesText(bytes.byteLength)}, sha256 ${hash}`);
}
