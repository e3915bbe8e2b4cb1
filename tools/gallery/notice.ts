import { join } from "node:path";

/** What is linked into a module. */
export interface Linked {
  readonly name: string;
  readonly version: string;
  readonly licence: string;
  readonly texts: readonly string[];
}

/** The text of a module's NOTICE: who made what is in it, and under which licences. */
export function formatNotice(name: string, linked: readonly Linked[]): string {
  const texts = [...new Set(linked.flatMap(({ texts }) => texts))];
  const rows = linked.map(({ name, version, licence, texts: own }) => {
    const numbers = own.map((text) => `[${texts.indexOf(text) + 1}]`).join(" ");
    return `- ${name} ${version}: ${licence} ${numbers}`;
  });
  const rule = "-".repeat(80);
  return [
    `${name}/module.wasm is built from the source beside it. Linked into it are the following, under the licence named`,
    "with each; where there is a choice, the one whose text is numbered. The texts follow. Written by deno task gallery.",
    "",
    ...rows,
    "",
    ...texts.flatMap((text, i) => [rule, `[${i + 1}]`, "", text.trim(), ""]),
  ].join("\n");
}

/**
 * The licences in a package's folder. Of a choice, MIT or else Apache; a package that names MIT and has no text gets the
 * usual one with its authors.
 */
export async function licenceTexts(
  folder: string,
  licence: string,
  authors: readonly string[],
): Promise<string[]> {
  const names: string[] = [];
  for await (const { name, isFile } of Deno.readDir(folder)) {
    if (isFile && /^(?:licen[cs]e|copying|copyright|notice|unlicense)/i.test(name)) names.push(name);
  }
  const kept = chosen(names, licence);
  const texts = await Promise.all(kept.sort().map((name) => Deno.readTextFile(join(folder, name))));
  if (texts.length > 0) return texts.map((text) => text.replaceAll("\r\n", "\n").trim());
  if (licence.includes("MIT")) return [textOf("MIT", authors)];
  throw new Error(
    `${folder} has no text of its licence ${
      JSON.stringify(licence)
    }; add its text to tools/gallery/notice.ts`,
  );
}

/** Of the files of a choice, those of the licence that asks least. */
function chosen(names: readonly string[], licence: string): string[] {
  const isChoice = / OR |\//.test(licence);
  if (isChoice && licence.includes("MIT")) {
    return names.filter((name) => !/apache|unlicense|copying|copyright/i.test(name));
  }
  const apache = names.filter((name) => /apache/i.test(name));
  return isChoice && licence.includes("Apache-2.0") && apache.length > 0 ? apache : [...names];
}

export function textOf(_licence: "MIT", authors: readonly string[]): string {
  return `MIT License

${(authors.length > 0 ? authors : ["its authors"]).map((author) => `Copyright (c) ${author}`).join("\n")}

Permission is hereby granted, free of charge, to any person obtaining a copy of this software and associated
documentation files (the "Software"), to deal in the Software without restriction, including without limitation the
rights to use, copy, modify, merge, publish, distribute, sublicense, and/or sell copies of the Software, and to permit
persons to whom the Software is furnished to do so, subject to the following conditions:

The above copyright notice and this permission notice shall be included in all copies or substantial portions of the
Software.

THE SOFTWARE IS PROVIDED "AS IS", WITHOUT WARRANTY OF ANY KIND, EXPRESS OR IMPLIED, INCLUDING BUT NOT LIMITED TO THE
WARRANTIES OF MERCHANTABILITY, FITNESS FOR A PARTICULAR PURPOSE AND NONINFRINGEMENT. IN NO EVENT SHALL THE AUTHORS OR
COPYRIGHT HOLDERS BE LIABLE FOR ANY CLAIM, DAMAGES OR OTHER LIABILITY, WHETHER IN AN ACTION OF CONTRACT, TORT OR
OTHERWISE, ARISING FROM, OUT OF OR IN CONNECTION WITH THE SOFTWARE OR THE USE OR OTHER DEALINGS IN THE SOFTWARE.`;
}
