import { NineError } from "../../9p/mod.ts";
import { ID_BYTES } from "./chunk_id.ts";
import { DEPTH_MAX, type Descriptor, EMPTY } from "./descriptor.ts";

/**
 * A list chunk: entries `length[8] id[32]`, little-endian, one after the other. `length` is how many bytes of the
 * content an entry stands for; an id of zeros is a hole of that length.
 */
const ENTRY = 8 + ID_BYTES;
/** Entries of a list. Behind the minimum it ends where an id says so, so that a change leaves the lists around it as they are. */
const LIST_MIN = 64;
const LIST_MAX = 4096;
/** An id ends a list with a probability of 1/1024. */
const END_MASK = 0x3ff;

const TWO32 = 0x1_0000_0000;

/** A decoded list, and, once somebody looked for them, where its chunks are. */
export class List {
  /** Where each entry ends, counted from the start of the list. */
  readonly ends: Float64Array;
  readonly #bytes: Uint8Array;

  /** Takes `bytes` over. Throws EIO where they are no list of `size` bytes of content. */
  constructor(bytes: Uint8Array, size: number) {
    const count = bytes.length / ENTRY;
    if (!Number.isInteger(count) || count === 0 || count > LIST_MAX) {
      throw new NineError(
        "EIO",
        `${bytes.length} bytes are no list of chunks, whose entries have ${ENTRY} bytes`,
      );
    }
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
    this.#bytes = bytes;
    this.ends = new Float64Array(count);
    let end = 0;
    for (let i = 0; i < count; i++) {
      end += view.getUint32(i * ENTRY, true) + view.getUint32(i * ENTRY + 4, true) * TWO32;
      this.ends[i] = end;
    }
    if (end !== size) {
      throw new NineError("EIO", `A list of ${end} bytes of content stands where ${size} were due`);
    }
  }

  get count(): number {
    return this.ends.length;
  }

  get byteLength(): number {
    return this.#bytes.length;
  }

  start(entry: number): number {
    return entry === 0 ? 0 : this.ends[entry - 1];
  }

  /** The id of an entry, a view; undefined for a hole. */
  id(entry: number): Uint8Array | undefined {
    const at = entry * ENTRY + 8;
    const id = this.#bytes.subarray(at, at + ID_BYTES);
    return isZero(id) ? undefined : id;
  }

  /** The entry that holds the byte at `offset`, which is less than the list's size. */
  at(offset: number): number {
    let low = 0;
    let high = this.ends.length - 1;
    while (low < high) {
      const middle = low + high >>> 1;
      if (this.ends[middle] > offset) high = middle;
      else low = middle + 1;
    }
    return low;
  }
}

interface Level {
  bytes: Uint8Array;
  count: number;
  size: number;
}

/** Builds the descriptor of a content from its chunks and holes in order, with at most one list a level in memory. */
export class ListBuilder {
  readonly #put: (bytes: Uint8Array) => Uint8Array;
  readonly #levels: Level[] = [];
  #size = 0;

  /** `put` stores a list and gives its id. */
  constructor(put: (bytes: Uint8Array) => Uint8Array) {
    this.#put = put;
  }

  /** How many bytes of content there are so far. */
  get size(): number {
    return this.#size;
  }

  /** Adds a chunk, or, without an id, a hole. */
  add(length: number, id: Uint8Array | undefined): void {
    this.#size += length;
    this.#add(0, length, id);
  }

  finish(): Descriptor {
    for (let depth = 0; depth < this.#levels.length; depth++) {
      const level = this.#levels[depth];
      if (level.count === 1 && depth === this.#levels.length - 1) {
        const id = level.bytes.slice(8, ENTRY);
        return { size: this.#size, depth, id: isZero(id) ? undefined : id };
      }
      if (level.count > 0) this.#end(depth);
    }
    return EMPTY;
  }

  #add(depth: number, length: number, id: Uint8Array | undefined): void {
    if (depth > DEPTH_MAX) {
      throw new NineError("EFBIG", `A content of ${this.#size} bytes needs too many lists`);
    }
    const level = this.#levels[depth] ??= { bytes: new Uint8Array(LIST_MIN * ENTRY), count: 0, size: 0 };
    const at = level.count * ENTRY;
    if (at === level.bytes.length) {
      const grown = new Uint8Array(at * 2);
      grown.set(level.bytes);
      level.bytes = grown;
    }
    const view = new DataView(level.bytes.buffer);
    view.setUint32(at, length % TWO32, true);
    view.setUint32(at + 4, Math.floor(length / TWO32), true);
    if (id !== undefined) level.bytes.set(id, at + 8);
    else level.bytes.fill(0, at + 8, at + ENTRY);
    level.count++;
    level.size += length;
    const isEnd = id !== undefined && ((id[0] | id[1] << 8) & END_MASK) === 0;
    if (level.count === LIST_MAX || (isEnd && level.count >= LIST_MIN)) this.#end(depth);
  }

  #end(depth: number): void {
    const level = this.#levels[depth];
    const id = this.#put(level.bytes.subarray(0, level.count * ENTRY));
    const { size } = level;
    level.count = level.size = 0;
    this.#add(depth + 1, size, id);
  }
}

function isZero(id: Uint8Array): boolean {
  for (let i = 0; i < ID_BYTES; i++) if (id[i] !== 0) return false;
  return true;
}
