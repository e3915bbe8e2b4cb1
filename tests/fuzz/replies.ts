import { codecOf, HEADER_BYTES } from "../../9p/wire/codec.ts";
import { type Dialect, DIALECTS } from "../../9p/wire/field.ts";
import { Reader } from "../../9p/wire/reader.ts";

/** What a server may send before anything was agreed on. */
const MSIZE_FIRST = 8192;

/** The tag of the Tflush that ends each batch: no frame of the fuzzer has it. */
export const BARRIER_TAG = 0xfffe;

/** Reads what a server sends, whatever it was sent, and notes where that breaks the protocol. */
export class Replies {
  count = 0;
  dialect: Dialect = "9P2000";
  msize = MSIZE_FIRST;
  /** The first thing that broke the protocol. */
  broken: Error | undefined;
  /** Replies to the tag that marks the end of a batch. */
  barriers = 0;
  /** Requests without a reply, by tag; undefined once nobody knows which frames the server saw. */
  #open: Map<number, number> | undefined = new Map();
  #held = new Uint8Array(0);

  /** A frame was sent. */
  sent(frame: Uint8Array, isLie: boolean): void {
    if (isLie) this.#open = undefined;
    const tag = frame[5] | (frame[6] << 8);
    this.#open?.set(tag, (this.#open.get(tag) ?? 0) + 1);
  }

  take(bytes: Uint8Array): void {
    if (this.broken) return;
    try {
      this.#take(bytes);
    } catch (thrown) {
      this.broken = thrown as Error;
    }
  }

  #take(bytes: Uint8Array): void {
    let held = bytes;
    if (this.#held.byteLength > 0) {
      held = new Uint8Array(this.#held.byteLength + bytes.byteLength);
      held.set(this.#held);
      held.set(bytes, this.#held.byteLength);
    }
    const copy = held.slice();
    const view = new DataView(copy.buffer);
    const reader = new Reader(copy);
    let at = 0;
    while (copy.byteLength - at >= 4) {
      const size = view.getUint32(at, true);
      if (size < HEADER_BYTES || size > this.msize) throw new Error(`A reply of ${size} bytes`);
      if (copy.byteLength - at < size) break;
      this.#check(copy[at + 4], view.getUint16(at + 5, true), reader.window(at + HEADER_BYTES, at + size));
      at += size;
    }
    this.#held = copy.slice(at);
  }

  #check(type: number, tag: number, reader: Reader): void {
    this.count++;
    const message = codecOf(this.dialect).decode(type, tag, reader);
    if (!message || (type & 1) === 0) throw new Error(`A reply of type ${type} in ${this.dialect}`);
    if (reader.malformed || reader.left > 0) throw new Error(`A malformed ${message.kind}`);
    if (tag === BARRIER_TAG) this.barriers++;
    if (message.kind === "Rversion") {
      this.msize = message.msize;
      this.dialect = DIALECTS.find((dialect) => dialect === message.version) ?? "9P2000";
    }
    if (!this.#open) return;
    const left = (this.#open.get(tag) ?? 0) - 1;
    if (left < 0) throw new Error(`${message.kind} to tag ${tag}, which is not in flight`);
    if (left === 0) this.#open.delete(tag);
    else this.#open.set(tag, left);
  }
}
