/** A real program, built from testdata, run by V8. Its sources say how it was built. */
import { mem } from "../../servers/mem/mod.ts";
import { checkProgram } from "./program_fixture.ts";

for (const language of ["rust", "c"]) {
  Deno.test(`a program in ${language} finds its arguments, streams, files and time`, async () => {
    const bytes = await Deno.readFile(new URL(`testdata/${language}/files.wasm`, import.meta.url));
    checkProgram(new WebAssembly.Module(bytes), mem);
  });
}
