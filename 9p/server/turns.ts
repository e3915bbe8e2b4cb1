import { setImmediate } from "node:timers";
import { nap } from "./nap.ts";

/** How long pieces of work follow each other before the event loop sleeps, ms. */
const AWAKE_MS = 1;
/** How long one may take without others having their turn, ms. */
const SLICE_MS = 1;

/**
 * One piece of work in a turn of the event loop, whoever it is for, and a nap between them as soon as they have taken
 * long: so requests are answered between them.
 */
class Turns {
  readonly #waiting: (() => void)[] = [];
  #sleptMs = -Infinity;

  /** Resolves when it is this one's turn. */
  next(): Promise<void> {
    return new Promise((go) => {
      if (this.#waiting.push(go) === 1) this.#after();
    });
  }

  /** When the piece that is under way has ended: a nap that began before it would be over by then. */
  #after(): void {
    setImmediate(() => {
      if (performance.now() - this.#sleptMs < AWAKE_MS) {
        this.#wake();
        return;
      }
      nap().then(() => {
        this.#sleptMs = performance.now();
        this.#wake();
      });
    });
  }

  #wake(): void {
    this.#waiting.shift()!();
    if (this.#waiting.length > 0) this.#after();
  }
}

/** All that takes long in this isolate has its turns from here, as there is one event loop. */
export const turns = new Turns();

/** Work that may become long, from its beginning on: it asks after each piece whether it is to give way to others. */
export class Slice {
  #endMs = performance.now() + SLICE_MS;

  /** Resolves when it is this one's turn again; undefined where it is still. */
  breathe(): Promise<void> | undefined {
    if (performance.now() <= this.#endMs) return undefined;
    return turns.next().then(() => {
      this.#endMs = performance.now() + SLICE_MS;
    });
  }
}
