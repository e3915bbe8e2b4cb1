/** Records what a volume under a load does to its folder. */
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { Random } from "../fuzz/random.ts";
import { straceArgs } from "./trace.ts";

const RECORDED = fileURLToPath(new URL("recorded.ts", import.meta.url));
/** A run has so many processes at most, one after the other: each finds in the kernel what the one before left. */
const PROCESSES_MAX = 3;
/** How long the load of one lasts. */
const LOAD_MS_MIN = 200;
const LOAD_MS_MAX = 1500;

/** Why no run can be recorded here; undefined where one can. */
export function cannotRecord(): string | undefined {
  try {
    const args = [...straceArgs("/dev/null"), "true"];
    const { success, stderr } = new Deno.Command("strace", { args, stdout: "null" }).outputSync();
    return success ? undefined : `strace does not work here: ${new TextDecoder().decode(stderr).trim()}`;
  } catch (thrown) {
    if (thrown instanceof Deno.errors.NotFound) return "strace is not installed";
    throw thrown;
  }
}

/** Runs a load on a copy of `base` under strace; the copy is `live`. */
export async function recordRun(folder: string, base: string, random: Random): Promise<void> {
  await Deno.mkdir(folder);
  await Deno.rename(base, join(folder, "base"));
  const [live, marks] = ["live", "marks"].map((name) => join(folder, name));
  await copyFolder(join(folder, "base"), live);
  await Deno.writeTextFile(marks, "");
  const processes = Array.from({ length: 1 + random.below(PROCESSES_MAX) }, (_, i) => {
    const ms = LOAD_MS_MIN + random.below(LOAD_MS_MAX - LOAD_MS_MIN);
    const args = [
      live,
      marks,
      statesPath(folder, i),
      random.below(2 ** 31),
      ms,
      ...i > 0 ? [statesPath(folder, i - 1)] : [],
    ];
    const words = [Deno.execPath(), "run", "-A", "--no-check", "--cached-only", RECORDED, ...args];
    // Nothing goes on after one that failed, as it left no states.
    return `${words.map((word) => `'${word}'`).join(" ")}; test -f '${statesPath(folder, i)}' || exit 1`;
  });
  const { success, stderr } = await new Deno.Command("strace", {
    args: [...straceArgs(join(folder, "trace")), "sh", "-c", processes.join("\n")],
    ...{ stdin: "null", stdout: "inherit", stderr: "piped", env: { TMPDIR: folder } },
  }).output();
  if (!success) throw new Error(`Recording in ${folder} failed:\n${new TextDecoder().decode(stderr)}`);
}

/** Where a process of a run puts what the states were. */
export function statesPath(folder: string, process: number): string {
  return join(folder, `states-${process}.json`);
}

async function copyFolder(from: string, to: string): Promise<void> {
  await Deno.mkdir(to, { mode: 0o700 });
  for await (const { name, isDirectory } of Deno.readDir(from)) {
    await (isDirectory ? copyFolder : Deno.copyFile)(join(from, name), join(to, name));
  }
}
