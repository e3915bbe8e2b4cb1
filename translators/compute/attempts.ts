import { UNWANTED } from "./input.ts";

/** How many are under way at once. */
const UNDER_WAY_MAX = 4;
/** How long one goes on after it was begun, ms. */
const MS_MAX = 500;

/**
 * What listings begin in order to tell a length. Few are under way at once, and the others follow one after the other,
 * where somebody still waits for them by then. What was begun goes on for a moment, so that the next listing knows, and is
 * given up after that, or as soon as somebody opens what is to be run: no listing keeps a Worker from those who read.
 */
export class Attempts {
  readonly #underWay = new Set<Attempt>();
  /** In the order in which they came. */
  readonly #waiting = new Set<Attempt>();

  /** `act` ends soon when its signal is aborted. What it throws is lost. */
  begin(act: (signal: AbortSignal) => Promise<void>): Attempt {
    const attempt = new Attempt(act, (attempt) => {
      this.#waiting.delete(attempt);
    });
    if (this.#underWay.size < UNDER_WAY_MAX) this.#run(attempt);
    else this.#waiting.add(attempt);
    return attempt;
  }

  /** Ends those that nobody waits for. */
  giveWay(): void {
    for (const attempt of this.#underWay) if (attempt.isLeft) attempt.giveUp();
  }

  async #run(attempt: Attempt): Promise<void> {
    this.#underWay.add(attempt);
    await attempt.run();
    this.#underWay.delete(attempt);
    const [next] = this.#waiting;
    if (!next) return;
    this.#waiting.delete(next);
    this.#run(next);
  }
}

class Attempt {
  readonly #aborter = new AbortController();
  readonly #ended = Promise.withResolvers<void>();
  isLeft = false;

  constructor(
    readonly act: (signal: AbortSignal) => Promise<void>,
    readonly onLeave: (attempt: Attempt) => void,
  ) {}

  /** Resolves when it is over, however it ended; never where it was left before it began. */
  get ended(): Promise<void> {
    return this.#ended.promise;
  }

  /** Nobody waits for it any more: it does not begin, or goes on for what is left of its time. */
  leave(): void {
    this.isLeft = true;
    this.onLeave(this);
  }

  giveUp(): void {
    this.#aborter.abort(UNWANTED);
  }

  async run(): Promise<void> {
    const timer = setTimeout(() => this.giveUp(), MS_MAX);
    try {
      await this.act(this.#aborter.signal);
    } catch { /* Why is told to who opens it. */ }
    clearTimeout(timer);
    this.#ended.resolve();
  }
}
