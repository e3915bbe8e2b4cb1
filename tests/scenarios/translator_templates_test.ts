/** Each template from nothing to a file that it computes: new, build, test, install, cat. Needs that language's tools. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { type LanguageName, LANGUAGES, missingTool } from "../../translators/sdk/mod.ts";
import { TestNode } from "./node.ts";
import { skipUnless, WASMTIME } from "./skip.ts";

const LAUNCHER = fileURLToPath(new URL("../../lux9", import.meta.url));

for (const language of Object.keys(LANGUAGES) as LanguageName[]) {
  Deno.test(`a translator in ${language} is made, built, tested, installed and read`, async (t) => {
    if (!skipUnless(t.name, WASMTIME)) return;
    const reason = await missingTool(language);
    if (!skipUnless(t.name, { isThere: () => reason === undefined, reason: reason ?? "" })) return;
    await using node = await TestNode.start();
    const { home } = node;
    const lux9 = async (...args: readonly string[]) => {
      const { code, stdout, stderr } = await new Deno.Command(LAUNCHER, { args: [...args], cwd: home })
        .output();
      return { code, out: new TextDecoder().decode(stdout), err: new TextDecoder().decode(stderr) };
    };
    const ok = async (...args: readonly string[]) => {
      const { code, out, err } = await lux9(...args);
      assert.equal(code, 0, `${args.join(" ")}: ${out}${err}`);
      return out;
    };

    assert.match(
      await ok("translator", "new", "numbered", "--lang", language),
      /^numbered\/manifest\.yaml$/m,
    );
    const early = await lux9("translator", "test", "numbered", "--home", home);
    assert.equal(early.code, 1);
    assert.match(early.err, /lux9 translator build/);
    assert.match(
      await ok("translator", "build", "numbered"),
      /^numbered\/module\.wasm: .*, sha256 [0-9a-f]{64}$/m,
    );
    assert.match(await ok("translator", "test", "numbered", "--home", home), /\n5 passed, 0 failed\n$/);

    // A case that is wrong is found.
    const cases = join(home, "numbered", "cases.yaml");
    const table = await Deno.readTextFile(cases);
    await Deno.writeTextFile(
      cases,
      table.replace('output: "1\\ta\\n2\\tb\\n"', 'output: "1\\ta\\n3\\tb\\n"'),
    );
    const wrong = await lux9("translator", "test", "numbered", "--home", home);
    assert.equal(wrong.code, 1);
    assert.match(wrong.out, /^FAIL {2}numbers lines from 1\n {6}The output of 8 bytes differs .* at byte 4/m);

    await ok("translator", "install", "numbered", "--home", home);
    await Deno.writeTextFile(node.data("file"), "a\nb\n");
    assert.equal(await ok("cat", "/x/numbered:start=7/data/file", "--home", home), "7\ta\n8\tb\n");
    const again = await lux9("translator", "new", "numbered", "--lang", language);
    assert.equal(again.code, 1);
    assert.match(again.err, /not empty/);
  });
}
