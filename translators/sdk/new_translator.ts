import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { NineError } from "../../9p/mod.ts";
import { type LanguageName, LANGUAGES } from "./languages.ts";

const TEMPLATES = fileURLToPath(new URL("templates/", import.meta.url));
/** Stands for the name in every file of a template. */
const PLACEHOLDER = "__NAME__";

/** The name of a translator, as manifests have it; EINVAL says what is allowed. */
export function checkTranslatorName(name: string): void {
  if (!/^[a-z][a-z0-9-]{0,31}$/.test(name)) {
    throw new NineError(
      "EINVAL",
      `${
        JSON.stringify(name)
      } is no name for a translator: 1 to 32 of a-z, 0-9 and hyphen, beginning with a letter`,
    );
  }
}

/**
 * Makes `folder` with the source of a translator, ready to build and test, and says which files it made.
 * EEXIST where there is something already: nothing is overwritten.
 */
export async function newTranslator(
  folder: string,
  name: string,
  language: LanguageName,
): Promise<readonly string[]> {
  checkTranslatorName(name);
  if (!Object.hasOwn(LANGUAGES, language)) {
    throw new NineError(
      "EINVAL",
      `There is no template for ${language}; there are ${Object.keys(LANGUAGES).join(", ")}`,
    );
  }
  await makeEmptyFolder(folder);
  const made: string[] = [];
  await copy(join(TEMPLATES, language), folder, "", name, made);
  return made.sort();
}

async function makeEmptyFolder(folder: string): Promise<void> {
  await Deno.mkdir(folder, { recursive: true });
  for await (const { name } of Deno.readDir(folder)) {
    throw new NineError(
      "EEXIST",
      `${folder} is not empty (${name} is in it); give another folder, or empty it`,
    );
  }
}

async function copy(
  source: string,
  target: string,
  path: string,
  name: string,
  made: string[],
): Promise<void> {
  for await (const entry of Deno.readDir(join(source, path))) {
    const inner = join(path, entry.name);
    if (entry.isDirectory) {
      await Deno.mkdir(join(target, inner));
      await copy(source, target, inner, name, made);
    } else {
      const text = await Deno.readTextFile(join(source, inner));
      await Deno.writeTextFile(join(target, inner), text.replaceAll(PLACEHOLDER, name), { createNew: true });
      made.push(inner);
    }
  }
}
