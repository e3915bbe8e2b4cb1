import type { Lent } from "../../9p/mod.ts";
import { Extents, type ExtentSource } from "../../state/operation/mod.ts";
import type { Logged, StoredContent, VolumeStore } from "./store.ts";

/** A file with more written to it than this, bytes or changes, gets a version while it is still written. */
const VERSION_BYTES = 256 * 1024 * 1024;
const VERSION_CHANGES = 65_536;
/** Below this a copy costs less. */
const LENT_BYTES_MIN = 32 * 1024;

/** A change of contents that is in the log and in no version yet. */
interface Change extends Logged {
  /** Where a write begins; undefined for a cut. */
  readonly start: number | undefined;
  /** Where a write ends, or what the file was cut or extended to. */
  readonly end: number;
  /** Why it cannot be read, where that is so. */
  readonly lost?: string;
}

/** The contents of a regular file: the settled version, and over it what was written since, which is read from the log. */
export class Contents {
  readonly ino: number;
  #changes: Change[] = [];
  #extents: Extents;
  /** The settled version, once it was asked for; of nothing but zeros there is none. */
  #base: StoredContent | undefined;
  /** What to open it by; undefined where the index has a newer one. */
  #content: Uint8Array | null | undefined;
  /** What was written since the last version was asked for. */
  #bytesSince = 0;
  #changesSince = 0;

  constructor(ino: number, content: Uint8Array | null, size: number) {
    this.ino = ino;
    this.#content = content;
    this.#extents = new Extents(size);
  }

  get size(): number {
    return this.#extents.size;
  }

  /** How many changes are in no version yet. */
  get changes(): number {
    return this.#changes.length;
  }

  write({ number, segment, position }: Logged, start: number, end: number, lost?: string): void {
    this.#changes.push({ number, start, end, segment, position, lost });
    this.#bytesSince += end - start;
    this.#changesSince++;
    this.#extents.write(start, end, { segment, position, lost });
  }

  cut({ number, segment, position }: Logged, size: number): void {
    this.#changes.push({ number, start: undefined, end: size, segment, position });
    this.#changesSince++;
    this.#extents.cut(size);
  }

  /** Whether so much was written that a version is to be made of it. */
  get isVersionDue(): boolean {
    return this.#bytesSince > VERSION_BYTES || this.#changesSince > VERSION_CHANGES;
  }

  /** A version of what is there now was asked for; it takes its time. */
  versionAsked(): void {
    this.#bytesSince = this.#changesSince = 0;
  }

  /** What was done up to that operation is the settled version now, and need no longer be in the log. */
  settled(number: number): void {
    this.#changes = this.#changes.filter((change) => change.number > number);
    this.#content = undefined;
    this.#base = undefined;
  }

  /** What that operation wrote cannot be read from the log. */
  lose(number: number, reason: string): void {
    this.#changes = this.#changes.map((change) =>
      change.number === number ? { ...change, lost: reason } : change
    );
    // What it is made of is put together again, with what came later on top.
    this.#content = undefined;
    this.#base = undefined;
  }

  /** The file has another version, and nothing was written since. */
  replace(content: Uint8Array | null, size: number): void {
    this.#changes = [];
    this.versionAsked();
    this.#content = content;
    this.#base = undefined;
    this.#extents = new Extents(size);
  }

  /** Fills `into` from `offset` and returns how many bytes there were. */
  read(store: VolumeStore, offset: number, into: Uint8Array): number {
    // Most files are read as they were settled.
    if (this.#base !== undefined && this.#changes.length === 0) return this.#base.read(offset, into);
    if (this.#content === undefined) this.#reload(store);
    return this.#extents.read(this.#source(store), offset, into);
  }

  /** The version that changes come on top of; null where there is none. */
  settledContent(store: VolumeStore): Uint8Array | null {
    if (this.#content === undefined) this.#reload(store);
    return this.#content!;
  }

  /** The same bytes where they lie in memory, if they do and it is worth it. */
  lend(offset: number, length: number): Lent | undefined {
    const bytes = Math.min(length, this.size - offset);
    const base = this.#base;
    if (bytes < LENT_BYTES_MIN || base === undefined || this.#changes.length > 0) return undefined;
    const spans = base.spans(offset, bytes);
    return spans && { spans, bytes, copy: (from, into) => void base.read(offset + from, into) };
  }

  #source(store: VolumeStore): ExtentSource {
    return {
      log: (segment, position, into) => store.readLogged(segment, position, into),
      base: (offset, into) => {
        if (this.#content === null) return void into.fill(0);
        this.#base ??= store.openContent(this.#content!);
        this.#base.read(offset, into);
      },
    };
  }

  /** Takes the settled version from the index, and puts over it what came later. */
  #reload(store: VolumeStore): void {
    const row = store.index.node(this.ino);
    this.#content = row?.content ?? null;
    this.#extents = new Extents(row?.size ?? 0);
    for (const change of this.#changes) {
      const { start, end } = change;
      if (start === undefined) this.#extents.cut(end);
      else this.#extents.write(start, end, change);
    }
  }
}
