/** Real programs, run by V8: the same one in Rust and C (built, in testdata) and in Go (built here where Go is). */
import type { FileServer } from "../../9p/mod.ts";
import { mem } from "../../servers/mem/mod.ts";
import assert from "node:assert/strict";
import { Guest, inputOf, preopen, type Run, runModule } from "./fixture.ts";

const TESTDATA = new URL("testdata/", import.meta.url);

const OUTPUT = `args one,two words,größer
env hello
stdin 11 SOME INPUT

hello
world
size 12
seek world
cut hello
list b.txt c/
open not found
mkdir exists
rmdir not empty
given from the host
write true
left 0
slept true
`;

function run(module: WebAssembly.Module): Run & { given: FileServer } {
  const given = mem();
  using writer = new Guest({ preopens: [preopen(given)] });
  writer.file("file", "from the host");
  const result = runModule(module, {
    args: ["files", "one", "two words", "größer"],
    env: [["GREETING", "hello"], ["PWD", "/"]],
    stdin: inputOf(new TextEncoder().encode("some input\n")),
    preopens: [
      preopen(mem(), { guestPath: "/work" }),
      preopen(given, { guestPath: "/given", writable: false }),
    ],
  });
  return { ...result, given };
}

function check(module: WebAssembly.Module): void {
  const { code, stdout, stderr, slept, given } = run(module);
  assert.equal(stdout.text, OUTPUT);
  assert.equal(stderr.text, "done\n");
  assert.equal(code, 7);
  assert.ok(slept.length >= 1);
  using reader = new Guest({ preopens: [preopen(given)] });
  assert.equal(reader.read(reader.mustOpen("file")), "from the host");
  // What cannot be told from another run by its output cannot be told by anything else.
  assert.deepEqual(run(module).stdout.bytes, stdout.bytes);
}

for (const language of ["rust", "c"]) {
  Deno.test(`a program in ${language} finds its arguments, streams, files and time`, async () => {
    const bytes = await Deno.readFile(new URL(`${language}/files.wasm`, TESTDATA));
    check(new WebAssembly.Module(bytes));
  });
}

Deno.test("a program in go finds its arguments, streams, files and time", async () => {
  const folder = await Deno.makeTempDir({ prefix: "lux9_wasi_" });
  try {
    const module = `${folder}/files.wasm`;
    if (await buildsGo(module)) check(new WebAssembly.Module(await Deno.readFile(module)));
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

/** A Go module is too large to be kept: 2.9 MB. */
async function buildsGo(output: string): Promise<boolean> {
  const args = ["build", "-ldflags=-s -w", "-o", output, new URL("go/files.go", TESTDATA).pathname];
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
