import { deepEqual, equal, rejects } from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { parse } from "yaml";
import { checkCase, loadCases, type ParameterDefault } from "../gallery/golden.ts";
import { runOnV8 } from "../gallery/v8_wasi_fixture.ts";
import { buildTranslator } from "./build.ts";
import { findTool, missingTool } from "./find_tool.ts";
import { type LanguageName, LANGUAGES } from "./languages.ts";
import { newTranslator } from "./new_translator.ts";

for (const language of Object.keys(LANGUAGES) as LanguageName[]) {
  const name = `buildTranslator: the ${language} template builds, and passes its golden cases`;
  const missing = await missingTool(language);
  if (missing !== undefined) console.log(`SKIP ${name}: ${missing}`);
  Deno.test({
    name,
    ignore: missing !== undefined,
    async fn() {
      const folder = await Deno.makeTempDir({ prefix: "lux9-sdk-" });
      try {
        await newTranslator(folder, "mine", language);
        const module = await Deno.readFile(await buildTranslator(folder));
        const manifest = parse(await readFile(join(folder, "manifest.yaml"), "utf8"));
        const parameters = manifest.parameters as ParameterDefault[];
        const problems: string[] = [];
        for (const one of await loadCases(folder)) {
          const problem = await checkCase(one, module, parameters, runOnV8);
          if (problem !== undefined) problems.push(`${one.name}: ${problem}`);
        }
        deepEqual(problems, []);
      } finally {
        await Deno.remove(folder, { recursive: true });
      }
    },
  });
}

Deno.test("buildTranslator: a command that fails, is missing, or leaves no module is an error that says so", async () => {
  const folder = await Deno.makeTempDir({ prefix: "lux9-sdk-" });
  try {
    const wrong: [string[], RegExp][] = [
      [["false"], /false in .* failed with code 1/],
      [["no-such-compiler"], /no-such-compiler is not on PATH/],
      [["true"], /left no module/],
      [["cp", "build.json", "module.wasm"], /does not begin with \\0asm/],
    ];
    for (const [command, message] of wrong) {
      await Deno.writeTextFile(join(folder, "build.json"), JSON.stringify({ command }));
      await rejects(buildTranslator(folder), message);
    }
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("findTool: a program that is not there, or says something else, is not found", async () => {
  const tool = { name: "x", tested: "1", install: "", answer: /^v(\d)/ };
  deepEqual(await findTool({ ...tool, probe: ["no-such-program"] }), {
    found: false,
    detail: "no no-such-program on PATH",
  });
  deepEqual(await findTool({ ...tool, probe: ["echo", "w1"] }), { found: false, detail: "w1" });
  deepEqual(await findTool({ ...tool, probe: ["echo", "v1"] }), { found: true, detail: "1" });
  equal((await findTool({ ...tool, answer: "folder", probe: ["echo", "/no/such/folder"] })).found, false);
});
