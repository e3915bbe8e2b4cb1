import type { Native } from "./symbols.ts";
import { takeBytes, takeErrorText, VEC_BYTES } from "./vector.ts";

/** WebAssembly from its text form; for the self-test and for tests. */
export function wasmOf(native: Native, text: string): Uint8Array<ArrayBuffer> {
  const wat = new TextEncoder().encode(text);
  const vec = new Uint8Array(VEC_BYTES);
  const error = native.wasmtime_wat2wasm(wat, BigInt(wat.length), vec);
  if (error !== null) throw new Error(takeErrorText(native, error));
  return takeBytes(native, vec, 64 * 1024 * 1024);
}
