import { CHUNK_MAX, cutPoint, type GearTable } from "./cut.ts";

/** A run of zeros of at least this length is a hole: it is kept as a length, and cut off from the data around it. */
export const HOLE_MIN = 65536;
/** Bytes that wait for a cut, at most, and some more so that they are not moved for every chunk. */
const BUFFER = 4 * CHUNK_MAX;
const ZEROS = new Uint8Array(HOLE_MIN);

/** Takes pieces in order. A view given to `data` is valid during the call. */
export interface Pieces {
  data(bytes: Uint8Array): void;
  hole(length: number): void;
}

/**
 * Cuts a stream of bytes into chunks and holes. The pieces depend on the bytes alone, not on how they came: holes are
 * the runs of zeros, as long as they are, of HOLE_MIN bytes or more, and what is between two of them is cut from its
 * beginning on.
 */
export class Cutter {
  readonly #gear: GearTable;
  readonly #pieces: Pieces;
  /** Zeros that came last, and may become a hole. */
  #zeros = 0;
  #buffer = new Uint8Array(0);
  #from = 0;
  #to = 0;

  constructor(gear: GearTable, pieces: Pieces) {
    this.#gear = gear;
    this.#pieces = pieces;
  }

  write(bytes: Uint8Array): void {
    for (let at = 0; at < bytes.length;) {
      if (bytes[at] === 0) {
        const end = zerosEnd(bytes, at);
        this.#zeros += end - at;
        at = end;
      } else {
        this.#settleZeros();
        const end = nextZeros(bytes, at);
        this.#take(bytes, at, end);
        at = end;
      }
    }
  }

  /** The same as to write this many zeros. */
  zeros(count: number): void {
    this.#zeros += count;
  }

  finish(): void {
    this.#settleZeros();
    this.#endRun();
  }

  #settleZeros(): void {
    const count = this.#zeros;
    if (count === 0) return;
    this.#zeros = 0;
    if (count < HOLE_MIN) return this.#take(ZEROS, 0, count);
    this.#endRun();
    this.#pieces.hole(count);
  }

  /** Cuts off whatever is certain: a chunk is, once CHUNK_MAX bytes of its run are there. */
  #take(bytes: Uint8Array, from: number, to: number): void {
    while (from < to) {
      if (this.#from === this.#to && to - from >= CHUNK_MAX) {
        from = this.#cut(bytes, from, to);
        continue;
      }
      const count = Math.min(to - from, this.#room(to - from));
      this.#buffer.set(bytes.subarray(from, from + count), this.#to);
      this.#to += count;
      from += count;
      while (this.#to - this.#from >= CHUNK_MAX) this.#from = this.#cut(this.#buffer, this.#from, this.#to);
    }
  }

  /** How many bytes the buffer can take, of those wanted, after making room if it has little. */
  #room(wanted: number): number {
    const needed = Math.min(BUFFER, this.#to - this.#from + wanted);
    if (needed > this.#buffer.length) {
      // Small contents have a small buffer.
      const grown = new Uint8Array(Math.min(BUFFER, Math.max(needed, 2 * this.#buffer.length)));
      grown.set(this.#buffer.subarray(this.#from, this.#to));
      this.#buffer = grown;
      this.#to -= this.#from;
      this.#from = 0;
    } else if (this.#from > 0 && this.#buffer.length - this.#to < Math.min(wanted, CHUNK_MAX)) {
      this.#buffer.copyWithin(0, this.#from, this.#to);
      this.#to -= this.#from;
      this.#from = 0;
    }
    return this.#buffer.length - this.#to;
  }

  #endRun(): void {
    while (this.#from < this.#to) this.#from = this.#cut(this.#buffer, this.#from, this.#to);
    this.#from = this.#to = 0;
  }

  #cut(bytes: Uint8Array, from: number, to: number): number {
    const end = cutPoint(this.#gear, bytes, from, to);
    this.#pieces.data(bytes.subarray(from, end));
    return end;
  }
}

/** Where the zeros that start at `at` end. */
function zerosEnd(bytes: Uint8Array, at: number): number {
  while (at < bytes.length && bytes[at] === 0 && (bytes.byteOffset + at & 3) !== 0) at++;
  if (at < bytes.length && bytes[at] === 0) {
    const words = new Int32Array(bytes.buffer, bytes.byteOffset + at, bytes.length - at >>> 2);
    let word = 0;
    while (word < words.length && words[word] === 0) word++;
    at += word * 4;
  }
  while (at < bytes.length && bytes[at] === 0) at++;
  return at;
}

/**
 * Where the next zeros start, behind `from`, that are a hole or go on to the end of `bytes`; else that end. Any run of
 * HOLE_MIN bytes holds one of the places that are HOLE_MIN apart, so only those are looked at.
 */
function nextZeros(bytes: Uint8Array, from: number): number {
  for (let at = from; at < bytes.length; at += HOLE_MIN) {
    if (bytes[at] !== 0) continue;
    const start = zerosStart(bytes, at);
    const end = zerosEnd(bytes, at);
    if (end - start >= HOLE_MIN || end === bytes.length) return start;
  }
  return zerosStart(bytes, bytes.length);
}

/** Where the zeros that end at `end` start. */
function zerosStart(bytes: Uint8Array, end: number): number {
  while (end > 0 && bytes[end - 1] === 0) end--;
  return end;
}
