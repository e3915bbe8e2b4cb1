import type { Lent } from "../../9p/mod.ts";
import type { Space } from "./space.ts";

const PAGE_BYTES = 64 * 1024;
const PAGE_BYTES_MIN = 64;

/** The contents of a file in pages, so that holes take no memory and growing never copies what is there. */
export class Bytes {
  size = 0;
  readonly #pages = new Map<number, Uint8Array>();

  constructor(readonly space: Space) {}

  /** Bytes of memory held. */
  get allocated(): number {
    let sum = 0;
    for (const page of this.#pages.values()) sum += page.byteLength;
    return sum;
  }

  /** Fills `into` from `offset` and returns how many bytes there were. */
  read(offset: number, into: Uint8Array): number {
    const count = Math.max(0, Math.min(into.byteLength, this.size - offset));
    for (let done = 0; done < count;) {
      const at = (offset + done) % PAGE_BYTES;
      const part = Math.min(count - done, PAGE_BYTES - at);
      const page = this.#pages.get(Math.floor((offset + done) / PAGE_BYTES));
      const held = page ? Math.max(0, Math.min(part, page.byteLength - at)) : 0;
      if (held > 0) into.set(held === page!.byteLength ? page! : page!.subarray(at, at + held), done);
      if (held < part) into.fill(0, done + held, done + part);
      done += part;
    }
    return count;
  }

  /** As many bytes from `offset` on, where they are; undefined at the end and where there are holes. */
  lend(offset: number, length: number): Lent | undefined {
    const count = Math.min(length, this.size - offset);
    if (count <= 0) return undefined;
    const spans: number[] = [];
    for (let done = 0; done < count;) {
      const at = (offset + done) % PAGE_BYTES;
      const part = Math.min(count - done, PAGE_BYTES - at);
      const page = this.#pages.get(Math.floor((offset + done) / PAGE_BYTES));
      if (!page || page.byteLength < at + part) return undefined;
      spans.push(addressOf(page) + at, part);
      done += part;
    }
    return { spans, bytes: count, copy: (from, into) => void this.read(offset + from, into) };
  }

  /** Writes all of `data` or, with ENOSPC, nothing that was not paid for. */
  write(offset: number, data: Uint8Array): void {
    for (let done = 0; done < data.byteLength;) {
      const at = (offset + done) % PAGE_BYTES;
      const part = Math.min(data.byteLength - done, PAGE_BYTES - at);
      const page = this.#page(Math.floor((offset + done) / PAGE_BYTES), at + part);
      page.set(part === data.byteLength ? data : data.subarray(done, done + part), at);
      done += part;
      this.size = Math.max(this.size, offset + done);
    }
  }

  /** The page of that number, at least `bytes` long. */
  #page(number: number, bytes: number): Uint8Array {
    const page = this.#pages.get(number);
    if (page && page.byteLength >= bytes) return page;
    let length = Math.max(PAGE_BYTES_MIN, page?.byteLength ?? 0);
    while (length < bytes) length *= 2;
    this.space.take(length - (page?.byteLength ?? 0));
    const larger = new Uint8Array(length);
    if (page) larger.set(page);
    this.#pages.set(number, larger);
    return larger;
  }

  /** Cuts or extends; what is new reads as zeros. */
  truncate(size: number): void {
    if (size < this.size) {
      const last = Math.floor(size / PAGE_BYTES);
      for (const [number, page] of this.#pages) {
        if (number > last || (number === last && size % PAGE_BYTES === 0)) {
          this.#pages.delete(number);
          this.space.take(-page.byteLength);
        } else if (number === last) page.fill(0, size % PAGE_BYTES);
      }
    }
    this.size = size;
  }
}

/** Asked for once: a page is never moved, and is not given back while its file has it. */
const addresses = new WeakMap<Uint8Array, number>();

function addressOf(page: Uint8Array): number {
  let address = addresses.get(page);
  if (address === undefined) {
    address = Number(Deno.UnsafePointer.value(Deno.UnsafePointer.of(page as Uint8Array<ArrayBuffer>)));
    addresses.set(page, address);
  }
  return address;
}
