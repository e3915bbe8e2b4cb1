/** The program of translators/wasi/testdata in Go, built here: a Go module is too large to be kept, 2.9 MB. */
import assert from "node:assert/strict";
import { mem } from "../../servers/mem/mod.ts";
import { missingTool } from "../../translators/sdk/mod.ts";
import { checkProgram } from "../../translators/wasi/program_fixture.ts";
import { skipUnless } from "../scenarios/skip.ts";

const SOURCE = new URL("testdata/files.go", import.meta.url).pathname;

Deno.test("a program in go finds its arguments, streams, files and time", async (t) => {
  const reason = await missingTool("go");
  if (!skipUnless(t.name, { isThere: () => reason === undefined, reason: reason ?? "" })) return;
  const folder = await Deno.makeTempDir({ prefix: "lux9_wasi_" });
  try {
    const module = `${folder}/files.wasm`;
    await build(module);
    checkProgram(new WebAssembly.Module(await Deno.readFile(module)), mem);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

async function build(output: string): Promise<void> {
  const args = ["build", "-ldflags=-s -w", "-o", output, SOURCE];
  const env = { GOOS: "wasip1", GOARCH: "wasm", GO111MODULE: "off", GOTOOLCHAIN: "local" };
  const { success, stderr } = await new Deno.Command("go", { args, env }).output();
  assert.ok(success, new TextDecoder().decode(stderr));
}
