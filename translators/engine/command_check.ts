import { WASI_FUNCTIONS, WASI_MODULE } from "../wasi/mod.ts";
import type { Owned } from "./owned.ts";
import type { Native } from "./symbols.ts";
import { VEC_BYTES } from "./vector.ts";

/** What keeps the module from being run as a WASI command, if anything does. Types of imports show when it is linked. */
export function findProblem(native: Native, module: Owned): string | undefined {
  return problemOfImports(native, module) ?? problemOfStart(native, module);
}

function problemOfImports(native: Native, module: Owned): string | undefined {
  const vec = new Uint8Array(VEC_BYTES);
  native.wasmtime_module_imports(module.ptr(), vec);
  try {
    for (const type of pointersIn(vec)) {
      const from = textAt(native.wasm_importtype_module(type));
      const name = textAt(native.wasm_importtype_name(type));
      if (from === WASI_MODULE && WASI_FUNCTIONS.some((wasi) => wasi.name === name)) continue;
      const what = `${from}.${name}`.slice(0, 200);
      return `The module imports ${what}, which is not of WASI preview 1 (${WASI_MODULE}): nobody gives it that`;
    }
  } finally {
    native.wasm_importtype_vec_delete(vec);
  }
}

function problemOfStart(native: Native, module: Owned): string | undefined {
  const vec = new Uint8Array(VEC_BYTES);
  native.wasmtime_module_exports(module.ptr(), vec);
  try {
    for (const type of pointersIn(vec)) {
      if (textAt(native.wasm_exporttype_name(type)) !== "_start") continue;
      const func = native.wasm_externtype_as_functype_const(native.wasm_exporttype_type(type));
      if (func === null) return "What the module exports as _start is no function";
      const params = countIn(native.wasm_functype_params(func));
      const results = countIn(native.wasm_functype_results(func));
      if (params === 0 && results === 0) return undefined;
      return `The module's _start has ${params} parameters and ${results} results, where a WASI command has none`;
    }
    return "The module exports no _start: it is a library, not a WASI command";
  } finally {
    native.wasm_exporttype_vec_delete(vec);
  }
}

/** `size_t size; T **data;` */
function pointersIn(vec: Uint8Array<ArrayBuffer>): NonNullable<Deno.PointerValue>[] {
  const [size, data] = new BigUint64Array(vec.buffer);
  if (size === 0n) return [];
  const view = new Deno.UnsafePointerView(Deno.UnsafePointer.create(data)!);
  return Array.from({ length: Number(size) }, (_, i) => view.getPointer(8 * i)!);
}

function countIn(vec: Deno.PointerValue): number {
  return Number(new Deno.UnsafePointerView(vec!).getBigUint64(0));
}

/** Of a wasm_name_t. */
function textAt(vec: Deno.PointerValue): string {
  const view = new Deno.UnsafePointerView(vec!);
  const size = Number(view.getBigUint64(0));
  if (size === 0) return "";
  return new TextDecoder().decode(
    new Uint8Array(Deno.UnsafePointerView.getArrayBuffer(view.getPointer(8)!, size)).slice(),
  );
}
