/** Modules of the tests, from their text form. */
import { join } from "node:path";
import { theLibrary } from "../../translators/engine/_testing.ts";
import { wasmOf } from "../../translators/engine/wat.ts";

export const wasmOfText = (wat: string): Uint8Array => wasmOf(theLibrary().symbols, wat);

/** Installs a module in a home, with what stands in its manifest behind the name. */
export async function put(home: string, name: string, wasm: Uint8Array, manifest = ""): Promise<void> {
  const folder = join(home, "translators", name);
  await Deno.mkdir(folder, { recursive: true });
  await Deno.writeFile(join(folder, "module.wasm"), wasm);
  await Deno.writeTextFile(join(folder, "manifest.yaml"), `name: ${name}\n${manifest}\n`);
}

/** Writes what is in the file `secret` of its first preopened directory; exit code 7 where it has none. */
export const READS_SECRET = `(module
  (import "wasi_snapshot_preview1" "path_open"
    (func $open (param i32 i32 i32 i32 i32 i64 i64 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_read" (func $read (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_write" (func $write (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
  (memory (export "memory") 1) (data (i32.const 64) "secret")
  (func (export "_start")
    (if (call $open (i32.const 3) (i32.const 0) (i32.const 64) (i32.const 6) (i32.const 0) (i64.const 2) (i64.const 0)
        (i32.const 0) (i32.const 16)) (then (call $exit (i32.const 7))))
    (i32.store (i32.const 0) (i32.const 128)) (i32.store (i32.const 4) (i32.const 1024))
    (if (call $read (i32.load (i32.const 16)) (i32.const 0) (i32.const 1) (i32.const 20)) (then (call $exit (i32.const 8))))
    (i32.store (i32.const 4) (i32.load (i32.const 20)))
    (drop (call $write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 24)))))`;

/** Writes 32 random bytes and the clock: what a result must not depend on. */
export const CHANCE = `(module
  (import "wasi_snapshot_preview1" "random_get" (func $random (param i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "clock_time_get" (func $clock (param i32 i64 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_write" (func $write (param i32 i32 i32 i32) (result i32)))
  (memory (export "memory") 1)
  (func (export "_start")
    (drop (call $random (i32.const 64) (i32.const 32)))
    (drop (call $clock (i32.const 0) (i64.const 1) (i32.const 96)))
    (drop (call $clock (i32.const 1) (i64.const 1) (i32.const 104)))
    (drop (call $clock (i32.const 1) (i64.const 1) (i32.const 112)))
    (i32.store (i32.const 0) (i32.const 64)) (i32.store (i32.const 4) (i32.const 56))
    (drop (call $write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 24)))))`;
