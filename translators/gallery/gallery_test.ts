import { deepEqual, equal, ok } from "node:assert/strict";
import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parse } from "yaml";
import { GALLERY, galleryFolder } from "./gallery.ts";
import { checkCase, loadCases, type ParameterDefault } from "./golden.ts";
import { runOnV8 } from "./v8_wasi_fixture.ts";

const BYTES_MAX = 10 * 1024 * 1024;

async function moduleOf(folder: string): Promise<Uint8Array<ArrayBuffer>> {
  return await Deno.readFile(join(folder, "module.wasm"));
}

for (const name of GALLERY) {
  const folder = galleryFolder(name);

  Deno.test(`${name}: golden cases, however the input is cut`, async () => {
    const module = await moduleOf(folder);
    const { parameters } = parse(await readFile(join(folder, "manifest.yaml"), "utf8")) as {
      parameters: ParameterDefault[];
    };
    const problems: string[] = [];
    for (const one of await loadCases(folder)) {
      for (const readBytesMax of [Infinity, 1]) {
        const problem = await checkCase(
          one,
          module,
          parameters,
          (module, args, stdin) => runOnV8(module, args, stdin, { readBytesMax }),
        );
        if (problem !== undefined) problems.push(`${one.name} (${readBytesMax}): ${problem}`);
      }
    }
    deepEqual(problems, []);
  });

  Deno.test(`${name}: the manifest is of this module, and NOTICE says what is linked in`, async () => {
    const manifest = parse(await readFile(join(folder, "manifest.yaml"), "utf8"));
    equal(manifest.name, name);
    ok((await readFile(join(folder, "NOTICE"), "utf8")).includes("licence"));
  });

  Deno.test(`${name}: no path of the machine that built it is in the module`, async () => {
    const text = new TextDecoder("latin1").decode(await moduleOf(folder));
    deepEqual(text.match(/\/(?:home|root|Users|tmp|work|opt|var)\/[ -~]{0,60}/g) ?? [], []);
  });
}

Deno.test("the modules are those of SHA256SUMS, and together no larger than a clone can bear", async () => {
  const sums = await readFile(fileURLToPath(new URL("SHA256SUMS", import.meta.url)), "utf8");
  let size = 0;
  const found: string[] = [];
  for (const name of GALLERY) {
    const module = await moduleOf(galleryFolder(name));
    size += module.length;
    found.push(`${createHash("sha256").update(module).digest("hex")}  ${name}/module.wasm\n`);
  }
  equal(found.join(""), sums);
  ok(size <= BYTES_MAX, `${size} bytes, allowed are ${BYTES_MAX}`);
});
