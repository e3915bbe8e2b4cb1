import { closeSync, openSync, readSync } from "node:fs";
import { NineError } from "../../9p/mod.ts";
import type { About } from "./trailer.ts";

/** The output of a run that ended well: a value, which never changes. */
export class Result {
  /** Held in memory where it is small. */
  bytes: Uint8Array | undefined;
  /** What its file takes of the disk beside what is kept. */
  besideBytes = 0;
  /** Called once, when its file is open no more: for one that goes with its readers. */
  onClosed: (() => void) | undefined;
  #fd = -1;
  #readers = 0;

  constructor(
    readonly key: string,
    readonly about: About,
    readonly path: string,
    bytes?: Uint8Array,
  ) {
    this.bytes = bytes;
  }

  get size(): number {
    return this.about.size;
  }

  /** Its file takes room on the disk until it is closed, also if it is removed. */
  get isOpen(): boolean {
    return this.#fd >= 0;
  }

  /** Keeps the bytes to be had until `release`, even if the cache lets the result go. EIO where the file is gone. */
  hold(): void {
    if (this.bytes === undefined && !this.isOpen) {
      try {
        this.#fd = openSync(this.path, "r");
      } catch {
        throw new NineError("EIO", `The cached result ${this.path} has gone: read the file again`);
      }
    }
    this.#readers++;
  }

  release(): void {
    if (--this.#readers > 0 || !this.isOpen) return;
    closeSync(this.#fd);
    this.#fd = -1;
    this.besideBytes = 0;
    this.onClosed?.();
    this.onClosed = undefined;
  }

  /** Fills `into` from `offset` on, and returns how many bytes there were. The result is held. */
  read(offset: number, into: Uint8Array): number {
    const count = Math.min(into.byteLength, this.size - offset);
    if (count <= 0) return 0;
    if (this.bytes) {
      into.set(this.bytes.subarray(offset, offset + count));
      return count;
    }
    return readSync(this.#fd, into, 0, count, offset);
  }
}
