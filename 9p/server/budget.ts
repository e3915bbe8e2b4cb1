/** What counts as small: a part of the budget is kept for it, so that large requests never crowd it out. */
const SMALL_BYTES = 1024 * 1024;

interface Waiter {
  readonly wanted: number;
  readonly onTaken: () => void;
  isTrying: boolean;
}

/**
 * The bytes that all connections together may hold for requests and replies on their way. Small messages are free; what
 * is larger is taken from here before it is allocated, so that a thousand clients that each ask for 8 MiB cannot take
 * the node's memory.
 */
export class Budget {
  readonly bytesMax: number;
  /** Those who hold bytes without using them at the moment: each gives them back when it is called. */
  readonly idle = new Set<() => void>();
  #used = 0;
  readonly #waiting = new Set<Waiter>();

  constructor(bytesMax: number) {
    this.bytesMax = bytesMax;
  }

  get used(): number {
    return this.#used;
  }

  /** Nearly all is taken, or somebody waits: who holds bytes and does not move is in the way of others. */
  get isShort(): boolean {
    return this.#waiting.size > 0 || this.#used > this.bytesMax - this.#reserve;
  }

  /** Takes up to `wanted` bytes and says how many. */
  takeUpTo(wanted: number): number {
    const taken = Math.min(wanted, this.#left(wanted));
    this.#used += taken;
    return taken;
  }

  /** Takes all of `wanted` or nothing. Where nobody holds anything, it never takes nothing. */
  take(wanted: number): boolean {
    if (wanted > this.#left(wanted) && this.#used > 0) return false;
    this.#used += wanted;
    return true;
  }

  give(count: number): void {
    if (count === 0) return;
    this.#used -= count;
    for (const waiter of this.#waiting) {
      // Whoever gives back what lies idle, as asked for by `take`, comes here again.
      if (waiter.isTrying) continue;
      waiter.isTrying = true;
      const taken = this.take(waiter.wanted);
      waiter.isTrying = false;
      if (!taken) continue;
      this.#waiting.delete(waiter);
      waiter.onTaken();
    }
  }

  /**
   * Calls back once all of `wanted` is taken, which is not now. Returns what ends the waiting: who cannot wait any longer
   * must say so.
   */
  wait(wanted: number, onTaken: () => void): () => void {
    const waiter = { wanted, onTaken, isTrying: false };
    this.#waiting.add(waiter);
    return () => this.#waiting.delete(waiter);
  }

  get #reserve(): number {
    return Math.floor(this.bytesMax / 8);
  }

  #left(wanted: number): number {
    const max = wanted > SMALL_BYTES ? this.bytesMax - this.#reserve : this.bytesMax;
    if (wanted > max - this.#used) { for (const giveBack of [...this.idle]) giveBack(); }
    return Math.max(0, max - this.#used);
  }
}
