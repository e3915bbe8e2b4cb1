const SLOTS_FIRST = 1024;

/**
 * Ids of chunks, of each its first eight bytes: a million take 32 MiB at most. Ids are hashes, so two that are alike there are as good as never met; if
 * they were, a chunk that nothing shows would be kept.
 */
export class LiveIds {
  /** Pairs of words; both zero where nothing is. */
  #slots = new Uint32Array(2 * SLOTS_FIRST);
  #count = 0;

  add(id: Uint8Array): void {
    const [high, low] = wordsOf(id);
    if (this.#put(high, low) && ++this.#count * 2 > this.#slots.length / 2) this.#grow();
  }

  has(id: Uint8Array): boolean {
    const [high, low] = wordsOf(id);
    const at = this.#find(high, low);
    return this.#slots[at] === high && this.#slots[at + 1] === low;
  }

  #put(high: number, low: number): boolean {
    const at = this.#find(high, low);
    if (this.#slots[at] === high && this.#slots[at + 1] === low) return false;
    this.#slots[at] = high;
    this.#slots[at + 1] = low;
    return true;
  }

  /** Where it is, or would be. */
  #find(high: number, low: number): number {
    const slots = this.#slots;
    const mask = slots.length / 2 - 1;
    for (let slot = low & mask;; slot = slot + 1 & mask) {
      const [a, b] = [slots[2 * slot], slots[2 * slot + 1]];
      if (a === high && b === low || a === 0 && b === 0) return 2 * slot;
    }
  }

  #grow(): void {
    const old = this.#slots;
    this.#slots = new Uint32Array(old.length * 2);
    for (let at = 0; at < old.length; at += 2) {
      if (old[at] !== 0 || old[at + 1] !== 0) this.#put(old[at], old[at + 1]);
    }
  }
}

/** Never both zero. */
function wordsOf(id: Uint8Array): [number, number] {
  const high = (id[0] << 24 | id[1] << 16 | id[2] << 8 | id[3]) >>> 0;
  const low = (id[4] << 24 | id[5] << 16 | id[6] << 8 | id[7]) >>> 0;
  return high === 0 && low === 0 ? [0, 1] : [high, low];
}
