/**
 * How long listings may wait for results: a share of the time that goes by, saved up to a bound. So `ls -l` shows the
 * lengths of what is quickly computed, and a folder of slow recipes is listed all the same.
 */
export class Patience {
  #leftMs: number;
  #at: number;

  /** `now` is in milliseconds, from any start. */
  constructor(
    readonly savedMsMax: number,
    readonly onceMsMax: number,
    readonly share: number,
    readonly now: () => number = () => performance.now(),
  ) {
    this.#leftMs = savedMsMax;
    this.#at = now();
  }

  /** Waits for a promise as long as there is patience; undefined where it ran out first. */
  async wait<T>(promise: Promise<T>): Promise<T | undefined> {
    const start = this.#refill();
    const limitMs = Math.min(this.onceMsMax, this.#leftMs);
    if (limitMs < 1) return undefined;
    let timer: ReturnType<typeof setTimeout> | undefined;
    const late = new Promise<undefined>((done) => timer = setTimeout(() => done(undefined), limitMs));
    try {
      return await Promise.race([promise, late]);
    } finally {
      clearTimeout(timer);
      this.#leftMs = Math.max(0, this.#leftMs - (this.now() - start));
    }
  }

  /** Whether it is worth beginning something. */
  get isLeft(): boolean {
    this.#refill();
    return this.#leftMs >= 1;
  }

  #refill(): number {
    const now = this.now();
    this.#leftMs = Math.min(this.savedMsMax, this.#leftMs + (now - this.#at) * this.share);
    this.#at = now;
    return now;
  }
}
