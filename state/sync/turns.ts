/** Calls that take turns, and those who wait for one of them to have brought something. */
export class Turns {
  #last: Promise<unknown> = Promise.resolve();
  #news = 0;
  #waiting: (() => void)[] = [];

  /** Goes up with all that may have brought something. */
  get news(): number {
    return this.#news;
  }

  /** Takes the step once all before it were taken. */
  take<T>(step: () => Promise<T> | T): Promise<T> {
    const result = this.#last.then(step);
    this.#last = result.catch(() => {});
    return result;
  }

  /** Something was brought. */
  wake(): void {
    this.#news++;
    for (const resolve of this.#waiting.splice(0)) resolve();
  }

  /** Resolves when something is brought. */
  wait(): Promise<void> {
    return new Promise((resolve) => this.#waiting.push(resolve));
  }
}
