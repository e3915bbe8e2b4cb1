import { NineError } from "../../9p/mod.ts";

const utf8 = new TextEncoder();
const fromUtf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
const ABSENT = 0xffffffff;

/** Writes values back to back: integers below 2^53 as they are, texts and bytes after their length. Little endian. */
export class Packer {
  #bytes = new Uint8Array(4096);
  #view = new DataView(this.#bytes.buffer);
  #length = 0;

  /** Starts anew. */
  begin(): this {
    this.#length = 0;
    return this;
  }

  u8(value: number): this {
    this.#ensure(1);
    this.#bytes[this.#length++] = value;
    return this;
  }

  u32(value: number): this {
    this.#ensure(4);
    this.#view.setUint32(this.#length, value, true);
    this.#length += 4;
    return this;
  }

  /** An integer below 2^53, or one that is negative. */
  integer(value: number): this {
    this.#ensure(8);
    this.#view.setFloat64(this.#length, value, true);
    this.#length += 8;
    return this;
  }

  text(value: string): this {
    this.#ensure(4 + value.length * 3);
    const { written } = utf8.encodeInto(value, this.#bytes.subarray(this.#length + 4));
    this.#view.setUint32(this.#length, written, true);
    this.#length += 4 + written;
    return this;
  }

  bytes(value: Uint8Array | null): this {
    this.#ensure(4 + (value?.byteLength ?? 0));
    this.#view.setUint32(this.#length, value?.byteLength ?? ABSENT, true);
    this.#length += 4;
    if (value) {
      this.#bytes.set(value, this.#length);
      this.#length += value.byteLength;
    }
    return this;
  }

  /** What was written: a view that dies with the next `begin`. */
  packed(): Uint8Array<ArrayBuffer> {
    return this.#bytes.subarray(0, this.#length);
  }

  #ensure(count: number): void {
    const wanted = this.#length + count;
    if (wanted <= this.#bytes.byteLength) return;
    const larger = new Uint8Array(Math.max(wanted, this.#bytes.byteLength * 2));
    larger.set(this.#bytes.subarray(0, this.#length));
    this.#bytes = larger;
    this.#view = new DataView(larger.buffer);
  }
}

/** Reads what a Packer wrote; EIO where that is not what is there. */
export class Unpacker {
  readonly #view: DataView;
  #at = 0;

  constructor(readonly source: Uint8Array) {
    this.#view = new DataView(source.buffer, source.byteOffset, source.byteLength);
  }

  /** Bytes not read yet. */
  get left(): number {
    return this.source.byteLength - this.#at;
  }

  u8(): number {
    return this.#view.getUint8(this.#take(1));
  }

  u32(): number {
    return this.#view.getUint32(this.#take(4), true);
  }

  integer(): number {
    return this.#view.getFloat64(this.#take(8), true);
  }

  text(): string {
    const length = this.u32();
    const at = this.#take(length);
    if (length < 32) {
      // Short texts are mostly ASCII, and a call of the decoder costs more than a few bytes of that.
      let text = "";
      let i = at;
      for (; i < at + length && this.source[i] < 0x80; i++) text += String.fromCharCode(this.source[i]);
      if (i === at + length) return text;
    }
    return fromUtf8.decode(this.source.subarray(at, at + length));
  }

  /** A view of the source. */
  bytes(): Uint8Array | null {
    const length = this.u32();
    if (length === ABSENT) return null;
    const at = this.#take(length);
    return this.source.subarray(at, at + length);
  }

  /** All that is left, as a view of the source. */
  rest(): Uint8Array {
    const at = this.#take(this.left);
    return this.source.subarray(at);
  }

  #take(count: number): number {
    const at = this.#at;
    if (count > this.source.byteLength - at) {
      throw new NineError(
        "EIO",
        `A record of ${this.source.byteLength} bytes ends at ${at}, where ${count} more were due`,
      );
    }
    this.#at += count;
    return at;
  }
}
