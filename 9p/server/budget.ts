/**
 * The bytes that all connections together may hold for requests and replies on their way. Small messages are free; what
 * is larger is taken from here before it is allocated, so that a thousand clients that each ask for 8 MiB cannot take
 * the node's memory.
 */
export class Budget {
  readonly bytesMax: number;
  #used = 0;
  #waiting: (() => void)[] = [];

  constructor(bytesMax: number) {
    this.bytesMax = bytesMax;
  }

  get used(): number {
    return this.#used;
  }

  /** Takes up to `wanted` bytes and says how many. */
  takeUpTo(wanted: number): number {
    const taken = Math.min(wanted, this.bytesMax - this.#used);
    this.#used += taken;
    return taken;
  }

  /** Takes all of `wanted` or nothing. */
  take(wanted: number): boolean {
    if (wanted > this.bytesMax - this.#used) return false;
    this.#used += wanted;
    return true;
  }

  give(count: number): void {
    if (count === 0) return;
    this.#used -= count;
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const wake of waiting) wake();
  }

  /** Resolves when something was given back. */
  freed(): Promise<void> {
    return new Promise((wake) => this.#waiting.push(wake));
  }
}
