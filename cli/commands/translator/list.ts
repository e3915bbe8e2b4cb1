import type { Command } from "commander";
import { reasonOf, Slots, type Tree } from "../../../9p/mod.ts";
import { GALLERY, galleryFolder } from "../../../translators/gallery/mod.ts";
import { installedNames, type Status, statusOf } from "../../modules/installed.ts";
import { readModuleFiles } from "../../modules/module_files.ts";
import { print, printJson, table, visible } from "../../output.ts";
import { reach, type Where, withWhere } from "../../reach.ts";
import { bytesText } from "../../transfer.ts";

interface Options extends Where {
  gallery?: boolean;
  json?: boolean;
}

type Row = Pick<Status, "version" | "description" | "size" | "hash" | "state"> & { readonly name: string };

const ASKED_MAX = 16;

export function defineList(command: Command): void {
  withWhere(command)
    .option("--gallery", "those that come with lux9, installed or not")
    .option("--json", "as JSON")
    .addHelpText(
      "after",
      "\nExamples:\n  lux9 translator ls\n  lux9 translator ls --gallery\n  lux9 translator ls --json | jq -r '.[].name'",
    )
    .action(list);
}

async function list({ gallery, json, ...where }: Options): Promise<void> {
  const rows = gallery ? await ofGallery() : await installed(where);
  if (json) return printJson(rows);
  if (rows.length === 0) {
    return print(
      "None is installed: lux9 translator ls --gallery shows what comes with lux9, lux9 translator install adds",
    );
  }
  const lines = rows.map((
    { name, version, state, size, description },
  ) => [name, visible(version), bytesText(size), visible(state), visible(description)]);
  for (const line of table(lines, [2])) print(line);
}

async function installed(where: Where): Promise<Row[]> {
  await using tree = await reach(where);
  const names = await installedNames(tree);
  const slots = new Slots(ASKED_MAX);
  return await Promise.all(names.map(async (name) => {
    const free = await slots.take();
    try {
      return await row(tree, name);
    } finally {
      free();
    }
  }));
}

async function row(tree: Tree, name: string): Promise<Row> {
  try {
    const { version, description, size, hash, state } = await statusOf(tree, name);
    return { name, version, description, size, hash, state };
  } catch (thrown) {
    // A module whose manifest is wrong is there all the same.
    return { name, version: "", description: reasonOf(thrown), size: 0, hash: "", state: "broken" };
  }
}

async function ofGallery(): Promise<Row[]> {
  return await Promise.all(GALLERY.map(async (name) => {
    const { manifest: { version, description }, bytes, hash } = await readModuleFiles(galleryFolder(name));
    return { name, version, description, size: bytes.byteLength, hash, state: "comes with lux9" };
  }));
}
