/** The words that the pool and the keeper of the engines share: when the clock is to tick, and when to end. */

/** How many runs are under way: while there are none the keeper sleeps. */
const RUNNING = 0;
const ENDING = 1;
/** Never raised: a wait for it is a sleep. */
const NEVER = 2;
/** Whether the keeper sleeps until it is woken. */
const ASLEEP = 3;
export const CLOCKWORK_BYTES = 16;
/** The keeper goes on for so many ticks after the last run: to wake it costs as much as a small run. */
const TICKS_IDLE = 20;
/** Between two ticks, ms: how late a guest's deadline may be noticed. */
export const TICK_MS = 5;

export class Clockwork {
  readonly #words: Int32Array<SharedArrayBuffer>;

  constructor(memory: SharedArrayBuffer) {
    this.#words = new Int32Array(memory);
  }

  /** A run has begun or ended. */
  add(runs: 1 | -1): void {
    Atomics.add(this.#words, RUNNING, runs);
    // Asleep is told before the keeper looks once more whether anything runs, so no run is missed.
    if (Atomics.load(this.#words, ASLEEP) === 1) Atomics.notify(this.#words, RUNNING);
  }

  end(): void {
    Atomics.store(this.#words, ENDING, 1);
    this.add(1);
  }

  /** The keeper's loop: calls `tick` while anything runs and a little longer, sleeps otherwise, and returns at the end. */
  keep(tick: () => void): void {
    let idle = TICKS_IDLE;
    while (Atomics.load(this.#words, ENDING) === 0) {
      if (Atomics.load(this.#words, RUNNING) !== 0) idle = 0;
      else if (++idle > TICKS_IDLE) this.#sleep();
      tick();
      Atomics.wait(this.#words, NEVER, 0, TICK_MS);
    }
  }

  #sleep(): void {
    Atomics.store(this.#words, ASLEEP, 1);
    Atomics.wait(this.#words, RUNNING, 0);
    Atomics.store(this.#words, ASLEEP, 0);
  }
}
