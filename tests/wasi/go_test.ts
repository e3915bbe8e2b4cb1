/** The program of translators/wasi/testdata in Go, built here: a Go module is too large to be kept, 2.9 MB. */
import assert from "node:assert/strict";
import { mem } from "../../servers/mem/mod.ts";
import { checkProgram } from "../../translators/wasi/program_fixture.ts";

const SOURCE = new URL("testdata/files.go", import.meta.url).pathname;

Deno.test("a program in go finds its arguments, streams, files and time", async () => {
  const folder = await Deno.makeTempDir({ prefix: "lux9_wasi_" });
  try {
    const module = `${folder}/files.wasm`;
    if (await builds(module)) checkProgram(new WebAssembly.Module(await Deno.readFile(module)), mem);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

/** False where there is no Go. */
async function builds(output: string): Promise<boolean> {
  const args = ["build", "-ldflags=-s -w", "-o", output, SOURCE];
  const env = { GOOS: "wasip1", GOARCH: "wasm", GO111MODULE: "off", GOTOOLCHAIN: "local" };
  try {
    const { success, stderr } = await new Deno.Command("go", { args, env }).output();
    assert.ok(success, new TextDecoder().decode(stderr));
    return true;
  } catch (thrown) {
    if (!(thrown instanceof Deno.errors.NotFound)) throw thrown;
    console.log("SKIP a program in go: needs go to build it");
    return false;
  }
}
