import { deepEqual, equal, ok, rejects } from "node:assert/strict";
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { errnoName } from "../../9p/mod.ts";
import { parse } from "yaml";
import { type LanguageName, LANGUAGES } from "./languages.ts";
import { newTranslator } from "./new_translator.ts";
import { readRecipe } from "./build.ts";

async function withFolder(test: (folder: string) => Promise<void>): Promise<void> {
  const folder = await Deno.makeTempDir({ prefix: "lux9-sdk-" });
  try {
    await test(folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

function refuses(code: string) {
  return (thrown: { errno: number }) => errnoName(thrown.errno) === code;
}

for (const language of Object.keys(LANGUAGES) as LanguageName[]) {
  Deno.test(`newTranslator: a ${language} translator has its name everywhere, and all that it needs`, () =>
    withFolder(async (folder) => {
      const made = await newTranslator(join(folder, "deep/mine"), "mine-2", language);
      for (const file of ["manifest.yaml", "cases.yaml", "build.json", ".gitignore"]) {
        ok(made.includes(file), file);
      }
      for (const file of made) {
        ok(!(await readFile(join(folder, "deep/mine", file), "utf8")).includes("__NAME__"), file);
      }
      const manifest = parse(await readFile(join(folder, "deep/mine/manifest.yaml"), "utf8"));
      equal(manifest.name, "mine-2");
      ok((await readRecipe(join(folder, "deep/mine"))).command.length > 1);
    }));
}

Deno.test("newTranslator: a folder with something in it is left alone", () =>
  withFolder(async (folder) => {
    await Deno.writeTextFile(join(folder, "mine.txt"), "");
    await rejects(newTranslator(folder, "mine", "c"), refuses("EEXIST"));
    deepEqual(await readdir(folder), ["mine.txt"]);
  }));

Deno.test("newTranslator: a name that no manifest may have is refused, and so is a language without a template", () =>
  withFolder(async (folder) => {
    for (const name of ["", "A", "1a", "a_b", "../a", "a".repeat(33)]) {
      await rejects(newTranslator(join(folder, "x"), name, "c"), refuses("EINVAL"), name);
    }
    await rejects(newTranslator(join(folder, "x"), "a", "toString" as LanguageName), refuses("EINVAL"));
    deepEqual(await readdir(folder), []);
  }));

Deno.test("readRecipe: what leads out of the folder, or is no command, is refused", () =>
  withFolder(async (folder) => {
    await rejects(readRecipe(folder), refuses("ENOENT"));
    const wrong = [
      "{",
      "[]",
      '{"command": []}',
      '{"command": "make"}',
      '{"command": ["make"], "output": "../x.wasm"}',
      '{"command": ["make"], "output": "/x.wasm"}',
      '{"command": ["make"], "shell": true}',
    ];
    for (const text of wrong) {
      await Deno.writeTextFile(join(folder, "build.json"), text);
      await rejects(readRecipe(folder), refuses("EINVAL"), text);
    }
    await Deno.writeTextFile(join(folder, "build.json"), `{"command": ["make"]}${" ".repeat(64 * 1024)}`);
    await rejects(readRecipe(folder), refuses("EFBIG"));
  }));
