import { createHash } from "node:crypto";
import { join } from "node:path";
import { errnoOf, isRacy, type Later, NineError, reasonOf } from "../../9p/mod.ts";
import { type Capability, defaultManifest, type Manifest, NAME, parseManifest } from "../manifest/mod.ts";
import type { Grants } from "./grants.ts";
import { Health } from "./health.ts";
import type { Module } from "./module.ts";

/** A longer module is refused unread. */
export const MODULE_BYTES_MAX = 64 * 1024 * 1024;
const MANIFEST_BYTES_MAX = 64 * 1024;
/** Modules whose health is remembered. */
const HEALTHS_MAX = 1000;

/** Tells whether a file is the one it was at the last call, unchanged or still missing. */
export interface Stamp {
  isSame(): boolean;
}

interface Known {
  readonly wasm: Stamp;
  readonly manifest: Stamp;
  /** Without its grants. */
  readonly module: Module;
}

/** The installed modules: a folder each, with `module.wasm` and, mostly, `manifest.yaml`. Every look sees changes. */
export class Library {
  readonly #known = new Map<string, Known>();
  readonly #healths = new Map<string, Health>();

  constructor(
    readonly folder: string,
    readonly grants: Grants,
    readonly stampOf: (path: string) => Stamp,
    readonly now: () => number = Date.now,
  ) {}

  /** Whether there is a module of that name, by a look at the folder only. */
  has(name: string): boolean {
    return NAME.test(name) && statOf(join(this.folder, name, "module.wasm")) !== undefined;
  }

  /** Names of the installed modules, sorted. */
  names(): string[] {
    let found: Deno.DirEntry[];
    try {
      found = [...Deno.readDirSync(this.folder)];
    } catch {
      return [];
    }
    return found.map(({ name }) => name).filter((name) => this.has(name)).sort();
  }

  /** The module as it is now: ENOENT, or what is wrong with its files. Its bytes are read only if they are new. */
  get(name: string): Later<Module> {
    const known = this.#known.get(name);
    if (known) {
      // Both, so that each tells of changes since now.
      const [wasmIsSame, manifestIsSame] = [known.wasm.isSame(), known.manifest.isSame()];
      if (wasmIsSame && manifestIsSame) return this.#withGrants(known.module);
      this.#known.delete(name);
    }
    const path = join(this.folder, name, "module.wasm");
    const manifestPath = join(this.folder, name, "manifest.yaml");
    const stamps = { wasm: this.stampOf(path), manifest: this.stampOf(manifestPath) };
    // From before the files are read.
    stamps.wasm.isSame();
    stamps.manifest.isSame();
    const wasm = NAME.test(name) ? statOf(path) : undefined;
    if (!wasm) {
      throw new NineError(
        "ENOENT",
        `No translator ${name} is installed: "lux9 translator ls" shows those that are, ` +
          `"lux9 translator install" adds one`,
      );
    }
    if (wasm.size > MODULE_BYTES_MAX) {
      throw new NineError("EFBIG", `${path} has ${wasm.size} bytes, allowed are ${MODULE_BYTES_MAX}`);
    }
    const manifestStat = statOf(manifestPath);
    const manifest = manifestStat ? readManifest(manifestPath, manifestStat, name) : defaultManifest(name);
    const changedMs = Math.max(wasm.ctime?.getTime() ?? 0, manifestStat?.ctime?.getTime() ?? 0);
    return this.#read(name, path, manifest, (module) => {
      if (!isRacy(this.now() - changedMs)) this.#known.set(name, { ...stamps, module });
    });
  }

  async #read(
    name: string,
    path: string,
    manifest: Manifest,
    keep: (module: Module) => void,
  ): Promise<Module> {
    const bytes = await Deno.readFile(path);
    const hash = bytes.byteLength > 1024 * 1024
      ? await digest(bytes)
      : createHash("sha256").update(bytes).digest("hex");
    const module = { name, path, hash, size: bytes.byteLength, manifest, grants: [] };
    keep(module);
    return this.#withGrants(module);
  }

  #withGrants(module: Module): Module {
    return module.manifest.capabilities.length === 0 ? module : { ...module, grants: this.#granted(module) };
  }

  /** What was granted to this very content, of what it requests now. */
  #granted({ hash, manifest }: Module): readonly Capability[] {
    const granted = this.grants.of(hash);
    return manifest.capabilities.filter(({ read }) => granted.some((one) => one.read === read));
  }

  /** How the module of that name has been doing. */
  health(name: string): Health {
    let health = this.#healths.get(name);
    if (!health) {
      this.#healths.set(name, health = new Health(name, this.now));
      if (this.#healths.size > HEALTHS_MAX) this.#healths.delete(this.#healths.keys().next().value!);
    }
    return health;
  }
}

function statOf(path: string): Deno.FileInfo | undefined {
  try {
    const info = Deno.statSync(path);
    return info.isFile ? info : undefined;
  } catch {
    return undefined;
  }
}

function readManifest(path: string, { size }: Deno.FileInfo, name: string): Manifest {
  if (size > MANIFEST_BYTES_MAX) {
    throw new NineError("EFBIG", `${path} has ${size} bytes, allowed are ${MANIFEST_BYTES_MAX}`);
  }
  try {
    const manifest = parseManifest(Deno.readTextFileSync(path), `/translators/${name}/manifest.yaml`);
    if (manifest.name !== name) {
      throw new NineError("EINVAL", `${path} is of ${manifest.name}, and the folder's name is ${name}`);
    }
    return manifest;
  } catch (thrown) {
    throw new NineError(errnoOf(thrown), reasonOf(thrown));
  }
}

async function digest(bytes: Uint8Array<ArrayBuffer>): Promise<string> {
  return new Uint8Array(await crypto.subtle.digest("SHA-256", bytes)).toHex();
}
