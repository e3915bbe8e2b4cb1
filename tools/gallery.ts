/**
 * Rebuilds the modules of translators/gallery with the pinned compilers: `deno task gallery [NAME…] [--write]`.
 *
 * Says which differ from SHA256SUMS, and their NOTICE from the packages that are linked in; then the code is 1. With
 * `--write`, what was built replaces them. Compilers and their caches come from the registries into .lux9/gallery/.
 */
import { createHash } from "node:crypto";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { GALLERY, galleryFolder, type GalleryName } from "../translators/gallery/mod.ts";
import { buildC, noticesOfC } from "./gallery/c.ts";
import { buildGo, noticesOfGo } from "./gallery/go.ts";
import { formatNotice, type Linked } from "./gallery/notice.ts";
import { buildRust, noticesOfRust } from "./gallery/rust.ts";
import type { Place } from "./gallery/place.ts";

interface Recipe {
  /** Builds the modules and gives their paths, in the order of the names. */
  readonly build: (names: readonly string[], place: Place) => Promise<readonly string[]>;
  readonly linked: (name: string, place: Place) => Promise<readonly Linked[]>;
}

const RUST: Recipe = { build: buildRust, linked: noticesOfRust };
const GO: Recipe = { build: buildGo, linked: noticesOfGo };
const C: Recipe = { build: buildC, linked: noticesOfC };

const RECIPES: Readonly<Record<GalleryName, Recipe>> = {
  csv2json: RUST,
  grep: RUST,
  gunzip: RUST,
  gzip: RUST,
  head: C,
  jq: RUST,
  md2html: GO,
  sha256: RUST,
  sort: RUST,
  wc: RUST,
};

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const gallery = join(root, "translators/gallery");
const sumsFile = join(gallery, "SHA256SUMS");

const { values: { write }, positionals } = parseArgs({
  args: Deno.args,
  allowPositionals: true,
  options: { write: { type: "boolean", default: false } },
});
const unknown = positionals.find((name) => !GALLERY.some((one) => one === name));
if (unknown !== undefined) {
  console.error(`There is no ${unknown} in the gallery; there are ${GALLERY.join(", ")}`);
  Deno.exit(2);
}
const wanted = GALLERY.filter((name) => positionals.length === 0 || positionals.includes(name));

const place: Place = { root, gallery, work: join(root, ".lux9/gallery") };
await Deno.mkdir(place.work, { recursive: true });
try {
  const differing = await rebuild();
  console.log(`${wanted.length} built, ${differing} ${write ? "written anew" : "differ"}`);
  Deno.exit(differing > 0 && !write ? 1 : 0);
} catch (thrown) {
  console.error(thrown instanceof Error ? thrown.message : thrown);
  Deno.exit(1);
}

async function rebuild(): Promise<number> {
  const sums = await readSums();
  let differing = 0;
  for (const recipe of new Set(wanted.map((name) => RECIPES[name]))) {
    const names = wanted.filter((name) => RECIPES[name] === recipe);
    const built = await recipe.build(names, place);
    for (const [i, name] of names.entries()) {
      const problems = [await compareModule(name, built[i], sums), await compareNotice(name, recipe)];
      const differs = problems.some((problem) => problem !== "");
      if (differs) differing++;
      console.log(`${differs ? "differs" : "same   "}  ${name}${problems.join("")}`);
    }
  }
  if (write) {
    const lines = GALLERY.map((name) => `${sums.get(name)}  ${name}/module.wasm\n`);
    await Deno.writeTextFile(sumsFile, lines.join(""));
  }
  return differing;
}

async function readSums(): Promise<Map<string, string>> {
  const text = await Deno.readTextFile(sumsFile).catch(() => "");
  return new Map(
    text.split("\n").filter(Boolean).map((line) => {
      const [sum, path] = line.split("  ");
      return [dirname(path), sum];
    }),
  );
}

/** What is wrong with the module, or nothing. */
async function compareModule(name: GalleryName, built: string, sums: Map<string, string>): Promise<string> {
  const bytes = await Deno.readFile(built);
  const sum = createHash("sha256").update(bytes).digest("hex");
  const expected = sums.get(name) ?? "none";
  if (write) {
    sums.set(name, sum);
    await Deno.writeFile(join(galleryFolder(name), "module.wasm"), bytes);
    await Deno.chmod(join(galleryFolder(name), "module.wasm"), 0o644);
  }
  return sum === expected ? "" : `: module.wasm is ${sum}, expected ${expected}`;
}

async function compareNotice(name: GalleryName, recipe: Recipe): Promise<string> {
  const file = join(galleryFolder(name), "NOTICE");
  const text = formatNotice(name, await recipe.linked(name, place));
  const expected = await Deno.readTextFile(file).catch(() => "");
  if (write) await Deno.writeTextFile(file, text);
  return text === expected ? "" : ": NOTICE names other packages or licences than are linked in";
}
