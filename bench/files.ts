import { join } from "node:path";
import type { Case } from "./cases.ts";
import { load9p, type Place } from "./load9p.ts";

/** Bytes of the file that is read; it stays in the page cache. */
const BIG_BYTES = 32 << 20;
/** load9p's writes wrap here, so that the file does not grow while it is measured. */
const OUT_BYTES = 64 << 20;
const SMALL_FILES = 10_000;
const SMALL_BYTES_MAX = 2048;

const BIG = "big";
const OUT = "out";
const SMALL = "small";
const LIST = "small.list";

/** Makes the files that every subject serves. */
export async function makeHostFiles(folder: string): Promise<void> {
  await Deno.mkdir(join(folder, SMALL), { recursive: true });
  const chunk = new Uint8Array(1 << 20).map((_, i) => i * 31);
  for (const [name, size] of [[BIG, BIG_BYTES], [OUT, OUT_BYTES]] as const) {
    using file = await Deno.open(join(folder, name), { create: true, write: true, truncate: true });
    for (let written = 0; written < size; written += chunk.length) await file.write(chunk);
  }
  const names = Array.from({ length: SMALL_FILES }, (_, i) => `${SMALL}/f${String(i).padStart(6, "0")}`);
  for (const [i, name] of names.entries()) {
    Deno.writeFileSync(join(folder, name), chunk.subarray(0, i * 37 % SMALL_BYTES_MAX));
  }
  await Deno.writeTextFile(join(folder, LIST), names.join("\n") + "\n");
}

/** The same for the tree in memory, as far as the cases need it. */
export async function makeMemFiles(program: string, place: Place): Promise<void> {
  await load9p(program, place, ["-o", "put", "-f", BIG, "-s", `${BIG_BYTES}`]);
}

/** load9p's arguments for a case. */
export function loadOf({ op, depth, size }: Case, folder: string, seconds: number): string[] {
  const args = ["-o", op, "-d", `${depth}`];
  switch (op) {
    case "stat":
      return [...args, "-f", BIG, "-t", `${seconds}`];
    case "read":
      return [...args, "-f", BIG, "-s", `${size}`, "-t", `${seconds}`];
    case "write":
      return [...args, "-f", OUT, "-s", `${size}`, "-t", `${seconds}`];
    case "cat":
      return [...args, "-F", join(folder, LIST), "-n", `${SMALL_FILES}`];
    case "ls":
      return [...args, "-f", SMALL, "-t", `${seconds}`];
  }
}
