import { createHash } from "node:crypto";
import { basename, dirname, join, resolve } from "node:path";
import { NineError } from "../../9p/mod.ts";
import { MODULE_BYTES_MAX } from "../../translators/library/mod.ts";
import { defaultManifest, type Manifest, NAME, parseManifest } from "../../translators/manifest/mod.ts";

export const WASM = "module.wasm";
export const MANIFEST = "manifest.yaml";
/** No manifest that `parseManifest` takes is longer. */
const MANIFEST_BYTES_MAX = 256 * 1024;

/** A module as it stands on this machine: its folder, or a `.wasm` alone. */
export interface ModuleFiles {
  readonly name: string;
  /** Of the `.wasm`. */
  readonly path: string;
  readonly bytes: Uint8Array<ArrayBuffer>;
  /** SHA-256, hex. */
  readonly hash: string;
  readonly manifest: Manifest;
  /** The text of `manifest.yaml`, where there is one. */
  readonly manifestText: string | undefined;
}

/** Reads a folder with `module.wasm` and maybe `manifest.yaml`, or a file. ENOENT, EFBIG, or what is wrong with it. */
export async function readModuleFiles(path: string): Promise<ModuleFiles> {
  const isFolder = (await statOf(path))?.isDirectory;
  const wasm = isFolder ? join(path, WASM) : path;
  const info = await statOf(wasm);
  if (!info?.isFile) {
    const advice = isFolder ? `: build it by "lux9 translator build ${path}"` : "";
    throw new NineError("ENOENT", `There is no module ${wasm}${advice}`);
  }
  if (info.size > MODULE_BYTES_MAX) {
    throw new NineError("EFBIG", `${wasm} has ${info.size} bytes, allowed are ${MODULE_BYTES_MAX}`);
  }
  const bytes = await Deno.readFile(wasm);
  const hash = createHash("sha256").update(bytes).digest("hex");
  // A manifest is of the module that has the name by which modules are installed; others are of somebody else.
  const manifestText = basename(wasm) === WASM
    ? await readManifest(join(dirname(wasm), MANIFEST))
    : undefined;
  const manifest = manifestText === undefined
    ? defaultManifest(nameFrom(wasm))
    : parseManifest(manifestText, join(dirname(wasm), MANIFEST));
  return { name: manifest.name, path: wasm, bytes, hash, manifest, manifestText };
}

/** A name out of the file's, or its folder's; people choose another by `--name`. */
function nameFrom(wasm: string): string {
  const file = basename(wasm) === WASM ? basename(dirname(resolve(wasm))) : basename(wasm, ".wasm");
  const name = file.toLowerCase().replace(/[^a-z0-9-]+/g, "-").replace(/^[^a-z]+/, "").slice(0, 32);
  return NAME.test(name) ? name : "module";
}

async function readManifest(path: string): Promise<string | undefined> {
  const info = await statOf(path);
  if (!info) return undefined;
  if (info.size > MANIFEST_BYTES_MAX) {
    throw new NineError(
      "EFBIG",
      `${path} has ${info.size} bytes, a manifest has at most ${MANIFEST_BYTES_MAX}`,
    );
  }
  return await Deno.readTextFile(path);
}

async function statOf(path: string): Promise<Deno.FileInfo | undefined> {
  try {
    return await Deno.stat(path);
  } catch (thrown) {
    if (thrown instanceof Deno.errors.NotFound || thrown instanceof Deno.errors.NotADirectory) {
      return undefined;
    }
    throw thrown;
  }
}
