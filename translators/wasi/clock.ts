/** What time it is to a guest. */
export interface Clock {
  /** Since 1970, nanoseconds. */
  realtimeNs(): bigint;
  /** Since some start, nanoseconds; never less than before. */
  monotonicNs(): bigint;
  /** What a guest may expect a clock to tell apart; 1 ns where absent. */
  readonly resolutionNs?: bigint;
}

export interface RunClockOptions {
  /** The one time of day that the run sees. */
  readonly realtimeNs?: bigint;
  /** How much later each look at the monotonic clock is. */
  readonly stepNs?: bigint;
}

/**
 * A clock that is the same in every run: the time of day stands still, the monotonic clock goes one step on at each
 * look, so that a program that measures how long it took never divides by zero. The host moves both on by `advance` when
 * the guest has slept, so that a program that sleeps until a certain time wakes up after it.
 */
export class RunClock implements Clock {
  readonly resolutionNs: bigint;
  #realtime: bigint;
  #monotonic = 0n;

  /** 2000-01-01 and a microsecond, unless told otherwise. */
  constructor({ realtimeNs = 946_684_800_000_000_000n, stepNs = 1000n }: RunClockOptions = {}) {
    this.#realtime = realtimeNs;
    this.resolutionNs = stepNs;
  }

  realtimeNs(): bigint {
    return this.#realtime;
  }

  monotonicNs(): bigint {
    return this.#monotonic += this.resolutionNs;
  }

  advance(ns: bigint): void {
    this.#realtime += ns;
    this.#monotonic += ns;
  }
}
