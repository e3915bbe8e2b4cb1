import { statfsSync } from "node:fs";
import { NineError } from "../../9p/mod.ts";

/** Near the end of the disk, at this many bytes or this part of it, nothing that makes the volume larger is taken. */
const RESERVE_BYTES = 64 * 1024 * 1024;
const RESERVE_PART = 1 / 20;
/** The disk is asked again after so many bytes or milliseconds. */
const SPACE_BYTES = 1024 * 1024;
const SPACE_MS = 500;

/** What the disk has room for, apart from what is kept for removing files, the database and collecting. */
export class Space {
  /** Bytes since the disk was asked for its space, and when that was. */
  #unasked = 0;
  #askedMs = -Infinity;
  #isFull = false;

  constructor(readonly folder: string) {}

  /** ENOSPC near the end of the disk. */
  check(bytes: number): void {
    this.#unasked += bytes;
    const now = performance.now();
    if (this.#unasked > SPACE_BYTES || now > this.#askedMs + SPACE_MS) {
      this.#isFull = this.left().free === 0;
      this.#unasked = 0;
      this.#askedMs = now;
    }
    if (!this.#isFull) return;
    throw new NineError(
      "ENOSPC",
      `The disk of ${this.folder} is all but full; what is left is for removing files and for lux9 volume gc`,
    );
  }

  /** How many bytes the disk has, and how many of them are left. */
  left(): { bytes: number; free: number } {
    const { bsize, blocks, bavail } = statfsSync(this.folder);
    const bytes = blocks * bsize;
    return { bytes, free: Math.max(0, bavail * bsize - Math.min(RESERVE_BYTES, bytes * RESERVE_PART)) };
  }
}
