/**
 * A process that compiles one module and ends. Nothing can interrupt a compilation, nor bound its memory, within a process
 * that has something else to do; this one may be killed, takes at most so much of both, and gives way to all others.
 *
 * `deno run compile_process.ts ORDER`: a CompileOrder as JSON; where it names no path the module comes by standard input.
 * It writes the file and prints a CompileAnswer.
 */
import { createHash } from "node:crypto";
import { compiledHead } from "./compiled_file.ts";
import { findProblem } from "./command_check.ts";
import { openLibrary } from "./library.ts";
import { compileModule, serializeModule } from "./module.ts";
import { newEngine } from "./settings.ts";

export interface CompileOrder {
  library: string;
  metered: boolean;
  /** Of the .wasm, sha256 in hex. */
  hash: string;
  path?: string;
  bytesMax: number;
  /** The new file. */
  into: string;
  cpuSeconds: number;
  dataBytes: number;
}

/** The first line of what it prints, once the module is all that can go wrong. */
export const COMPILING = "compiling";

export type CompileAnswer =
  | { kind: "compiled"; bytes: number }
  | { kind: "oversized" | "changed" | "unreadable" | "invalid" | "no entry"; message: string };

/** `int setrlimit(int resource, const struct rlimit *limits);` `int setpriority(int which, id_t who, int value);` */
const LIBC = {
  setrlimit: { parameters: ["i32", "buffer"], result: "i32" },
  setpriority: { parameters: ["i32", "u32", "i32"], result: "i32" },
} as const;
const RLIMIT_CPU = 0;
const RLIMIT_DATA = 2;
const RLIMIT_CORE = 4;
const NICE = 10;

if (import.meta.main) console.log(JSON.stringify(await compile(JSON.parse(Deno.args[0]))));

async function compile(order: CompileOrder): Promise<CompileAnswer> {
  limitMyself(order);
  const wasm = await readModule(order);
  if (!(wasm instanceof Uint8Array)) return wasm;
  const digest = createHash("sha256").update(wasm).digest("hex");
  if (digest !== order.hash) {
    return {
      kind: "changed",
      message: `The module has the sha256 ${digest}, and ${order.hash} was asked for`,
    };
  }
  // Wasmtime takes text as well, and nothing at all for a module without anything.
  if (!isBinary(wasm)) {
    const first = [...wasm.subarray(0, 8)].map((byte) => byte.toString(16).padStart(2, "0")).join(" ");
    return {
      kind: "invalid",
      message: `The file is no WebAssembly module: ${first ? `it begins with ${first}` : "it is empty"}`,
    };
  }
  const native = openLibrary(order.library).symbols;
  using engine = newEngine(native, order, 1);
  let module;
  // What goes wrong from here on is the module's doing.
  console.log(COMPILING);
  try {
    module = compileModule(native, engine, wasm);
  } catch (error) {
    return { kind: "invalid", message: (error as Error).message.slice(0, 2000) };
  }
  const problem = findProblem(native, module);
  if (problem !== undefined) return { kind: "no entry", message: problem };
  const code = serializeModule(native, module);
  using file = Deno.openSync(order.into, { write: true, createNew: true, mode: 0o600 });
  for (const part of [compiledHead(code), code]) {
    for (let at = 0; at < part.length;) at += file.writeSync(part.subarray(at));
  }
  file.syncDataSync();
  return { kind: "compiled", bytes: code.length };
}

/** `\0asm` and version 1: anything else is a component, or something else. */
function isBinary(wasm: Uint8Array): boolean {
  return [0, 0x61, 0x73, 0x6d, 1, 0, 0, 0].every((byte, i) => wasm[i] === byte);
}

function limitMyself({ cpuSeconds, dataBytes }: CompileOrder): void {
  const libc = Deno.dlopen("libc.so.6", LIBC);
  const limit = (resource: number, value: number) => {
    const both = new Uint8Array(new BigUint64Array([BigInt(value), BigInt(value)]).buffer);
    if (libc.symbols.setrlimit(resource, both) !== 0) {
      throw new Error(`setrlimit of resource ${resource} failed`);
    }
  };
  limit(RLIMIT_CPU, cpuSeconds);
  limit(RLIMIT_DATA, dataBytes);
  limit(RLIMIT_CORE, 0);
  libc.symbols.setpriority(0, 0, NICE);
}

/** Never more than allowed is read. */
async function readModule(
  { path, bytesMax }: CompileOrder,
): Promise<Uint8Array<ArrayBuffer> | CompileAnswer> {
  if (path === undefined) return new Uint8Array(await new Response(Deno.stdin.readable).arrayBuffer());
  try {
    using file = await Deno.open(path);
    const { size, isFile } = await file.stat();
    if (!isFile) return { kind: "unreadable", message: `${path} is no regular file` };
    if (size > bytesMax) return oversized(size, bytesMax);
    const bytes = new Uint8Array(size);
    for (let at = 0; at < size;) {
      const count = await file.read(bytes.subarray(at));
      if (count === null) return { kind: "changed", message: `${path} became shorter while it was read` };
      at += count;
    }
    return bytes;
  } catch (error) {
    return { kind: "unreadable", message: (error as Error).message };
  }
}

export function oversized(bytes: number, bytesMax: number): CompileAnswer {
  return { kind: "oversized", message: `The module has ${bytes} bytes, allowed are ${bytesMax}` };
}
