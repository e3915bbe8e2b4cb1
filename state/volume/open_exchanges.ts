import { NineError } from "../../9p/mod.ts";
import type { Log } from "../log/mod.ts";
import { Exchange } from "./exchange.ts";
import type { Following } from "./following.ts";
import type { StateWorker } from "./state_worker.ts";

/** The main isolate's ends of the exchanges that the Worker holds with other copies. */
export class OpenExchanges {
  readonly #state: StateWorker;
  readonly #log: Log;
  readonly #following: Following;
  readonly #open = new Map<number, Exchange>();
  #last = 0;
  /** Those that wait for the Worker. */
  #beginning = 0;

  constructor(state: StateWorker, log: Log, following: Following) {
    this.#state = state;
    this.#log = log;
    this.#following = following;
  }

  /** Whether there is one. */
  get isAny(): boolean {
    return this.#open.size > 0;
  }

  /** Or one is about to be. */
  get isAnySoon(): boolean {
    return this.isAny || this.#beginning > 0;
  }

  async begin(): Promise<Exchange> {
    this.#following.checkAlive();
    // It starts the Worker if that rests, which it does not while there are exchanges.
    const id = ++this.#last;
    this.#beginning++;
    try {
      this.#state.say({ kind: "logged", last: this.#log.synced });
      await this.#state.settled();
      // Whoever asks for an exchange means all that he was answered before: half of it may be what nobody ever saw. What the index cannot take in, as on a full disk, is no reason to keep the rest.
      await this.#following.caughtUp(this.#log.last).catch(() => {});
      this.#following.checkAlive();
      if (!this.#state.isRunning) {
        throw this.#following.stuck ?? new NineError("EAGAIN", "The state Worker does not run");
      }
    } finally {
      this.#beginning--;
    }
    const exchange = new Exchange({
      post: (frame) => this.#state.say({ kind: "exchange", id, frame }),
      onRead: (bytes) => this.#state.say({ kind: "exchangeRead", id, bytes }),
      onClose: () => {
        if (this.remove(id)) this.#state.say({ kind: "exchangeClosed", id });
      },
    });
    this.#open.set(id, exchange);
    return exchange;
  }

  get(id: number): Exchange | undefined {
    return this.#open.get(id);
  }

  /** Whether it was there. */
  remove(id: number): boolean {
    return this.#open.delete(id);
  }

  /** The next read of each fails. */
  fail(error: NineError): void {
    for (const exchange of this.#open.values()) exchange.end(error);
  }

  clear(): void {
    this.#open.clear();
  }
}
