import { type Author, AUTHOR_BYTES, authorBytes, authorOf } from "./id.ts";
import type { Stamp } from "./stamp.ts";

/** Thrown inside unpacking only: what came is not what this program packs. */
export class Malformed extends Error {
  override readonly name = "Malformed";
}

/** Seconds that times are told from, so that those of our days take four bytes: 2020-09-13. */
const EPOCH_SEC = 1_600_000_000;
const SEC_MAX = 2 ** 45;

export interface Time {
  /** Seconds since 1970, whole, of either sign. */
  readonly sec: number;
  /** 0 to 999,999,999. */
  readonly nsec: number;
}

/** Below 0 where `a` is the earlier. */
export function compareTimes(a: Time, b: Time): number {
  return a.sec - b.sec || a.nsec - b.nsec;
}

const encoder = new TextEncoder();
const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
/** Packed values are short; one that is longer gets a buffer of its own. */
const room = new Uint8Array(4096);

/** Puts a value together. One at a time: the buffer is shared, and `take` copies out of it. */
export class Packer {
  #bytes = room;
  #length = 0;

  u8(value: number): this {
    this.#need(1);
    this.#bytes[this.#length++] = value;
    return this;
  }

  /** LEB128: seven bits a byte, the lowest first. */
  number(value: number): this {
    this.#need(8);
    while (value >= 128) {
      this.#bytes[this.#length++] = (value % 128) | 128;
      value = Math.floor(value / 128);
    }
    this.#bytes[this.#length++] = value;
    return this;
  }

  raw(bytes: Uint8Array): this {
    this.#need(bytes.length);
    this.#bytes.set(bytes, this.#length);
    this.#length += bytes.length;
    return this;
  }

  /** Bytes with their number in front. */
  bytes(bytes: Uint8Array): this {
    return this.number(bytes.length).raw(bytes);
  }

  text(text: string): this {
    return this.bytes(encoder.encode(text));
  }

  author(author: Author): this {
    return this.raw(authorBytes(author));
  }

  /** The author is left out where it is the one who would be expected. */
  stamp({ at, author }: Stamp, expected: Author): this {
    this.number(at * 2 + (author === expected ? 0 : 1));
    return author === expected ? this : this.author(author);
  }

  time({ sec, nsec }: Time): this {
    const offset = sec - EPOCH_SEC;
    return this.number(offset < 0 ? -offset * 2 - 1 : offset * 2).number(nsec);
  }

  take(): Uint8Array {
    return this.#bytes.slice(0, this.#length);
  }

  #need(count: number): void {
    if (this.#length + count <= this.#bytes.length) return;
    const larger = new Uint8Array((this.#length + count) * 2);
    larger.set(this.#bytes.subarray(0, this.#length));
    this.#bytes = larger;
  }
}

/** Takes a value apart; throws Malformed at the first thing that Packer would not have written. What it gives out are copies. */
export class Unpacker {
  readonly #bytes: Uint8Array;
  #at = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  u8(): number {
    if (this.#at >= this.#bytes.length) throw new Malformed("It ends too early");
    return this.#bytes[this.#at++];
  }

  number(max = 2 ** 49): number {
    let value = 0;
    let scale = 1;
    for (let i = 0; i < 8; i++, scale *= 128) {
      const byte = this.u8();
      value += (byte & 127) * scale;
      if (byte < 128) {
        if (byte === 0 && i > 0) throw new Malformed("A number is longer than it has to be");
        if (value > max) throw new Malformed(`A number is ${value}, and at most ${max}`);
        return value;
      }
    }
    throw new Malformed("A number is longer than eight bytes");
  }

  raw(count: number): Uint8Array {
    if (count > this.#bytes.length - this.#at) throw new Malformed("It ends too early");
    this.#at += count;
    return this.#bytes.slice(this.#at - count, this.#at);
  }

  bytes(max: number): Uint8Array {
    return this.raw(this.number(max));
  }

  text(max: number): string {
    const bytes = this.bytes(max);
    try {
      return decoder.decode(bytes);
    } catch {
      throw new Malformed("A text is not UTF-8");
    }
  }

  author(): Author {
    return authorOf(this.raw(AUTHOR_BYTES));
  }

  stamp(expected: Author): Stamp {
    const packed = this.number();
    const at = Math.floor(packed / 2);
    if (at === 0) throw new Malformed("A time is 0");
    if (packed % 2 === 0) return { at, author: expected };
    const author = this.author();
    if (author === expected) throw new Malformed("An author is told who goes without saying");
    return { at, author };
  }

  time(): Time {
    const packed = this.number(SEC_MAX * 2);
    const sec = EPOCH_SEC + (packed % 2 === 1 ? -(packed + 1) / 2 : packed / 2);
    return { sec, nsec: this.number(999_999_999) };
  }

  /** What is left. */
  rest(): Uint8Array {
    return this.raw(this.#bytes.length - this.#at);
  }

  end(): void {
    if (this.#at < this.#bytes.length) {
      throw new Malformed(`${this.#bytes.length - this.#at} bytes are left over`);
    }
  }
}
