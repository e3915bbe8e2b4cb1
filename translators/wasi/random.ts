/** Randomness that is the same in every run with the same seed: ChaCha20 (RFC 8439) as a stream. */
import { NineError } from "../../9p/mod.ts";

const BLOCK_BYTES = 64;
export const SEED_BYTES = 32;

/** "expand 32-byte k" */
const CONSTANTS = [0x61707865, 0x3320646e, 0x79622d32, 0x6b206574] as const;

/** The key stream for a key of 32 bytes and a nonce of 12 (zeros unless given), from block `counter` on. */
export class ChaCha20 {
  readonly #state = new Uint32Array(16);
  readonly #words = new Uint32Array(16);
  readonly #block = new Uint8Array(BLOCK_BYTES);
  readonly #view = new DataView(this.#block.buffer);
  /** Bytes of the block that were given out. */
  #used = BLOCK_BYTES;

  constructor(key: Uint8Array, nonce: Uint8Array = new Uint8Array(12), counter = 0) {
    if (key.length !== SEED_BYTES || nonce.length !== 12) {
      throw new NineError(
        "EINVAL",
        `A key of ${key.length} bytes and a nonce of ${nonce.length}, needed are 32 and 12`,
      );
    }
    this.#state.set(CONSTANTS);
    const words = (bytes: Uint8Array, at: number) => {
      const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
      for (let i = 0; i < bytes.length / 4; i++) this.#state[at + i] = view.getUint32(4 * i, true);
    };
    words(key, 4);
    this.#state[12] = counter;
    words(nonce, 13);
  }

  fill(into: Uint8Array): void {
    for (let done = 0; done < into.length;) {
      if (this.#used === BLOCK_BYTES) this.#next();
      const part = Math.min(BLOCK_BYTES - this.#used, into.length - done);
      into.set(
        part === BLOCK_BYTES ? this.#block : this.#block.subarray(this.#used, this.#used + part),
        done,
      );
      this.#used += part;
      done += part;
    }
  }

  #next(): void {
    const words = this.#words;
    words.set(this.#state);
    for (let round = 0; round < 10; round++) {
      quarter(words, 0, 4, 8, 12);
      quarter(words, 1, 5, 9, 13);
      quarter(words, 2, 6, 10, 14);
      quarter(words, 3, 7, 11, 15);
      quarter(words, 0, 5, 10, 15);
      quarter(words, 1, 6, 11, 12);
      quarter(words, 2, 7, 8, 13);
      quarter(words, 3, 4, 9, 14);
    }
    for (let i = 0; i < 16; i++) this.#view.setUint32(4 * i, words[i] + this.#state[i], true);
    this.#used = 0;
    // The block counter has 32 bits (256 GiB); a stream that goes on beyond takes the nonce's first word in.
    this.#state[12]++;
    if (this.#state[12] === 0) this.#state[13]++;
  }
}

function quarter(x: Uint32Array, a: number, b: number, c: number, d: number): void {
  x[a] += x[b];
  x[d] = rotate(x[d] ^ x[a], 16);
  x[c] += x[d];
  x[b] = rotate(x[b] ^ x[c], 12);
  x[a] += x[b];
  x[d] = rotate(x[d] ^ x[a], 8);
  x[c] += x[d];
  x[b] = rotate(x[b] ^ x[c], 7);
}

function rotate(word: number, bits: number): number {
  return (word << bits) | (word >>> (32 - bits));
}
