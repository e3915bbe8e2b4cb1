/**
 * A compiled module on disk: a line that says so, the sha256 of what follows, and what wasmtime made. To load it is to
 * run native code, so it is read once, checked, and loaded from the very bytes that were checked.
 */
import { createHash } from "node:crypto";

const MAGIC = new TextEncoder().encode("lux9 cwasm 1   \n");
const DIGEST_BYTES = 32;
export const COMPILED_HEAD_BYTES = MAGIC.length + DIGEST_BYTES;

export function compiledHead(code: Uint8Array): Uint8Array {
  const head = new Uint8Array(COMPILED_HEAD_BYTES);
  head.set(MAGIC);
  head.set(createHash("sha256").update(code).digest(), MAGIC.length);
  return head;
}

/** The code, or undefined if the file is not there or not whole. */
export function readCompiled(file: string): Uint8Array<ArrayBuffer> | undefined {
  let bytes: Uint8Array<ArrayBuffer>;
  try {
    bytes = Deno.readFileSync(file);
  } catch {
    return undefined;
  }
  if (bytes.length <= COMPILED_HEAD_BYTES) return undefined;
  const code = bytes.subarray(COMPILED_HEAD_BYTES);
  const head = compiledHead(code);
  for (let i = 0; i < COMPILED_HEAD_BYTES; i++) if (bytes[i] !== head[i]) return undefined;
  return code;
}
