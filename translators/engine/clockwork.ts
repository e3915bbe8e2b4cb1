/** The words that the pool and the keeper of the engines share: when the clock is to tick, and when to end. */

/** How many runs are under way: while there are none the keeper sleeps. */
const RUNNING = 0;
const ENDING = 1;
/** Never raised: a wait for it is a sleep. */
const NEVER = 2;
export const CLOCKWORK_BYTES = 12;
/** Between two ticks, ms: how late a guest's deadline may be noticed. */
export const TICK_MS = 5;

export class Clockwork {
  readonly #words: Int32Array<SharedArrayBuffer>;

  constructor(memory: SharedArrayBuffer) {
    this.#words = new Int32Array(memory);
  }

  /** A run has begun or ended. */
  add(runs: 1 | -1): void {
    const before = Atomics.add(this.#words, RUNNING, runs);
    if (before === 0) Atomics.notify(this.#words, RUNNING);
  }

  end(): void {
    Atomics.store(this.#words, ENDING, 1);
    this.add(1);
  }

  /** The keeper's loop: calls `tick` while anything runs, sleeps otherwise, and returns at the end. */
  keep(tick: () => void): void {
    while (Atomics.load(this.#words, ENDING) === 0) {
      Atomics.wait(this.#words, RUNNING, 0);
      tick();
      Atomics.wait(this.#words, NEVER, 0, TICK_MS);
    }
  }
}
