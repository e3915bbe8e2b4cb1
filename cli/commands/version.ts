import type { Command } from "commander";
import { DIALECTS } from "../../9p/mod.ts";
import { findLibrary, WASMTIME_VERSION } from "../../translators/engine/mod.ts";
import { print, printJson, table } from "../output.ts";
import { VERSION } from "../version.ts";

export function define(command: Command): void {
  command
    .option("--json", "as JSON")
    .addHelpText("after", "\nExamples:\n  lux9 version\n  lux9 version --json | jq -r .lux9")
    .action(version);
}

function version({ json }: { json?: boolean }): void {
  const versions = {
    lux9: VERSION,
    deno: Deno.version.deno,
    v8: Deno.version.v8,
    target: Deno.build.target,
    wasmtime: wasmtime(),
    dialects: DIALECTS,
  };
  if (json) return printJson(versions);
  for (const line of table(Object.entries(versions).map(([key, value]) => [key, String(value)]))) print(line);
}

/** What translators run in; without it, everything else works. */
function wasmtime(): string {
  try {
    findLibrary();
    return WASMTIME_VERSION;
  } catch {
    return "not installed";
  }
}
