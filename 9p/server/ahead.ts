import { release } from "../wire/release.ts";
import type { Duplex } from "./connection.ts";

/**
 * The receiving half of a stream. While its connection waits for memory, this reads on into a small buffer of its own,
 * because only who reads learns that a client has gone; what came so is read first afterwards.
 */
export class Ahead {
  #bytes: Uint8Array<ArrayBuffer> | undefined;
  #start = 0;
  #end = 0;
  #reading: Promise<void> | undefined;
  #isOver = false;
  #isWatching = false;
  #failure: { readonly thrown: unknown } | undefined;

  constructor(readonly duplex: Duplex) {}

  /** As the stream's own; not between `watch` and `unwatch`. */
  read(into: Uint8Array): Promise<number | null> {
    return this.#bytes ? this.#readKept(into) : this.duplex.read(into);
  }

  /** Keeps up to `bytesMax` of what comes, until `unwatch`. Resolves with whether the client has gone meanwhile. */
  async watch(bytesMax: number): Promise<boolean> {
    if (this.#isWatching) return false;
    const bytes = this.#bytes ??= new Uint8Array(bytesMax);
    this.#isWatching = true;
    while (this.#isWatching && !this.#isOver && this.#end < bytes.byteLength) {
      await (this.#reading ??= this.#fill(bytes));
    }
    return this.#isOver;
  }

  unwatch(): void {
    this.#isWatching = false;
  }

  async #fill(bytes: Uint8Array): Promise<void> {
    try {
      const count = await this.duplex.read(bytes.subarray(this.#end));
      if (count === null) this.#isOver = true;
      else this.#end += count;
    } catch (thrown) {
      this.#isOver = true;
      this.#failure = { thrown };
    } finally {
      this.#reading = undefined;
    }
  }

  async #readKept(into: Uint8Array): Promise<number | null> {
    if (this.#start === this.#end) await this.#reading;
    if (this.#start === this.#end && this.#failure) throw this.#failure.thrown;
    if (this.#start === this.#end && this.#isOver) return null;
    const part = this.#bytes!.subarray(this.#start, Math.min(this.#end, this.#start + into.byteLength));
    into.set(part);
    this.#start += part.byteLength;
    const { byteLength } = part;
    if (this.#start === this.#end && !this.#reading && !this.#isOver) this.#release();
    return byteLength;
  }

  /** Gives the memory back, now that the stream is closed and nothing is read any more. */
  async letGo(): Promise<void> {
    await this.#reading;
    this.#release();
  }

  #release(): void {
    if (this.#bytes) release(this.#bytes);
    this.#bytes = undefined;
    this.#start = this.#end = 0;
  }
}
