/** Real files to copy about: those that this machine has anyway, headers, documentation and libraries' source. */
import { mustRun } from "../command.ts";

const ROOTS = [
  "/usr/include",
  "/usr/share/doc",
  "/usr/share/perl",
  "/usr/lib/python3",
  "/usr/share/zoneinfo",
];

/** Large files only cost time here: large content is a flow of its own. */
const FILE_BYTES_MAX = 256 * 1024;

/** Writes a tar archive of so many real files, in their folders. The same choice every time on one machine. */
export async function writeSourceTar(path: string, count: number): Promise<void> {
  const files: string[] = [];
  for (const root of ROOTS) {
    for (const file of filesBelow(root)) {
      if (files.length === count) break;
      files.push(file);
    }
  }
  if (files.length < count) {
    throw new Error(`This machine has ${files.length} files below ${ROOTS.join(", ")}, expected ${count}`);
  }
  const list = `${path}.list`;
  await Deno.writeTextFile(list, files.map((file) => file.slice(1) + "\n").join(""));
  await mustRun("tar", ["-C", "/", "-cf", path, "--verbatim-files-from", "-T", list]);
  await Deno.remove(list);
}

function* filesBelow(folder: string): Generator<string> {
  let entries: Deno.DirEntry[];
  try {
    entries = [...Deno.readDirSync(folder)].sort((one, other) => one.name < other.name ? -1 : 1);
  } catch (error) {
    // Not every machine has every root.
    if (error instanceof Deno.errors.NotFound) return;
    throw error;
  }
  for (const entry of entries) {
    const path = `${folder}/${entry.name}`;
    if (entry.isDirectory) yield* filesBelow(path);
    else if (entry.isFile && Deno.statSync(path).size <= FILE_BYTES_MAX) yield path;
  }
}
