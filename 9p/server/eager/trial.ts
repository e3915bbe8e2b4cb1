/** How long turns are counted to tell how fast they are, ms: longer than a busy core keeps one waiting. */
const EPOCH_MS = 10;
/** A longer silence belongs to no epoch, ms. */
const SILENCE_MS = 20;
/** Polling is kept where turns are as many times faster with it. */
const GAIN_MIN = 1.1;
/** Epochs until the other way is tried again; more after every trial that failed. */
const PATIENCE_MIN = 8;
const PATIENCE_MAX = 256;

/**
 * Finds out whether turns are faster with polling, by trying both in turn. Where the processor is wanted by others they
 * are not, and which of the two holds no single read can tell.
 */
export class Trial {
  /** What the next turn does. */
  polls = false;
  #isTrying = false;
  /** Bytes of requests per ms in the epoch before the trial. */
  #before = 0;
  #left = 1;
  #patience = PATIENCE_MIN;
  #since = -Infinity;
  #lastAt = -Infinity;
  #bytes = 0;

  /**
   * A turn has ended, which brought so many bytes of requests. Bytes are what is compared: with several requests in
   * flight, polling may take them one by one that would have come together, which makes more turns and less progress.
   */
  turn(now: number, bytes: number): void {
    if (now - this.#lastAt > SILENCE_MS) this.restart(now);
    this.#lastAt = now;
    this.#bytes += bytes;
    if (now - this.#since < EPOCH_MS) return;
    const rate = this.#bytes / (now - this.#since);
    this.#since = now;
    this.#bytes = 0;
    if (this.#isTrying) this.#judge(rate);
    else if (--this.#left <= 0) {
      this.#before = rate;
      this.#isTrying = true;
      this.polls = !this.polls;
    }
  }

  /** Another client: how often trials failed with the one before says nothing of it. */
  renew(now: number): void {
    this.restart(now);
    this.#patience = PATIENCE_MIN;
    this.#left = 1;
  }

  /** What was counted so far is not to be compared with what comes. */
  restart(now: number): void {
    this.#since = now;
    this.#lastAt = now;
    this.#bytes = 0;
    if (!this.#isTrying) return;
    this.#isTrying = false;
    this.polls = !this.polls;
    this.#left = 1;
  }

  #judge(rate: number): void {
    const isBetter = this.polls ? rate >= this.#before * GAIN_MIN : rate * GAIN_MIN > this.#before;
    if (!isBetter) this.polls = !this.polls;
    this.#patience = isBetter ? PATIENCE_MIN : Math.min(this.#patience * 2, PATIENCE_MAX);
    this.#isTrying = false;
    this.#left = this.#patience;
  }
}
