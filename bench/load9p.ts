import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { MSIZE } from "./cases.ts";

/** What a run of load9p reports. */
export interface Figures {
  readonly opsPerSecond: number;
  readonly megabytesPerSecond: number;
  readonly p50Us: number;
  readonly p99Us: number;
  readonly maxMs: number;
  /** Operations; for `ls`, entries in one listing. */
  readonly count: number;
}

/** Where clients find a subject's tree. */
export interface Place {
  /** As load9p dials it. */
  readonly address: string;
  readonly aname: string;
}

/** Builds the client from bench/load9p.c where it is newer than what was built. */
export async function buildLoad9p(folder: string): Promise<string> {
  const source = fileURLToPath(new URL("load9p.c", import.meta.url));
  const program = join(folder, "load9p");
  const built = await Deno.stat(program).catch(() => undefined);
  const written = (await Deno.stat(source)).mtime;
  if (built?.mtime && written && built.mtime > written) return program;
  const made = `${program}.${Deno.pid}`;
  const { success, stderr } = await new Deno.Command("cc", { args: ["-O2", "-o", made, source] }).output();
  if (!success) throw new Error(`cc could not build load9p: ${new TextDecoder().decode(stderr)}`);
  await Deno.rename(made, program);
  return program;
}

/** Runs it against a place, and fails with what it said. */
export async function load9p(
  program: string,
  place: Place,
  args: readonly string[],
  core?: number,
  paths: readonly string[] = [],
): Promise<Figures> {
  const pinned = core === undefined ? [] : ["taskset", "-c", `${core}`];
  const common = ["-q", "-m", `${MSIZE}`, "-a", place.aname, "-u", await userName()];
  const [first, ...rest] = [...pinned, program, ...common, ...args, place.address, ...paths];
  const child = new Deno.Command(first, { args: rest, stdin: "null", stdout: "piped", stderr: "piped" });
  const { success, stdout, stderr } = await child.output();
  if (!success) {
    throw new Error(`load9p ${args.join(" ")} of ${place.address}: ${new TextDecoder().decode(stderr)}`);
  }
  const numbers = new TextDecoder().decode(stdout).trim().split(" ").map(Number);
  const [opsPerSecond, megabytesPerSecond, p50Us, p99Us, maxMs, count] = numbers;
  return { opsPerSecond, megabytesPerSecond, p50Us, p99Us, maxMs, count };
}

let name: string | undefined;

/** diod serves a user who is not root only where the name is that of the user's number. */
async function userName(): Promise<string> {
  if (name === undefined) {
    const { stdout } = await new Deno.Command("id", { args: ["-un"] }).output();
    name = new TextDecoder().decode(stdout).trim();
  }
  return name;
}
