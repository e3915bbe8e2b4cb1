/** What a volume has promised at a moment of a recorded run, and whether what is there after a loss of power keeps it. */

/** By client, the number of a state of its folder. */
type Numbers = readonly number[];

/** Follows the marks of a recorded run. A client's states are numbered from 0, which is what it found first. */
export class Promises {
  /** Asked for, answered, and answered before a sync that was answered. */
  readonly #begun: number[];
  readonly #answered: number[];
  readonly #durable: number[];
  /** When each state was answered. */
  readonly #answeredMs: Map<number, number>[];
  /** What was answered when each state was asked for: it is there if that is. */
  readonly #before: Map<number, Numbers>[];
  readonly #syncs = new Map<number, Numbers>();

  constructor(clients: number) {
    const each = <T>(make: () => T) => Array.from({ length: clients }, make);
    this.#begun = each(() => 0);
    this.#answered = each(() => 0);
    this.#durable = each(() => 0);
    this.#answeredMs = each(() => new Map());
    this.#before = each(() => new Map());
  }

  apply(mark: string, ms: number): void {
    const [what, ...numbers] = mark.split(" ");
    const [client, first, last] = numbers.map(Number);
    switch (what) {
      case "begins":
        for (let state = first; state <= last; state++) this.#before[client].set(state, [...this.#answered]);
        this.#begun[client] = last;
        return;
      case "answered":
        this.#answered[client] = first;
        this.#answeredMs[client].set(first, ms);
        return;
      case "syncs":
        return void this.#syncs.set(client, [...this.#answered]);
      case "synced":
        for (const [other, state] of this.#syncs.get(client)!.entries()) {
          this.#durable[other] = Math.max(this.#durable[other], state);
        }
    }
  }

  /** The states of a client that may be there. */
  range(client: number): { readonly durable: number; readonly answered: number; readonly begun: number } {
    return {
      durable: this.#durable[client],
      answered: this.#answered[client],
      begun: this.#begun[client],
    };
  }

  /**
   * Of the states that each client's folder is like, the first ones that fit together: nothing is there without all that was
   * answered before it was asked for. Undefined where there are none.
   */
  together(like: readonly Numbers[]): Numbers | undefined {
    const at = like.map(() => 0);
    for (let isFound = false; !isFound;) {
      isFound = true;
      for (const [client, i] of at.entries()) {
        for (const [other, least] of (this.#before[client].get(like[client][i]) ?? []).entries()) {
          while (at[other] < like[other].length && like[other][at[other]] < least) {
            at[other]++;
            isFound = false;
          }
        }
      }
      if (at.some((i, client) => i >= like[client].length)) return undefined;
    }
    return at.map((i, client) => like[client][i]);
  }

  /** How long ago the oldest change was answered that is not there, in milliseconds; 0 where all are. */
  lostMs(client: number, state: number, nowMs: number): number {
    for (let lost = state + 1; lost <= this.#answered[client]; lost++) {
      const ms = this.#answeredMs[client].get(lost);
      if (ms !== undefined) return nowMs - ms;
    }
    return 0;
  }
}
