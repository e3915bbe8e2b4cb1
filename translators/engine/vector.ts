import type { Pointer } from "./owned.ts";
import type { Native } from "./symbols.ts";

/** sizeof(wasm_byte_vec_t): `size_t size; char *data;` */
export const VEC_BYTES = 16;
/** A message beyond that is cut. */
const MESSAGE_BYTES_MAX = 64 * 1024;

/** Takes what native code put into a `wasm_byte_vec_t`, and frees it. */
export function takeBytes(
  native: Native,
  vec: Uint8Array<ArrayBuffer>,
  bytesMax: number,
): Uint8Array<ArrayBuffer> {
  try {
    const [size, data] = new BigUint64Array(vec.buffer, vec.byteOffset, 2);
    if (size === 0n) return new Uint8Array(0);
    const bytes = new Uint8Array(Math.min(Number(size), bytesMax));
    new Deno.UnsafePointerView(Deno.UnsafePointer.create(data)!).copyInto(bytes);
    return bytes;
  } finally {
    native.wasm_byte_vec_delete(vec);
  }
}

export function takeText(native: Native, vec: Uint8Array<ArrayBuffer>): string {
  return new TextDecoder().decode(takeBytes(native, vec, MESSAGE_BYTES_MAX));
}

/** The text of an error that the caller owns; the error is deleted. */
export function takeErrorText(native: Native, error: Pointer): string {
  try {
    const message = new Uint8Array(VEC_BYTES);
    native.wasmtime_error_message(error, message);
    return takeText(native, message);
  } finally {
    native.wasmtime_error_delete(error);
  }
}
