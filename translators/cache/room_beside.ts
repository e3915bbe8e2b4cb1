import { NineError } from "../../9p/mod.ts";

/**
 * The disk that the cache takes beside what it keeps: outputs that are being written, results that are not kept, and files
 * that were let go while somebody has them open. It counts for whoever had the result made.
 *
 * Nobody knows how long an output will be, so what has begun goes on to the limit of its manifest, and who has too much
 * gets no other. For the others it counts as far as it was allowed: one user's long output does not stop theirs.
 */
export class RoomBeside {
  readonly #taken = new Map<string, number>();
  readonly #userBytesMax: number;

  constructor(readonly bytesMax: number) {
    this.#userBytesMax = bytesMax / 2;
  }

  get bytes(): number {
    return this.#taken.values().reduce((sum, bytes) => sum + bytes, 0);
  }

  /** Whether there is to be another file of that user, beside so much that does not count. */
  isLeft(user: string, exceptBytes = 0): boolean {
    const own = Math.max(0, this.#of(user) - exceptBytes);
    if (own >= this.#userBytesMax) return false;
    let counted = own;
    for (const [name, bytes] of this.#taken) {
      if (name !== user) counted += Math.min(bytes, this.#userBytesMax);
    }
    return counted < this.bytesMax;
  }

  /** Why there is to be no new output of that user; ENOSPC. */
  refusal(user: string, exceptBytes = 0): NineError | undefined {
    if (this.isLeft(user, exceptBytes)) return undefined;
    return new NineError(
      "ENOSPC",
      `There is no room on disk for another long output: those being written, and results that are read but no longer ` +
        `kept, take ${
          this.#of(user)
        } bytes of this user, ${this.bytes} of all; allowed are ${this.#userBytesMax} and ` +
        `${this.bytesMax}. Close computed files that are open, or wait for the end of runs, and read it again`,
    );
  }

  take(user: string, bytes: number): void {
    const taken = this.#of(user) + bytes;
    if (taken > 0) this.#taken.set(user, taken);
    else this.#taken.delete(user);
  }

  give(user: string, bytes: number): void {
    this.take(user, -bytes);
  }

  #of(user: string): number {
    return this.#taken.get(user) ?? 0;
  }
}
