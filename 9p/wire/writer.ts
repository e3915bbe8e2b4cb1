import { NineError } from "../error.ts";
import type { Qid, U64 } from "../qid.ts";
import { release } from "./release.ts";

const TWO_32 = 2 ** 32;
const TWO_64 = 2 ** 64;
const U64_MAX = 2n ** 64n - 1n;
const STRING_BYTES_MAX = 0xffff;
/** `begin` leaves at least this much room, more than the fixed fields of any message take. */
const SLACK = 512;
/** Strings up to this length are tried byte by byte, without a call into the runtime. */
const SHORT = 64;
const utf8 = new TextEncoder();

/**
 * A growing buffer of whole messages. Numbers are little endian. Room for the fixed fields of a message is made once,
 * by `begin`; strings, data and lists make their own.
 */
export class Writer {
  length = 0;
  #bytes: Uint8Array<ArrayBuffer>;
  #view: DataView;

  constructor(capacity = 4096) {
    this.#bytes = new Uint8Array(capacity);
    this.#view = new DataView(this.#bytes.buffer);
  }

  get capacity(): number {
    return this.#bytes.byteLength;
  }

  /** What was written, as a view. */
  written(): Uint8Array<ArrayBuffer> {
    return this.#bytes.subarray(0, this.length);
  }

  /** Forgets everything, and gives back memory beyond `keep` bytes. */
  clear(keep = Infinity): void {
    this.length = 0;
    if (this.#bytes.byteLength > keep) this.#replace(new Uint8Array(keep));
  }

  /** Makes room for `count` more bytes and slack behind them. */
  ensure(count: number): void {
    const wanted = this.length + count + SLACK;
    if (wanted <= this.#bytes.byteLength) return;
    const larger = new Uint8Array(Math.max(wanted, this.#bytes.byteLength * 2));
    larger.set(this.#bytes.subarray(0, this.length));
    this.#replace(larger);
  }

  #replace(bytes: Uint8Array<ArrayBuffer>): void {
    release(this.#bytes);
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer);
  }

  /** Starts a message and returns its start, which `end` or `cancel` needs. */
  begin(type: number, tag: number): number {
    this.ensure(0);
    const start = this.length;
    this.#view.setUint8(start + 4, type);
    this.#view.setUint16(start + 5, tag, true);
    this.length = start + 7;
    return start;
  }

  /** Fills in the size of the message that began at `start`. */
  end(start: number): void {
    this.#view.setUint32(start, this.length - start, true);
  }

  /** Takes back all that was written from `start` on. */
  cancel(start: number): void {
    this.length = start;
  }

  u8(value: number): void {
    this.#view.setUint8(this.length, value);
    this.length += 1;
  }

  u16(value: number): void {
    this.#view.setUint16(this.length, value, true);
    this.length += 2;
  }

  u32(value: number): void {
    this.#view.setUint32(this.length, value, true);
    this.length += 4;
  }

  /**
   * A whole number from -2^63 to 2^64 - 1; a negative one goes out as two's complement. What a reader took for 2^64, since
   * no double is nearer, goes out as the largest number.
   */
  u64(value: number): void {
    if (value >= TWO_64) return this.exact64(U64_MAX);
    const high = Math.floor(value / TWO_32);
    this.#view.setUint32(this.length, value - high * TWO_32, true);
    this.#view.setUint32(this.length + 4, high, true);
    this.length += 8;
  }

  exact64(value: U64): void {
    if (typeof value === "number") return this.u64(value);
    this.#view.setBigUint64(this.length, value, true);
    this.length += 8;
  }

  string(value: string): void {
    // A UTF-16 unit takes at most three bytes.
    this.ensure(2 + value.length * 3);
    const at = this.length + 2;
    const count = this.#shortAscii(value, at) ??
      utf8.encodeInto(value, this.#bytes.subarray(at, at + value.length * 3)).written;
    if (count > STRING_BYTES_MAX) {
      throw new NineError("ENAMETOOLONG", `A string of ${count} bytes, 9P allows ${STRING_BYTES_MAX}`);
    }
    this.#view.setUint16(this.length, count, true);
    this.length = at + count;
  }

  #shortAscii(value: string, at: number): number | undefined {
    const length = value.length;
    if (length > SHORT) return undefined;
    for (let i = 0; i < length; i++) {
      const unit = value.charCodeAt(i);
      if (unit >= 0x80) return undefined;
      this.#bytes[at + i] = unit;
    }
    return length;
  }

  bytes(value: Uint8Array): void {
    this.ensure(value.byteLength);
    this.#bytes.set(value, this.length);
    this.length += value.byteLength;
  }

  /** Room for `count` bytes that somebody else fills in now; `commit` says how many there are. */
  reserve(count: number): Uint8Array<ArrayBuffer> {
    this.ensure(count);
    return this.#bytes.subarray(this.length, this.length + count);
  }

  commit(count: number): void {
    this.length += count;
  }

  /** Overwrites a 16-bit number that was written before. */
  patch16(at: number, value: number): void {
    this.#view.setUint16(at, value, true);
  }

  /** Overwrites a 32-bit number that was written before. */
  patch32(at: number, value: number): void {
    this.#view.setUint32(at, value, true);
  }

  qid(qid: Qid): void {
    this.u8(qid.type);
    this.u32(qid.version);
    this.exact64(qid.path);
  }
}
