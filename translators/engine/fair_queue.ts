import { NineError } from "../../9p/mod.ts";

export interface QueueBounds {
  /** Of one caller. */
  readonly callerMax: number;
  /** Of all together. */
  readonly totalMax: number;
}

/** What waits for its turn, caller by caller: whoever asks for much waits for that, and others do not. */
export class FairQueue<T> {
  readonly #bounds: QueueBounds;
  /** In the order of turns: the first is next, and goes last after it. */
  readonly #waiting = new Map<string, T[]>();
  #size = 0;

  constructor(bounds: QueueBounds) {
    this.#bounds = bounds;
  }

  get size(): number {
    return this.#size;
  }

  push(caller: string, item: T): void {
    const { callerMax, totalMax } = this.#bounds;
    const own = this.#waiting.get(caller);
    if (own !== undefined && own.length >= callerMax) {
      throw new NineError(
        "EAGAIN",
        `${own.length} runs of ${JSON.stringify(caller)} wait already, which is the most`,
      );
    }
    if (this.#size >= totalMax) {
      throw new NineError("ENOBUFS", `${this.#size} runs wait already, which is the most`);
    }
    this.#size++;
    if (own === undefined) this.#waiting.set(caller, [item]);
    else own.push(item);
  }

  /** Back to the front of its caller's: it had its turn, and lost it by no fault of its own. Bounds do not matter. */
  pushBack(caller: string, item: T): void {
    this.#size++;
    const own = this.#waiting.get(caller);
    if (own === undefined) this.#waiting.set(caller, [item]);
    else own.unshift(item);
  }

  /** The next one, of those callers whose first one is wanted; the others keep their turn. */
  shift(isWanted: (item: T) => boolean = () => true): T | undefined {
    for (const [caller, own] of this.#waiting) {
      const item = own[0];
      if (!isWanted(item)) continue;
      own.shift();
      this.#waiting.delete(caller);
      if (own.length > 0) this.#waiting.set(caller, own);
      this.#size--;
      return item;
    }
    return undefined;
  }

  /** Whether it was still waiting. */
  remove(caller: string, item: T): boolean {
    const own = this.#waiting.get(caller);
    const at = own?.indexOf(item) ?? -1;
    if (own === undefined || at < 0) return false;
    own.splice(at, 1);
    if (own.length === 0) this.#waiting.delete(caller);
    this.#size--;
    return true;
  }
}
