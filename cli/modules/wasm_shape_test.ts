import assert from "node:assert/strict";
import { join } from "node:path";
import { galleryFolder } from "../../translators/gallery/mod.ts";
import { wasmShape } from "./wasm_shape.ts";

/** `\0asm`, version 1, and these sections: id, length, body. */
function wasm(...sections: readonly (readonly number[])[]): Uint8Array<ArrayBuffer> {
  const body = sections.flatMap(([id, ...bytes]) => [id, bytes.length, ...bytes]);
  return Uint8Array.from([0, 0x61, 0x73, 0x6d, 1, 0, 0, 0, ...body]);
}

const text = (word: string) => [word.length, ...new TextEncoder().encode(word)];
/** One type: no arguments, no results. */
const TYPES = [1, 1, 0x60, 0, 0];
const FUNCTIONS = [3, 1, 0];
const CODE = [10, 1, 2, 0, 0x0b];

Deno.test("wasmShape tells the imports of a command, and does not run it", async () => {
  const bytes = await Deno.readFile(join(galleryFolder("head"), "module.wasm"));
  const { imports, exports } = await wasmShape(bytes, "head");
  assert.ok(imports.includes("wasi_snapshot_preview1.fd_read"), String(imports));
  assert.ok(exports.includes("_start"));
  const own = await wasmShape(wasm(TYPES, FUNCTIONS, [7, 1, ...text("_start"), 0, 0], CODE), "own");
  assert.deepEqual(own, { imports: [], exports: ["_start"] });
});

for (
  const [what, bytes, complaint] of [
    ["an empty file", new Uint8Array(), /no WebAssembly/],
    ["a script", new TextEncoder().encode("#!/bin/sh\necho"), /no WebAssembly/],
    ["a component", Uint8Array.from([0, 0x61, 0x73, 0x6d, 0x0d, 0, 1, 0]), /wasm32-wasip1/],
    ["a cut module", wasm(TYPES).subarray(0, 11), /no valid WebAssembly/],
    ["a library", wasm(TYPES, FUNCTIONS, [7, 1, ...text("run"), 0, 0], CODE), /exports no _start/],
    ["an import of another host", wasm(TYPES, [2, 1, ...text("env"), ...text("f"), 0, 0]), /imports env\.f/],
  ] as const
) {
  Deno.test(`wasmShape refuses ${what} and says what it is`, async () => {
    await assert.rejects(wasmShape(bytes, "it"), complaint);
  });
}
