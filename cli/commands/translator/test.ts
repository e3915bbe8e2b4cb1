import { escapeLines } from "../../../9p/mod.ts";
import type { Command } from "commander";
import { join } from "node:path";
import type { WasmEngine } from "../../../translators/engine/mod.ts";
import { checkCase, loadCases, type RunResult } from "../../../translators/gallery/mod.ts";
import { Exit } from "../../exit.ts";
import { homeOf } from "../../home.ts";
import { localEngine, runFolder } from "../../modules/engine.ts";
import { requestOf } from "../../modules/local_run.ts";
import { type ModuleFiles, readModuleFiles } from "../../modules/module_files.ts";
import { wasmShape } from "../../modules/wasm_shape.ts";
import { print, printJson, visible } from "../../output.ts";

interface Options {
  home?: string;
  json?: boolean;
}

/** Longer outputs come as files. */
const INLINE_BYTES_MAX = 1024 * 1024;

export function defineTest(command: Command): void {
  command
    .argument("[dir]", "the translator's folder, with module.wasm and cases.yaml", ".")
    .option("--home <dir>", "where compiled modules are kept (default: that of the node)")
    .option("--json", "as JSON")
    .addHelpText(
      "after",
      `
Each case of cases.yaml runs in the same engine and with the same limits as in a node, without one and without a network:

  - name: the first line only
    with: {n: 1}                # parameters
    input: "a\\nb\\n"             # or inputFile, inputBase64
    output: "a\\n"               # or outputFile, outputBase64, outputSha256
  - name: a negative number is refused
    with: {n: -1}
    input: ""
    fails: true
    message: whole number       # a part of what it says

Exit code 1 where a case fails.

Examples:
  lux9 translator test
  lux9 translator test shout --json | jq '.[] | select(.problem)'`,
    )
    .action(test);
}

async function test(dir: string, { home, json }: Options): Promise<void> {
  const cases = await loadCases(dir);
  const module = await readModuleFiles(dir);
  await wasmShape(module.bytes, module.path);
  const where = homeOf(home);
  await using folder = await runFolder(where);
  await using engine = localEngine(where, 1);
  // Once for all: a machine without wasmtime fails no case.
  await engine.prepare(
    { hash: module.hash, path: module.path },
    module.manifest.limits.fuel !== undefined,
    "test",
  );
  const results: { name: string; problem?: string }[] = [];
  for (const one of cases) {
    const problem = await checkCase(
      one,
      module.bytes,
      module.manifest.parameters,
      (_, argv, stdin) => runCase(engine, module, argv, stdin, join(folder.path, "output")),
    );
    results.push({ name: one.name, ...(problem === undefined ? {} : { problem }) });
    if (json) continue;
    print(problem === undefined ? `ok    ${visible(one.name)}` : `FAIL  ${visible(one.name)}`);
    if (problem !== undefined) print(`      ${escapeLines(problem)}`);
  }
  const failed = results.filter(({ problem }) => problem !== undefined).length;
  if (json) printJson(results);
  else print(`${results.length - failed} passed, ${failed} failed`);
  if (failed > 0) throw new Exit("failed", "");
}

/** What it throws is told as the case's problem: a trap, or a limit. */
async function runCase(
  engine: WasmEngine,
  module: ModuleFiles,
  argv: readonly string[],
  stdin: Uint8Array,
  spool: string,
): Promise<RunResult> {
  const { failure, output, exitCode, stderr } = await engine.run(requestOf({ module, argv }, {
    stdin: { kind: "bytes", bytes: stdin },
    output: { inlineBytesMax: INLINE_BYTES_MAX, spool },
    timeMs: module.manifest.limits.time,
  }));
  if (failure && failure.reason !== "exit code") throw failure.error;
  if (output.kind === "bytes") return { exitCode, stdout: output.bytes, stderr };
  try {
    return { exitCode, stdout: await Deno.readFile(output.path), stderr };
  } finally {
    await Deno.remove(output.path);
  }
}
