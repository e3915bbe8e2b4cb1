import { createHash } from "node:crypto";
import { join } from "node:path";
import { CompileFailure, Compiler, type CompilerOptions } from "./compiler.ts";
import type { ModuleTicket } from "./messages.ts";
import type { ModuleSource } from "./run.ts";
import { fingerprint } from "./settings.ts";

/** Modules in memory that nobody uses at the moment and that are kept all the same. */
const LOADED_MAX = 64;
/** Reasons that are remembered, so that a module that cannot be compiled is not tried at each read, and for how long. */
const FAILURES_MAX = 256;
const INVALID_MS = 3_600_000;
const SLOW_MS = 600_000;
const TMP_AGE_MS = 86_400_000;

export interface ModuleStoreOptions extends CompilerOptions {
  /** Made if missing, with mode 0700: what is in there is native code. */
  readonly folder: string;
  /** Of all compiled modules together. */
  readonly folderBytesMax: number;
  /** Workers are to forget it, and one of them is to delete what is at the address. */
  readonly onDrop: (key: string, address: bigint | undefined) => void;
}

interface Known {
  readonly key: string;
  readonly metered: boolean;
  readonly file: string;
  address?: bigint;
  /** Runs that use it. */
  pins: number;
}

/** A module that a run may use until it says `release`. */
export interface Pin {
  ticket(): ModuleTicket;
  /** It was loaded from its file. */
  loaded(address: bigint): void;
  release(): void;
}

/** Compiled modules: on disk by content, in memory for all Workers. */
export class ModuleStore {
  readonly #options: ModuleStoreOptions;
  readonly #compiler: Compiler;
  readonly #known = new Map<string, Known>();
  readonly #coming = new Map<string, Promise<Known>>();
  readonly #failures = new Map<string, { error: CompileFailure; until: number }>();
  #isPrepared = false;

  constructor(options: ModuleStoreOptions) {
    this.#options = options;
    this.#compiler = new Compiler(options);
  }

  /** At once where the module is known. */
  pin(source: ModuleSource, metered: boolean, library: string, caller: string): Pin | Promise<Pin> {
    const key = keyOf(source.hash, metered);
    const known = this.#known.get(key);
    if (known !== undefined) {
      // The last one used is the last one dropped.
      this.#known.delete(key);
      this.#known.set(key, known);
      return this.#pin(known);
    }
    return this.#come(key, source, metered, library, caller).then((known) => this.#pin(known));
  }

  /** The compiled file turned out to be of no use. */
  async stale({ key, file }: ModuleTicket): Promise<void> {
    const known = this.#known.get(key);
    if (known?.address !== undefined) return;
    this.#known.delete(key);
    await Deno.remove(file).catch(() => {});
  }

  close(): void {
    this.#compiler.close();
  }

  #come(
    key: string,
    source: ModuleSource,
    metered: boolean,
    library: string,
    caller: string,
  ): Promise<Known> {
    let coming = this.#coming.get(key);
    if (coming === undefined) {
      coming = this.#make(key, source, metered, library, caller).finally(() => this.#coming.delete(key));
      this.#coming.set(key, coming);
    }
    return coming;
  }

  async #make(
    key: string,
    source: ModuleSource,
    metered: boolean,
    library: string,
    caller: string,
  ): Promise<Known> {
    const failed = this.#failures.get(key);
    if (failed !== undefined && performance.now() < failed.until) throw failed.error;
    this.#failures.delete(key);
    await this.#prepare();
    const file = join(this.#options.folder, `${key}.cwasm`);
    if (!await touch(file)) {
      try {
        const made = await this.#compiler.compile(source, metered, library, this.#options.folder, caller);
        await Deno.rename(made, file);
        await this.#prune(file);
      } catch (error) {
        if (error instanceof CompileFailure) this.#remember(key, error);
        throw error;
      }
    }
    const known: Known = { key, metered, file, pins: 0 };
    this.#known.set(key, known);
    return known;
  }

  #pin(known: Known): Pin {
    known.pins++;
    let isReleased = false;
    return {
      ticket: () => ({
        key: known.key,
        metered: known.metered,
        file: known.file,
        ...(known.address !== undefined && { address: known.address }),
      }),
      loaded: (address) => {
        // Two Workers loaded it at once, or it is of no more use: this one is one too many. Its Worker has linked it.
        if (known.address !== undefined || this.#known.get(known.key) !== known) {
          this.#options.onDrop("", address);
        } else known.address = address;
      },
      release: () => {
        if (isReleased) return;
        isReleased = true;
        known.pins--;
        this.#dropUnused();
      },
    };
  }

  #dropUnused(): void {
    if (this.#known.size <= LOADED_MAX) return;
    for (const [key, { pins, address }] of this.#known) {
      if (pins > 0) continue;
      this.#known.delete(key);
      this.#options.onDrop(key, address);
      if (this.#known.size <= LOADED_MAX) return;
    }
  }

  #remember(key: string, error: CompileFailure): void {
    const keepMs = {
      "invalid module": INVALID_MS,
      "link": INVALID_MS,
      "slow compile": SLOW_MS,
    }[error.failure.reason as string];
    if (keepMs === undefined) return;
    for (const oldest of this.#failures.keys()) {
      if (this.#failures.size < FAILURES_MAX) break;
      this.#failures.delete(oldest);
    }
    this.#failures.set(key, { error, until: performance.now() + keepMs });
  }

  async #prepare(): Promise<void> {
    if (this.#isPrepared) return;
    this.#isPrepared = true;
    const { folder } = this.#options;
    await Deno.mkdir(folder, { recursive: true, mode: 0o700 });
    await Deno.chmod(folder, 0o700);
    // What a compilation that was killed has left.
    for await (const { name } of Deno.readDir(folder)) {
      if (!name.startsWith("tmp.")) continue;
      const path = join(folder, name);
      const { mtime } = await Deno.stat(path);
      if (Date.now() - (mtime?.getTime() ?? 0) > TMP_AGE_MS) await Deno.remove(path);
    }
  }

  /** Removes the files that were not used for the longest time, but not the new one. */
  async #prune(newest: string): Promise<void> {
    const { folder, folderBytesMax } = this.#options;
    const files: { path: string; bytes: number; usedAt: number }[] = [];
    for await (const { name } of Deno.readDir(folder)) {
      if (!name.endsWith(".cwasm")) continue;
      const path = join(folder, name);
      const { size, mtime } = await Deno.stat(path);
      files.push({ path, bytes: size, usedAt: mtime?.getTime() ?? 0 });
    }
    let total = files.reduce((sum, { bytes }) => sum + bytes, 0);
    for (const { path, bytes } of files.toSorted((a, b) => a.usedAt - b.usedAt)) {
      if (total <= folderBytesMax) return;
      if (path === newest) continue;
      await Deno.remove(path);
      total -= bytes;
    }
  }
}

const SETTINGS = {
  plain: digest(fingerprint({ metered: false })),
  metered: digest(fingerprint({ metered: true })),
};

/** Content and whatever changes compiled code. */
function keyOf(hash: string, metered: boolean): string {
  return `${hash}-${metered ? SETTINGS.metered : SETTINGS.plain}`;
}

function digest(text: string): string {
  return createHash("sha256").update(text).digest("hex").slice(0, 16);
}

/** Whether the file is there; its time then says that it is in use. */
async function touch(file: string): Promise<boolean> {
  try {
    const now = new Date();
    await Deno.utime(file, now, now);
    return true;
  } catch {
    return false;
  }
}
