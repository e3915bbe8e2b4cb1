/** For tests and benchmarks: modules from their text form, and an engine in a folder of its own. */
import { createHash } from "node:crypto";
import { join } from "node:path";
import { findLibrary, openLibrary } from "./library.ts";
import type { Limits, RunRequest } from "./run.ts";
import type { Library } from "./symbols.ts";
import { WasmEngine, type WasmEngineOptions } from "./wasm_engine.ts";
import { wasmOf } from "./wat.ts";

export type Source = { hash: string; bytes: Uint8Array<ArrayBuffer> };

export const LIMITS: Limits = {
  memoryBytes: 64 * 1024 ** 2,
  tableElements: 10_000,
  wallMs: 10_000,
  outputBytes: 64 * 1024 ** 2,
  stderrBytes: 4096,
};

let library: Library | undefined;

/** The library, opened once for the process. */
export function theLibrary(): Library {
  return library ??= openLibrary(findLibrary());
}

export function source(bytes: Uint8Array<ArrayBuffer>): Source {
  return { hash: createHash("sha256").update(bytes).digest("hex"), bytes };
}

export function wat(text: string): Source {
  return source(wasmOf(theLibrary().symbols, text));
}

/** A WASI command of that body, with a page of memory and the imports that tests use. */
export function command(body: string, more = ""): Source {
  return wat(`(module
    (import "wasi_snapshot_preview1" "fd_write" (func $fd_write (param i32 i32 i32 i32) (result i32)))
    (import "wasi_snapshot_preview1" "fd_read" (func $fd_read (param i32 i32 i32 i32) (result i32)))
    (import "wasi_snapshot_preview1" "proc_exit" (func $proc_exit (param i32)))
    (memory (export "memory") 2)
    ${more}
    (func (export "_start") ${body}))`);
}

/** Copies its input to its output, in pieces of 64 KiB. */
export const CAT = `(local $n i32)
  (i32.store (i32.const 0) (i32.const 1024)) (i32.store (i32.const 4) (i32.const 65536))
  (loop $more
    (i32.store (i32.const 4) (i32.const 65536))
    (if (call $fd_read (i32.const 0) (i32.const 0) (i32.const 1) (i32.const 8)) (then (call $proc_exit (i32.const 9))))
    (local.set $n (i32.load (i32.const 8)))
    (if (local.get $n) (then
      (i32.store (i32.const 4) (local.get $n))
      (if (call $fd_write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 8)) (then (call $proc_exit (i32.const 8))))
      (br $more))))`;

export interface TestEngine extends AsyncDisposable {
  readonly engine: WasmEngine;
  readonly folder: string;
  request(module: RunRequest["module"], more?: Partial<RunRequest>): RunRequest;
}

export function testEngine(options: Partial<WasmEngineOptions> = {}): TestEngine {
  const folder = Deno.makeTempDirSync({ prefix: "lux9-engine-" });
  const engine = new WasmEngine({ folder: join(folder, "compiled"), ...options });
  let spools = 0;
  return {
    engine,
    folder,
    request: (module, more = {}) => ({
      module,
      args: ["test"],
      limits: LIMITS,
      seed: new Uint8Array(32),
      stdin: { kind: "bytes", bytes: new Uint8Array(0) },
      output: { inlineBytesMax: 64 * 1024, spool: join(folder, `spool.${++spools}`) },
      caller: "alice",
      ...more,
    }),
    async [Symbol.asyncDispose]() {
      await engine.close();
      await Deno.remove(folder, { recursive: true });
    },
  };
}

/** A test that needs the library. Where that is not installed it is skipped, as tools/test.ts counts it. */
export function engineTest(test: Deno.TestDefinition): void {
  const missing = whyNoLibrary();
  if (missing !== undefined) console.log(`SKIP ${test.name}: ${missing}`);
  Deno.test({ ...test, ignore: test.ignore || missing !== undefined });
}

/** What is missing for running modules, and what to do; undefined where nothing is. */
function whyNoLibrary(): string | undefined {
  try {
    findLibrary();
  } catch (thrown) {
    return (thrown as Error).message;
  }
}
