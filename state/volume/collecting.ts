import type { NineError } from "../../9p/mod.ts";
import type { Following } from "./following.ts";
import type { Gate } from "./gate.ts";

/** How often it is done. */
const COLLECT_MS = 6 * 3600 * 1000;

export interface CollectingOptions {
  readonly following: Following;
  readonly gate: Gate;
  /** Resolves when the index has everything that the log has. */
  caughtUp(): Promise<void>;
  /** Has the Worker do it. */
  begin(): void;
}

/** Lets go of history that is not kept, and of contents that nothing shows any more: from time to time, and when somebody asks. */
export class Collecting {
  readonly #options: CollectingOptions;
  readonly #timer: ReturnType<typeof setInterval>;
  #running: Promise<void> | undefined;
  #done: PromiseWithResolvers<void> | undefined;

  constructor(options: CollectingOptions) {
    this.#options = options;
    // What keeps it from happening is told as trouble.
    this.#timer = setInterval(() => this.collect().catch(() => {}), COLLECT_MS);
    if (typeof this.#timer === "number") Deno.unrefTimer(this.#timer);
  }

  /** What goes on now. */
  get running(): Promise<void> | undefined {
    return this.#running;
  }

  collect(): Promise<void> {
    return this.#running ??= this.#collect().finally(() => this.#running = undefined);
  }

  /** The Worker is done. */
  done(): void {
    this.#done?.resolve();
  }

  fail(error: NineError): void {
    this.#done?.reject(error);
  }

  close(): void {
    clearInterval(this.#timer);
  }

  async #collect(): Promise<void> {
    const { following, gate, caughtUp, begin } = this.#options;
    await gate.closing?.done.promise;
    // Where the index cannot follow, as on a full disk, this may be what makes room.
    await caughtUp().catch(() => {});
    following.checkAlive();
    this.#done = Promise.withResolvers();
    begin();
    await this.#done.promise;
  }
}
