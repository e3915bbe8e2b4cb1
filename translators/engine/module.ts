import { Owned } from "./owned.ts";
import type { Native } from "./symbols.ts";
import { takeBytes, takeErrorText, VEC_BYTES } from "./vector.ts";

export function moduleOf(native: Native, pointer: Deno.PointerValue): Owned {
  return new Owned("module", pointer, (module) => native.wasmtime_module_delete(module));
}

/** A module from its .wasm. It is the only place that compiles, and cannot be interrupted. */
export function compileModule(native: Native, engine: Owned, wasm: Uint8Array<ArrayBuffer>): Owned {
  const slot = new BigUint64Array(1);
  const out = new Uint8Array(slot.buffer);
  refuse(native, native.wasmtime_module_new(engine.ptr(), wasm, BigInt(wasm.length), out));
  return moduleOf(native, Deno.UnsafePointer.create(slot[0]));
}

export function serializeModule(native: Native, module: Owned): Uint8Array<ArrayBuffer> {
  const vec = new Uint8Array(VEC_BYTES);
  refuse(native, native.wasmtime_module_serialize(module.ptr(), vec));
  return takeBytes(native, vec, Infinity);
}

/** Throws the error that a function returned, if it did. */
export function refuse(native: Native, error: Deno.PointerValue): void {
  if (error !== null) throw new Error(takeErrorText(native, error).trimEnd());
}
