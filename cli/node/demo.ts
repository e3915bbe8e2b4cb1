import { dirname, join } from "node:path";
import { Errno, errnoOf, O, type Tree } from "../../9p/mod.ts";
import { galleryFolder, type GalleryName } from "../../translators/gallery/mod.ts";
import { MANIFEST, WASM } from "../modules/module_files.ts";

/** A small real example for `/data`: things to list, read, search and sort. */
const FILES: Record<string, string> = {
  "README.txt": `Welcome to your tree. These are ordinary files: edit them, move them, throw them away.

  sensors/    a day of readings, one line a reading
  notes/      text to search in
  bin/        a script that runs from the mount

Two of them are computed when they are read: sensors/today.json and notes/plan.html. The recipes beside them, whose names
end in .fn, say from what and by which translators. Change a recipe or what it reads, and read the file again. Without a
recipe, by a path: /x/csv2json/data/sensors/today.csv. The translators are in /translators; "lux9 explain" tells more.

Next to them, in the same tree: /log/events tells of each change as it is made, /log/errors why something failed,
/ns what is mounted where, and a line written to /ctl changes it.
`,
  "notes/plan.md": `# Plan

- mount the tree on the laptop
- bind the photo folder beside the notes
- read /log/events while copying
`,
  "notes/9p.md": `# 9P in a page

A client sends T-messages, the server answers each with an R-message of the same tag.
Tversion, Tattach and Twalk find a file; Topen, Tread, Twrite and Tclunk use it.
`,
  "bin/hottest.sh": `#!/bin/sh
# The hottest reading of each sensor, from the file beside this one.
sort -t, -k3,3nr "$(dirname "$0")/../sensors/today.csv" | awk -F, '!seen[$2]++ { print $2, $3 }' | sort
`,
  "sensors/today.csv": readings(),
  "sensors/today.json.fn": `# Makes today.json appear beside this file: the readings as JSON.
from: today.csv
pipe:
  - csv2json:header=false
  - "jq:map({time: .[0], sensor: .[1], celsius: (.[2] | tonumber)})"
`,
  "notes/plan.html.fn": `# Makes plan.html appear beside this file.
from: plan.md
pipe: md2html:title=Plan
`,
};

/** What the recipes need, and some to play with. */
const TRANSLATORS: readonly GalleryName[] = ["csv2json", "head", "jq", "md2html", "sort", "wc"];

/** Writes what is not there yet below `/data`, and says how many files that were. */
export async function fillDemo(tree: Tree): Promise<number> {
  let made = 0;
  for (const [name, text] of Object.entries(FILES)) {
    const path = `/data/${name}`;
    await unlessThere(() => tree.mkdir(dirname(path)));
    const mode = name.endsWith(".sh") ? 0o755 : 0o644;
    // What somebody has changed since stays as it is.
    await unlessThere(async () => {
      await using file = await tree.create(path, mode, O.WRONLY | O.EXCL);
      await file.write(0, new TextEncoder().encode(text));
      made++;
    });
  }
  return made;
}

async function unlessThere(make: () => Promise<unknown>): Promise<void> {
  try {
    await make();
  } catch (thrown) {
    if (errnoOf(thrown) !== Errno.EEXIST) throw thrown;
  }
}

/** Puts translators into a home's folder where there are none of these names, and says which. */
export function installDemo(folder: string): readonly string[] {
  return TRANSLATORS.filter((name) => {
    const target = join(folder, name);
    try {
      Deno.mkdirSync(folder, { recursive: true });
      Deno.mkdirSync(target);
    } catch (thrown) {
      if (thrown instanceof Deno.errors.AlreadyExists) return false;
      throw thrown;
    }
    // The module last: a folder without one is none of a translator.
    for (const file of [MANIFEST, WASM]) {
      const temporary = join(target, `${file}.tmp`);
      Deno.writeFileSync(temporary, Deno.readFileSync(join(galleryFolder(name), file)), { mode: 0o644 });
      Deno.renameSync(temporary, join(target, file));
    }
    return true;
  });
}

/** Three sensors, every quarter of an hour, the same on every machine. */
function readings(): string {
  const sensors = [["attic", 21, 6], ["cellar", 12, 1], ["garden", 9, 8]] as const;
  const lines = Array.from({ length: 96 }, (_, i) => {
    const hour = String(Math.floor(i / 4)).padStart(2, "0");
    const minute = String((i % 4) * 15).padStart(2, "0");
    return sensors.map(([name, mean, swing]) => {
      const celsius = mean - swing * Math.cos((i / 96) * 2 * Math.PI);
      return `${hour}:${minute},${name},${celsius.toFixed(1)}\n`;
    }).join("");
  });
  return lines.join("");
}
