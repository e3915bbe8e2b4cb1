/** Going back to a snapshot, or taking in what others changed. */
export interface Closing {
  /** The operation of the former, once that is in the log. */
  number: number | undefined;
  readonly done: PromiseWithResolvers<void>;
}

/** While it is closed, everything that changes the volume waits. */
export class Gate {
  #closing: Closing | undefined;

  /** What it is closed for; undefined while it is open. */
  get closing(): Closing | undefined {
    return this.#closing;
  }

  close(): Closing {
    return this.#closing = { number: undefined, done: Promise.withResolvers() };
  }

  open(): void {
    const { done } = this.#closing!;
    this.#closing = undefined;
    done.resolve();
  }
}
