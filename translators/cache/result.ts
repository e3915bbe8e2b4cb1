import { closeSync, openSync, readSync, rmSync } from "node:fs";
import { NineError } from "../../9p/mod.ts";
import type { About } from "./trailer.ts";

/** Where a result is: a file of the cache, or one that goes with its last reader. */
export type Keeping = "kept" | "passing";

/** The output of a run that ended well: a value, which never changes. */
export class Result {
  /** Held in memory where it is small. */
  bytes: Uint8Array | undefined;
  #fd = -1;
  #readers = 0;

  constructor(
    readonly key: string,
    readonly about: About,
    readonly path: string,
    bytes?: Uint8Array,
    readonly keeping: Keeping = "kept",
  ) {
    this.bytes = bytes;
  }

  get size(): number {
    return this.about.size;
  }

  /** Keeps the bytes to be had until `release`, even if the cache lets the result go. EIO where the file is gone. */
  hold(): void {
    if (this.bytes === undefined && this.#fd < 0) {
      try {
        this.#fd = openSync(this.path, "r");
      } catch {
        throw new NineError("EIO", `The cached result ${this.path} has gone: read the file again`);
      }
    }
    this.#readers++;
  }

  release(): void {
    if (--this.#readers > 0 || this.#fd < 0) return;
    closeSync(this.#fd);
    this.#fd = -1;
    if (this.keeping === "passing") rmSync(this.path, { force: true });
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
