import { NineError } from "../../error.ts";
import { S } from "../../qid.ts";
import { type CopyAttr, type CopySide, DIRECTORY_MODE, type Wanted } from "./side.ts";
import { Slots } from "./slots.ts";

export interface CopyOptions {
  /** Keep permission bits and times. Default: true. */
  readonly preserve?: boolean | "mode";
  /** Files that are copied at a time. */
  readonly concurrency?: number;
  readonly onProgress?: (progress: Readonly<CopyResult>, path: string) => void;
  /** Told of each file that could not be copied; the others go on. Absent: the first failure ends the copy. */
  readonly onError?: (path: string, thrown: unknown) => void;
  readonly signal?: AbortSignal;
}

/** What was done, so far or in all. */
export interface CopyResult {
  files: number;
  directories: number;
  /** Symbolic links, devices, fifos and sockets. */
  others: number;
  bytes: number;
  failed: number;
}

export interface Place {
  readonly side: CopySide;
  readonly path: string;
}

/** Work that has begun; `done` never rejects. (A bare promise of it would be waited for.) */
interface Begun {
  readonly done: Promise<void>;
}

const CONCURRENCY = 16;
/** PATH_MAX allows no deeper tree to be named. */
const DEPTH_MAX = 2048;

/**
 * Copies a file, or a directory with all that is in it, to the path `target`. Directories that are there are filled up,
 * files are replaced. Links are copied as links. A directory gets its own permissions and times once it is full.
 */
export async function copyTree(source: Place, target: Place, options: CopyOptions = {}): Promise<CopyResult> {
  const copy = new Copy(source, target, options);
  return await copy.run();
}

class Copy {
  readonly #result: CopyResult = { files: 0, directories: 0, others: 0, bytes: 0, failed: 0 };
  readonly #slots: Slots;
  readonly #source: Place;
  readonly #target: Place;
  readonly #options: CopyOptions;
  #failure: { readonly thrown: unknown } | undefined;

  constructor(source: Place, target: Place, options: CopyOptions) {
    this.#source = source;
    this.#target = target;
    this.#options = options;
    this.#slots = new Slots(options.concurrency ?? CONCURRENCY);
  }

  async run(): Promise<CopyResult> {
    const { side, path } = this.#source;
    const attr = await side.lstat(path, this.#options.signal);
    if (!attr) throw new NineError("ENOENT", `No such file: ${JSON.stringify(path)}`);
    if (isDirectory(attr) && side === this.#target.side && isWithin(this.#target.path, path)) {
      throw new NineError("EINVAL", `${JSON.stringify(path)} cannot be copied into itself`);
    }
    await (await this.#visit("", attr, 0)).done;
    this.#options.signal?.throwIfAborted();
    if (this.#failure) throw this.#failure.thrown;
    return this.#result;
  }

  get #isOver(): boolean {
    return this.#failure !== undefined || this.#options.signal?.aborted === true;
  }

  /** Starts on what is at `below`, once there is a free slot for it. */
  async #visit(below: string, attr: CopyAttr, depth: number): Promise<Begun> {
    if (isDirectory(attr)) return await this.#directory(below, attr, depth);
    const free = await this.#slots.take();
    return { done: this.#guard(below, () => this.#leaf(below, attr)).finally(free) };
  }

  async #directory(below: string, attr: CopyAttr, depth: number): Promise<Begun> {
    const { signal, preserve = true } = this.#options;
    const under = new Set<Promise<void>>();
    await this.#guard(below, async () => {
      if (depth > DEPTH_MAX) {
        throw new NineError("ENAMETOOLONG", `The tree is deeper than ${DEPTH_MAX} directories`);
      }
      await this.#target.side.mkdir(this.#to(below), preserve ? attr.mode : DIRECTORY_MODE, signal);
      // A name that a server lists twice is copied once: the second could lead through the first.
      const seen = new Set<string>();
      for await (const name of this.#source.side.names(this.#from(below), signal)) {
        if (this.#isOver) return;
        if (seen.has(name)) continue;
        seen.add(name);
        await this.#child(`${below}/${name}`, depth, under);
      }
    });
    const done = Promise.all(under).then(() => {
      if (this.#isOver) return;
      return this.#guard(below, async () => {
        if (preserve) await this.#target.side.finish(this.#to(below), wanted(attr, preserve), signal);
        this.#result.directories++;
        this.#progress(below);
      });
    });
    return { done };
  }

  async #child(path: string, depth: number, under: Set<Promise<void>>): Promise<void> {
    await this.#guard(path, async () => {
      const attr = await this.#source.side.lstat(this.#from(path), this.#options.signal);
      // What has gone since it was listed is not there to copy.
      if (!attr) return;
      const { done } = await this.#visit(path, attr, depth + 1);
      const kept = done.finally(() => under.delete(kept));
      under.add(kept);
    });
  }

  async #leaf(below: string, attr: CopyAttr): Promise<void> {
    if (this.#isOver) return;
    const { signal, preserve = true } = this.#options;
    const { side } = this.#target;
    const from = this.#from(below);
    const to = this.#to(below);
    switch (attr.mode & S.IFMT) {
      case S.IFREG: {
        await using source = await this.#source.side.source(from, attr.size, signal);
        await side.write(to, source, preserve ? wanted(attr, preserve) : {}, (bytes) => {
          this.#result.bytes += bytes;
          this.#progress(below);
        }, signal);
        this.#result.files++;
        break;
      }
      case S.IFLNK:
        await side.symlink(to, await this.#source.side.readlink(from, signal), signal);
        this.#result.others++;
        break;
      default:
        await side.special(to, attr, signal);
        this.#result.others++;
    }
    this.#progress(below);
  }

  async #guard(below: string, action: () => Promise<void>): Promise<void> {
    try {
      await action();
    } catch (thrown) {
      if (this.#options.signal?.aborted) return;
      this.#result.failed++;
      if (this.#options.onError) this.#options.onError(this.#from(below), thrown);
      else this.#failure ??= { thrown };
    }
  }

  #progress(below: string): void {
    this.#options.onProgress?.(this.#result, this.#from(below));
  }
  #from(below: string): string {
    return join(this.#source.path, below);
  }
  #to(below: string): string {
    return join(this.#target.path, below);
  }
}

function isDirectory({ mode }: CopyAttr): boolean {
  return (mode & S.IFMT) === S.IFDIR;
}

function wanted({ mode, atime, mtime }: CopyAttr, preserve: true | "mode"): Wanted {
  return { mode: mode & 0o7777, ...(preserve === "mode" ? {} : { atime, mtime }) };
}

function join(path: string, below: string): string {
  return path.endsWith("/") && below !== "" ? path + below.slice(1) : path + below;
}

function isWithin(path: string, dir: string): boolean {
  return path === dir || path.startsWith(dir.endsWith("/") ? dir : `${dir}/`);
}
