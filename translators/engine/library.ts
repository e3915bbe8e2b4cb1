import { createHash } from "node:crypto";
import { NineError } from "../../9p/mod.ts";
import { type Library, SYMBOLS } from "./symbols.ts";

export const WASMTIME_VERSION = "50.0.1";
/** Of `_libwasmtime.so` in the wheel. The launcher (`lux9`) checks the same. */
export const WASMTIME_SHA256 = "3127ca42fe7cdd3f0a43a358e79177dcfedd46c1746329826403b9d854de6178";
/** What to run where there is none. */
export const WASMTIME_HOW =
  `run \`lux9 wasmtime\`, which installs it with pip, or name a copy of libwasmtime.so ${WASMTIME_VERSION} by LUX9_WASMTIME`;

/** Where the launcher puts it. */
const INSTALLED = new URL(`../../.lux9/wasmtime-${WASMTIME_VERSION}/libwasmtime.so`, import.meta.url);

/** The path of the library, or ENOSYS with what to run. Costs one look at the file system. */
export function findLibrary(): string {
  const named = Deno.env.get("LUX9_WASMTIME");
  const path = named || decodeURIComponent(INSTALLED.pathname);
  try {
    if (Deno.statSync(path).isFile) return path;
  } catch {
    // Said below.
  }
  throw new NineError(
    "ENOSYS",
    named
      ? `LUX9_WASMTIME names ${named}, which is no file that can be read; translators need libwasmtime.so ${WASMTIME_VERSION}`
      : `Translators need wasmtime ${WASMTIME_VERSION}, which is not installed; ${WASMTIME_HOW}`,
  );
}

/**
 * Throws unless the file is the pinned one. Another copy, which LUX9_WASMTIME names, is its owner's choice: what it is
 * gets asked of the self-test.
 */
export function checkLibrary(path: string): void {
  if (Deno.env.get("LUX9_WASMTIME")) return;
  const digest = digestOf(path);
  if (digest === WASMTIME_SHA256) return;
  throw new NineError(
    "ENOSYS",
    `${path} is not the pinned wasmtime ${WASMTIME_VERSION}: its sha256 is ${digest}, not ${WASMTIME_SHA256}; remove it and ${WASMTIME_HOW}`,
  );
}

/** Opens a library that was checked. Native code of the process from here on. */
export function openLibrary(path: string): Library {
  try {
    return Deno.dlopen(path, SYMBOLS);
  } catch (error) {
    throw new NineError(
      "ENOSYS",
      `${path} cannot be used as wasmtime ${WASMTIME_VERSION}: ${(error as Error).message}; ${WASMTIME_HOW}`,
    );
  }
}

/** In pieces: 30 MB at once would stay with the isolate. */
function digestOf(path: string): string {
  const hash = createHash("sha256");
  const piece = new Uint8Array(256 * 1024);
  using file = Deno.openSync(path);
  for (let count = file.readSync(piece); count !== null; count = file.readSync(piece)) {
    hash.update(piece.subarray(0, count));
  }
  return hash.digest("hex");
}
