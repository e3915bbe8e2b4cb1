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
  #failure: { readonly thrown: unknown } | undefined;

  constructor(readonly duplex: Duplex) {}

  /** As the stream's own; not while `watch` is waited for. */
  read(into: Uint8Array): Promise<number | null> {
    return this.#bytes ? this.#readKept(into) : this.duplex.read(into);
  }

  /**
   * Resolves when something has come, with whether the client has gone. Keeps up to `bytesMax`; once those are there, it
   * says nothing more.
   */
  async watch(bytesMax: number): Promise<boolean> {
    this.#bytes ??= new Uint8Array(bytesMax);
    if (this.#isOver) return true;
    if (!this.#reading && this.#end === this.#bytes.byteLength) return await new Promise(() => {});
    await (this.#reading ??= this.#fill(this.#bytes));
    return this.#isOver;
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
    if (this.#start === this.#end && !this.#reading && !this.#isOver) {
      this.#bytes = undefined;
      this.#start = this.#end = 0;
    }
    return part.byteLength;
  }
}
