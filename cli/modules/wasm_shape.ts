import { NineError, reasonOf } from "../../9p/mod.ts";

/** What a module brings and what it wants, as far as its sections say. */
export interface WasmShape {
  /** `wasi_snapshot_preview1.fd_read`, sorted. */
  readonly imports: readonly string[];
  readonly exports: readonly string[];
}

const WASI = "wasi_snapshot_preview1";
const MAGIC = [0x00, 0x61, 0x73, 0x6d];
const MODULE_VERSION = 1;

/**
 * The imports and exports of a WASI command. EINVAL where the engine could not run it, with what it is instead: a
 * component, a library without a start, or no WebAssembly at all. Nothing of it is run.
 */
export async function wasmShape(bytes: Uint8Array<ArrayBuffer>, what: string): Promise<WasmShape> {
  if (bytes.length < 8 || MAGIC.some((byte, i) => bytes[i] !== byte)) {
    throw new NineError("EINVAL", `${what} is no WebAssembly: it does not begin with \\0asm`);
  }
  if (new DataView(bytes.buffer, bytes.byteOffset).getUint32(4, true) !== MODULE_VERSION) {
    throw new NineError(
      "EINVAL",
      `${what} is a component, and translators are core modules: build it for WASI preview 1 (wasm32-wasip1)`,
    );
  }
  let module: WebAssembly.Module;
  try {
    module = await WebAssembly.compile(bytes);
  } catch (thrown) {
    throw new NineError("EINVAL", `${what} is no valid WebAssembly module: ${reasonOf(thrown)}`);
  }
  const wanted = WebAssembly.Module.imports(module);
  const brought = WebAssembly.Module.exports(module);
  const strange = wanted.find(({ module }) => module !== WASI);
  if (strange) {
    throw new NineError(
      "EINVAL",
      `${what} imports ${strange.module}.${strange.name}; a translator has ${WASI} and nothing else`,
    );
  }
  if (!brought.some(({ name, kind }) => name === "_start" && kind === "function")) {
    throw new NineError(
      "EINVAL",
      `${what} exports no _start: build it as a program (a WASI command), not as a library`,
    );
  }
  return {
    imports: wanted.map(({ module, name }) => `${module}.${name}`).sort(),
    exports: brought.map(({ name }) => name).sort(),
  };
}
