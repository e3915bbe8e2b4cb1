import type { Qid, U64 } from "../qid.ts";

const TWO_32 = 2 ** 32;
/** The high half of the first number that a double cannot hold exactly. */
const HIGH_INEXACT = 2 ** 21;
/** Names up to this length are decoded without a call into the runtime. */
const SHORT = 24;
const utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/**
 * A cursor over received bytes. Reading past the end or invalid UTF-8 sets `malformed`, which stays set, and gives
 * zeros: test it once after a whole message. Numbers are little endian.
 */
export class Reader {
  at = 0;
  malformed = false;
  #bytes: Uint8Array<ArrayBuffer>;
  #view: DataView;
  #end = 0;

  constructor(bytes: Uint8Array<ArrayBuffer>) {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.#end = bytes.byteLength;
  }

  /** Starts on `bytes[from, to)` of the buffer that it was made for. */
  window(from: number, to: number): this {
    this.at = from;
    this.#end = to;
    this.malformed = false;
    return this;
  }

  /** Bytes that are left. */
  get left(): number {
    return this.#end - this.at;
  }

  /** Moves on by `count` bytes and returns where they start, or -1 when they are not there. */
  #take(count: number): number {
    const at = this.at;
    if (count > this.#end - at) {
      this.malformed = true;
      return -1;
    }
    this.at = at + count;
    return at;
  }

  u8(): number {
    const at = this.#take(1);
    return at < 0 ? 0 : this.#view.getUint8(at);
  }

  u16(): number {
    const at = this.#take(2);
    return at < 0 ? 0 : this.#view.getUint16(at, true);
  }

  u32(): number {
    const at = this.#take(4);
    return at < 0 ? 0 : this.#view.getUint32(at, true);
  }

  /** An unsigned 64-bit number as a double: from 2^53 on it is only near, and never below 2^53. */
  u64(): number {
    const at = this.#take(8);
    return at < 0 ? 0 : this.#view.getUint32(at + 4, true) * TWO_32 + this.#view.getUint32(at, true);
  }

  /** A signed 64-bit number as a double, for seconds, which may lie before 1970. */
  i64(): number {
    const at = this.#take(8);
    return at < 0 ? 0 : this.#view.getInt32(at + 4, true) * TWO_32 + this.#view.getUint32(at, true);
  }

  /** An exact unsigned 64-bit number. */
  exact64(): U64 {
    const at = this.#take(8);
    if (at < 0) return 0;
    const high = this.#view.getUint32(at + 4, true);
    return high < HIGH_INEXACT
      ? high * TWO_32 + this.#view.getUint32(at, true)
      : this.#view.getBigUint64(at, true);
  }

  /** A string[s]: UTF-8 with a 16-bit length before it. */
  string(): string {
    const length = this.u16();
    const at = this.#take(length);
    if (at < 0 || length === 0) return "";
    if (length <= SHORT) {
      const text = shortAscii(this.#bytes, at, length);
      if (text !== undefined) return text;
    }
    try {
      return utf8.decode(this.#bytes.subarray(at, at + length));
    } catch {
      this.malformed = true;
      return "";
    }
  }

  /** A view of `count` bytes, which dies with the buffer: copy what you keep. */
  bytes(count: number): Uint8Array<ArrayBuffer> {
    const at = this.#take(count);
    return at < 0 ? this.#bytes.subarray(0, 0) : this.#bytes.subarray(at, at + count);
  }

  qid(): Qid {
    return { type: this.u8(), version: this.u32(), path: this.exact64() };
  }
}

function shortAscii(bytes: Uint8Array, at: number, length: number): string | undefined {
  let text = "";
  for (let i = at; i < at + length; i++) {
    const byte = bytes[i];
    if (byte >= 0x80) return undefined;
    text += String.fromCharCode(byte);
  }
  return text;
}
