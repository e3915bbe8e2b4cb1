interface Waiting {
  readonly untilMs: number;
  readonly giveUp: () => void;
}

/** Waits for promises, for each so many ms at most. One timer does for all: it costs more than most waits take. */
export class PatientWait {
  /** In the order of their ends, as all wait equally long. */
  readonly #waiting = new Set<Waiting>();
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(readonly msMax: number) {}

  /** Resolves when the promise is settled, or the time is over. */
  async wait(promise: Promise<unknown>): Promise<void> {
    const { promise: over, resolve } = Promise.withResolvers<void>();
    const waiting: Waiting = { untilMs: performance.now() + this.msMax, giveUp: resolve };
    this.#waiting.add(waiting);
    this.#timer ??= setTimeout(() => this.#look(), this.msMax);
    promise.then(() => resolve(), () => resolve());
    await over;
    this.#waiting.delete(waiting);
  }

  #look(): void {
    const now = performance.now();
    this.#timer = undefined;
    for (const { untilMs, giveUp } of this.#waiting) {
      // A timer may come a little early.
      if (untilMs > now + 1) {
        this.#timer = setTimeout(() => this.#look(), untilMs - now);
        return;
      }
      giveUp();
    }
  }
}
