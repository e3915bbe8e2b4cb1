/** For tests: what the program of testdata, in whichever language, is given and has to do. */
import type { FileServer } from "../../9p/mod.ts";
import assert from "node:assert/strict";
import { Guest, inputOf, preopen, type Run, runModule } from "./fixture.ts";

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

function run(module: WebAssembly.Module, newServer: () => FileServer): Run & { given: FileServer } {
  const given = newServer();
  using writer = new Guest({ preopens: [preopen(given)] });
  writer.file("file", "from the host");
  const result = runModule(module, {
    args: ["files", "one", "two words", "größer"],
    env: [["GREETING", "hello"], ["PWD", "/"]],
    stdin: inputOf(new TextEncoder().encode("some input\n")),
    preopens: [
      preopen(newServer(), { guestPath: "/files" }),
      preopen(given, { guestPath: "/given", writable: false }),
    ],
  });
  return { ...result, given };
}

/** Runs it twice, on empty trees that `newServer` makes. */
export function checkProgram(module: WebAssembly.Module, newServer: () => FileServer): void {
  const { code, trap, stdout, stderr, slept, given } = run(module, newServer);
  assert.equal(trap, undefined);
  assert.equal(stdout.text, OUTPUT);
  assert.equal(stderr.text, "done\n");
  assert.equal(code, 7);
  assert.ok(slept.length >= 1);
  using reader = new Guest({ preopens: [preopen(given)] });
  assert.equal(reader.read(reader.mustOpen("file")), "from the host");
  // What cannot be told from another run by its output cannot be told by anything else.
  assert.deepEqual(run(module, newServer).stdout.bytes, stdout.bytes);
}
