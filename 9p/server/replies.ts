import { Writer } from "../wire/writer.ts";
import type { Gathered, Lent } from "./lent.ts";

/**
 * Replies on their way: bytes of their own, and between them data that is lent. That is sent before anything else runs,
 * as whoever lends it promises no more.
 */
export class Replies extends Writer {
  readonly #pieces: { at: number; lent: Lent }[] = [];
  #lentBytes = 0;

  /** Bytes to send, lent ones included. */
  get size(): number {
    return this.length + this.#lentBytes;
  }

  get hasLent(): boolean {
    return this.#pieces.length > 0;
  }

  gathered(): Gathered {
    return { bytes: this.written(), pieces: this.#pieces };
  }

  /** Ends the message that began at `start` with data that is lent. */
  endLent(start: number, lent: Lent): void {
    this.#pieces.push({ at: this.length, lent });
    this.#lentBytes += lent.bytes;
    this.patch32(start, this.length - start + lent.bytes);
  }

  /** The first `sent` bytes have left. The rest is copied into bytes of its own, and nothing is lent any more. */
  sent(sent: number): void {
    const rest = new Writer(this.size - sent);
    const own = this.written();
    let skip = sent;
    let done = 0;
    const add = (bytes: number, copy: (from: number, into: Uint8Array) => void) => {
      const from = Math.min(skip, bytes);
      skip -= from;
      if (from === bytes) return;
      copy(from, rest.reserve(bytes - from));
      rest.commit(bytes - from);
    };
    const addOwn = (end: number) => {
      add(end - done, (from, into) => into.set(own.subarray(done + from, end)));
      done = end;
    };
    for (const { at, lent } of this.#pieces) {
      addOwn(at);
      add(lent.bytes, (from, into) => lent.copy(from, into));
    }
    addOwn(this.length);
    this.clear();
    this.bytes(rest.written());
  }

  override clear(keep?: number): void {
    super.clear(keep);
    this.#pieces.length = 0;
    this.#lentBytes = 0;
  }
}
