import type { ChunkPlace } from "./chunk_index.ts";

/** Multiplier of Fibonacci hashing: 2^32 divided by the golden ratio. */
const GOLDEN = 0x9e3779b1;
const PACK_STEP = 2 ** 30;
const WAYS = 4;

/**
 * Which chunks were found to be as they should since start: a memory of fixed size. Each place has four slots that
 * it shares with some others, of which the one added first goes; that one is checked again, which costs time and nothing
 * else. With a single slot, two chunks of one file that met in it were hashed anew at every read.
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
    const slots = this.#slots;
    const key = keyOf(place);
    const at = this.#first(place);
    return slots[at] === key || slots[at + 1] === key || slots[at + 2] === key || slots[at + 3] === key;
  }

  add(place: ChunkPlace): void {
    if (this.has(place)) return;
    const at = this.#first(place);
    this.#slots.copyWithin(at + 1, at, at + WAYS - 1);
    this.#slots[at] = keyOf(place);
  }

  #first({ pack, offset }: ChunkPlace): number {
    return (Math.imul(offset ^ Math.imul(pack, GOLDEN), GOLDEN) >>> this.#shift) & -WAYS;
  }
}

/** Offsets are below 2^30, as packs are. */
function keyOf({ pack, offset }: ChunkPlace): number {
  return pack * PACK_STEP + offset;
}
