import { NineError, reasonOf } from "../error.ts";
import type { Duplex } from "../server/connection.ts";
import { HEADER_BYTES } from "../wire/codec.ts";
import { Reader } from "../wire/reader.ts";
import { Writer } from "../wire/writer.ts";

/** Received at once at most, beyond what a frame that is larger needs, bytes. */
const IN_BYTES = 256 * 1024;
const IN_BYTES_FIRST = 16 * 1024;
/** Memory that an emptied buffer keeps, bytes. */
const KEPT_BYTES = 1024 * 1024;
/** Requests wait with being written while this much is on its way, bytes. */
const OUT_BYTES_MAX = 8 * 1024 * 1024;

/** What takes the frames that arrive. */
export interface FrameSink {
  /** The body is what is left of `from`, and its bytes die when this function returns. */
  frame(type: number, tag: number, from: Reader): void;
  /** The last call: nothing arrives or leaves any more. */
  ended(reason: NineError): void;
}

/** The frames of one connection: what is written in one turn leaves in one write. */
export class Frames {
  /** The largest frame that may arrive, bytes. */
  msize: number;
  /** Where messages are written; call `kick` afterwards. */
  out = new Writer(IN_BYTES_FIRST);
  #spare = new Writer(IN_BYTES_FIRST);
  #writing = false;
  #kicked = false;
  #room: (() => void)[] = [];
  #ended: NineError | undefined;

  constructor(readonly duplex: Duplex, readonly sink: FrameSink, msize: number) {
    this.msize = msize;
  }

  /** Why nothing goes any more, undefined while it does. */
  get end(): NineError | undefined {
    return this.#ended;
  }

  /** Receives until the connection ends. It throws nothing. */
  async run(): Promise<void> {
    try {
      await this.#receive();
      this.close(new NineError("ECONNRESET", "The other side closed the connection"));
    } catch (thrown) {
      this.close(
        thrown instanceof NineError
          ? thrown
          : new NineError("ECONNRESET", `The connection broke: ${reasonOf(thrown)}`),
      );
    }
  }

  /** Closes the connection; the first reason counts. */
  close(reason: NineError): void {
    if (this.#ended) return;
    this.#ended = reason;
    try {
      this.duplex.close();
    } catch { /* The other side was faster. */ }
    for (const wake of this.#room.splice(0)) wake();
    this.sink.ended(reason);
  }

  /** Sends what was written since, together with whatever else this turn writes. */
  kick(): void {
    if (this.#kicked || this.#writing) return;
    this.#kicked = true;
    queueMicrotask(() => {
      this.#kicked = false;
      if (!this.#writing) this.#drain();
    });
  }

  get isFull(): boolean {
    return this.out.length > OUT_BYTES_MAX;
  }

  /** Resolves when less is waiting to leave, or nothing ever will. */
  room(): Promise<void> {
    if (!this.isFull || this.#ended) return Promise.resolve();
    return new Promise((wake) => this.#room.push(wake));
  }

  async #drain(): Promise<void> {
    this.#writing = true;
    try {
      while (this.out.length > 0 && !this.#ended) {
        const full = this.out;
        this.out = this.#spare;
        for (const wake of this.#room.splice(0)) wake();
        for (let bytes = full.written(); bytes.byteLength > 0;) {
          bytes = bytes.subarray(await this.duplex.write(bytes));
        }
        full.clear(KEPT_BYTES);
        this.#spare = full;
      }
    } catch (thrown) {
      this.close(new NineError("ECONNRESET", `The connection broke while writing: ${reasonOf(thrown)}`));
    } finally {
      this.#writing = false;
    }
  }

  async #receive(): Promise<void> {
    let bytes = new Uint8Array(IN_BYTES_FIRST);
    let view = new DataView(bytes.buffer);
    let reader = new Reader(bytes);
    let start = 0;
    let end = 0;
    const grow = (size: number) => {
      const larger = new Uint8Array(size);
      larger.set(bytes.subarray(start, end));
      bytes = larger;
      view = new DataView(larger.buffer);
      reader = new Reader(larger);
      end -= start;
      start = 0;
    };
    while (!this.#ended) {
      const count = await this.duplex.read(bytes.subarray(end));
      if (count === null || this.#ended) return;
      end += count;
      const full = end === bytes.byteLength;
      while (end - start >= 4) {
        const size = view.getUint32(start, true);
        if (size < HEADER_BYTES || size > this.msize) {
          throw new NineError(
            "EPROTO",
            `A reply of ${size} bytes: allowed are ${HEADER_BYTES} to msize, ${this.msize}`,
          );
        }
        if (end - start < size) break;
        this.sink.frame(
          view.getUint8(start + 4),
          view.getUint16(start + 5, true),
          reader.window(start + HEADER_BYTES, start + size),
        );
        if (this.#ended) return;
        start += size;
      }
      if (start === end) {
        start = end = 0;
        if (full && bytes.byteLength < IN_BYTES) grow(IN_BYTES);
        continue;
      }
      const wanted = end - start >= 4 ? view.getUint32(start, true) : HEADER_BYTES;
      // A buffer for more than one large frame, so that the rest of the next is seldom moved.
      if (wanted > bytes.byteLength) grow(Math.min(wanted * 2, this.msize + IN_BYTES));
      else if (start > 0) {
        bytes.copyWithin(0, start, end);
        end -= start;
        start = 0;
      }
    }
  }
}
