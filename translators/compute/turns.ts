import { setImmediate } from "node:timers";

/** One piece of work in a turn of the event loop, whoever it is for: so requests are answered between them. */
export class Turns {
  readonly #waiting: (() => void)[] = [];

  /** Resolves when it is this one's turn. */
  next(): Promise<void> {
    return new Promise((go) => {
      if (this.#waiting.push(go) === 1) setImmediate(() => this.#wake());
    });
  }

  #wake(): void {
    this.#waiting.shift()!();
    if (this.#waiting.length > 0) setImmediate(() => this.#wake());
  }
}
