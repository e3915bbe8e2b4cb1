/**
 * How a volume grows, through a whole node: `deno task scale [--only files|directory|long|edits|snapshots] [--files N] [--by import|store]
 * [--entries N] [--gib N] [--edits N] [--snapshots N] [--work FOLDER]`.
 *
 * A million small files, a directory of 100,000, a file of 4 GiB, a million edits of one file, 1,000 snapshots, each in a
 * volume of its own. It needs some 25 GB of disk below `--work`, by default `.lux9/bench`. The code is 1 where a target is
 * missed.
 */
import { join } from "node:path";
import { parseArgs } from "node:util";
import { fileURLToPath } from "node:url";
import { largeDirectory } from "./scale/directory.ts";
import { manyEdits } from "./scale/edits.ts";
import { manyFiles } from "./scale/files.ts";
import { longFile } from "./scale/long.ts";
import { manySnapshots } from "./scale/snapshots.ts";
import { type Figure, table } from "./scale/figure.ts";

const PARTS = {
  files: (folder: string) => manyFiles(folder, Number(values.files), values.by),
  directory: (folder: string) => largeDirectory(folder, Number(values.entries)),
  long: (folder: string) => longFile(folder, Math.round(Number(values.gib) * 1024 ** 3)),
  edits: (folder: string) => manyEdits(folder, Number(values.edits)),
  snapshots: (folder: string) => manySnapshots(folder, Number(values.snapshots)),
};

const { values } = parseArgs({
  options: {
    only: { type: "string" },
    files: { type: "string", default: "1000000" },
    entries: { type: "string", default: "100000" },
    gib: { type: "string", default: "4" },
    edits: { type: "string", default: "1000000" },
    by: { type: "string", default: "import" },
    snapshots: { type: "string", default: "1000" },
    work: { type: "string", default: fileURLToPath(new URL("../../.lux9/bench", import.meta.url)) },
  },
});

const names = values.only?.split(",") ?? Object.keys(PARTS);
for (const name of names) {
  if (name in PARTS) continue;
  console.error(`There is no part ${name}: allowed are ${Object.keys(PARTS).join(", ")}`);
  Deno.exit(2);
}
await Deno.mkdir(values.work, { recursive: true });
const figures: Figure[] = [];
for (const name of names) {
  const folder = await Deno.makeTempDir({ dir: values.work, prefix: `scale-${name}-` });
  try {
    figures.push(...await PARTS[name as keyof typeof PARTS](join(folder, "home")));
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}
console.log(table(figures));
console.log(`\nThe load average at the end was ${Deno.loadavg()[0].toFixed(1)}.`);
Deno.exit(figures.some(({ met }) => met === false) ? 1 : 0);
