import type { ChunkPlace } from "./chunk_index.ts";

/** Multiplier of Fibonacci hashing: 2^32 divided by the golden ratio. */
const GOLDEN = 0x9e3779b1;
const PACK_STEP = 2 ** 30;

/**
 * Which chunks were found to be as they should since start: a memory of fixed size. Each place has one slot, which
 * another may take; whose slot was taken is checked again, which costs time and nothing else.
 */
export class Checked {
  readonly #slots: Float64Array;
  readonly #shift: number;

  /** `bits`: there are 2^bits slots of 8 bytes. 2^18, 2 MiB, hold the chunks of some 8 GiB. */
  constructor(bits = 18) {
    this.#slots = new Float64Array(2 ** bits).fill(-1);
    this.#shift = 32 - bits;
  }

  has(place: ChunkPlace): boolean {
    return this.#slots[this.#slot(place)] === keyOf(place);
  }

  add(place: ChunkPlace): void {
    this.#slots[this.#slot(place)] = keyOf(place);
  }

  #slot({ pack, offset }: ChunkPlace): number {
    return Math.imul(offset ^ Math.imul(pack, GOLDEN), GOLDEN) >>> this.#shift;
  }
}

/** Offsets are below 2^30, as packs are. */
function keyOf({ pack, offset }: ChunkPlace): number {
  return pack * PACK_STEP + offset;
}
