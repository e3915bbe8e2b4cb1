import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { type Source, source } from "../../translators/engine/_testing.ts";

/** A program in Rust, as a module and for this machine. */
export interface Program {
  readonly name: string;
  readonly what: string;
  readonly input: Uint8Array<ArrayBuffer>;
  readonly source: Source;
  readonly wasm: string;
  readonly native: string;
  /** How often it is run in a round. */
  readonly runs: number;
}

const MIB = 1024 * 1024;
const SOURCES = fileURLToPath(new URL("programs", import.meta.url));
const PROGRAMS = [
  {
    name: "small",
    what: "a small command: counts the words of 12 bytes",
    input: new TextEncoder().encode("hello worlds"),
    runs: 300,
  },
  { name: "filter", what: "a filter: 1 MiB to upper case", input: new Uint8Array(MIB).fill(97), runs: 40 },
  { name: "hash", what: "rounds of a hash, a sort, a sieve", input: new Uint8Array(0), runs: 3 },
] as const;

/** Builds them by rustc, which needs its target wasm32-wasip1. */
export async function buildPrograms(folder: string): Promise<Program[]> {
  const programs: Program[] = [];
  for (const program of PROGRAMS) {
    const wasm = join(folder, `${program.name}.wasm`);
    const native = join(folder, program.name);
    await rustc(program.name, wasm, "--target", "wasm32-wasip1");
    await rustc(program.name, native);
    programs.push({ ...program, wasm, native, source: source(await Deno.readFile(wasm)) });
  }
  return programs;
}

async function rustc(name: string, into: string, ...target: string[]): Promise<void> {
  const options = ["--edition", "2021", "-O", "-C", "strip=symbols", ...target];
  const args = [...options, "-o", into, join(SOURCES, `${name}.rs`)];
  const { success, stderr } = await new Deno.Command("rustc", { args, stdout: "null" }).output();
  if (!success) throw new Error(`rustc does not build ${name}.rs: ${new TextDecoder().decode(stderr)}`);
}
