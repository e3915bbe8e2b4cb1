import { NineError } from "../../9p/mod.ts";

/** A piece of a file that is in the log. */
export interface Logged {
  readonly segment: number;
  /** Of its first byte. */
  readonly position: number;
  /** Why it cannot be read, where that is so. */
  readonly lost?: string;
}

/** Where the bytes of a file come from. Each fills all of `into`. */
export interface ExtentSource {
  log(segment: number, position: number, into: Uint8Array): void;
  base(offset: number, into: Uint8Array): void;
}

interface Extent extends Logged {
  readonly start: number;
  end: number;
}

/** A file as its last version and what was written and cut since make it. */
export class Extents {
  /** Bytes of the file. */
  size: number;
  /** How much of the last version shows; behind it are zeros wherever nothing was written. */
  baseEnd: number;
  /** What was written, in order, and apart from each other. */
  readonly #written: Extent[] = [];

  /** `size` is that of the last version. */
  constructor(size: number) {
    this.size = this.baseEnd = size;
  }

  /** What was written and still shows, in order. */
  get written(): readonly { readonly start: number; readonly end: number }[] {
    return this.#written;
  }

  write(start: number, end: number, { segment, position, lost }: Logged): void {
    if (start >= end) return;
    const added = { start, end, segment, position, lost };
    const last = this.#written.at(-1);
    if (last === undefined || last.end <= start) this.#written.push(added);
    else this.#insert(added);
    this.size = Math.max(this.size, end);
  }

  /** Cuts or extends the file; what is new reads as zeros. */
  cut(size: number): void {
    while (this.#written.length > 0 && this.#written.at(-1)!.start >= size) this.#written.pop();
    const last = this.#written.at(-1);
    if (last !== undefined && last.end > size) last.end = size;
    this.baseEnd = Math.min(this.baseEnd, size);
    this.size = size;
  }

  /** Fills `into` from `offset` and returns how many bytes there were. */
  read(source: ExtentSource, offset: number, into: Uint8Array): number {
    const count = Math.max(0, Math.min(into.byteLength, this.size - offset));
    if (this.#written.length === 0 && offset + count <= this.baseEnd) {
      source.base(offset, count === into.byteLength ? into : into.subarray(0, count));
      return count;
    }
    const end = offset + count;
    let at = offset;
    for (let i = this.#after(offset); at < end; i++) {
      const extent = i < this.#written.length ? this.#written[i] : undefined;
      const gapEnd = Math.min(end, extent?.start ?? end);
      if (at < gapEnd) this.#readBase(source, at, into.subarray(at - offset, gapEnd - offset));
      at = Math.max(at, gapEnd);
      if (extent === undefined || at >= end) continue;
      const partEnd = Math.min(end, extent.end);
      if (extent.lost !== undefined) throw new NineError("EIO", extent.lost);
      const part = into.subarray(at - offset, partEnd - offset);
      source.log(extent.segment, extent.position + at - extent.start, part);
      at = partEnd;
    }
    return count;
  }

  #readBase(source: ExtentSource, at: number, into: Uint8Array): void {
    const stored = Math.max(0, Math.min(into.byteLength, this.baseEnd - at));
    if (stored > 0) source.base(at, into.subarray(0, stored));
    into.fill(0, stored);
  }

  #insert(added: Extent): void {
    const from = this.#after(added.start);
    let to = from;
    const pieces: Extent[] = [added];
    while (to < this.#written.length && this.#written[to].start < added.end) {
      const { start, end, position, ...same } = this.#written[to++];
      if (start < added.start) pieces.unshift({ ...same, start, end: added.start, position });
      if (end > added.end) {
        pieces.push({ ...same, start: added.end, end, position: position + added.end - start });
      }
    }
    this.#written.splice(from, to - from, ...pieces);
  }

  /** The index of the first extent that ends after `offset`. */
  #after(offset: number): number {
    let low = 0;
    let high = this.#written.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.#written[middle].end <= offset) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}
