import { NineError } from "../../9p/mod.ts";

export interface QueueBounds {
  /** Of one caller. */
  readonly callerMax: number;
  /** Of all together. */
  readonly totalMax: number;
}

/**
 * What waits for its turn, caller by caller: whoever asks for much waits for that, and others do not. Several callers may
 * wait for one item, which then has the first of their turns.
 */
export class FairQueue<T> {
  readonly #bounds: QueueBounds;
  /** In the order of turns: the first is next, and goes last after it. */
  readonly #waiting = new Map<string, T[]>();
  /** Who waits for each. */
  readonly #callers = new Map<T, Set<string>>();

  constructor(bounds: QueueBounds) {
    this.#bounds = bounds;
  }

  get size(): number {
    return this.#callers.size;
  }

  has(item: T): boolean {
    return this.#callers.has(item);
  }

  /** The caller waits for it too, if it is there already. */
  push(caller: string, item: T): void {
    const { callerMax, totalMax } = this.#bounds;
    const own = this.#waiting.get(caller);
    if (own !== undefined && own.length >= callerMax) {
      throw new NineError(
        "EAGAIN",
        `${own.length} runs of ${JSON.stringify(caller)} wait already, which is the most`,
      );
    }
    if (!this.has(item) && this.size >= totalMax) {
      throw new NineError("ENOBUFS", `${this.size} runs wait already, which is the most`);
    }
    if (!this.#note(caller, item)) return;
    if (own === undefined) this.#waiting.set(caller, [item]);
    else own.push(item);
  }

  /** To the front of the caller's: it had a turn, and lost it by no fault of its own. Bounds do not matter. */
  pushBack(caller: string, item: T): void {
    if (!this.#note(caller, item)) return;
    const own = this.#waiting.get(caller);
    if (own === undefined) this.#waiting.set(caller, [item]);
    else own.unshift(item);
  }

  /** Whether that is new. */
  #note(caller: string, item: T): boolean {
    const callers = this.#callers.get(item);
    if (callers?.has(caller)) return false;
    if (callers === undefined) this.#callers.set(item, new Set([caller]));
    else callers.add(caller);
    return true;
  }

  /** The next one, of those callers whose first one is wanted; the others keep their turn. */
  shift(isWanted: (item: T, caller: string) => boolean = () => true): T | undefined {
    for (const [caller, own] of this.#waiting) {
      const item = own[0];
      if (!isWanted(item, caller)) continue;
      own.shift();
      this.#waiting.delete(caller);
      if (own.length > 0) this.#waiting.set(caller, own);
      this.#callers.get(item)!.delete(caller);
      this.remove(item);
      return item;
    }
    return undefined;
  }

  /** Whether it was still waiting. */
  remove(item: T): boolean {
    const callers = this.#callers.get(item);
    if (callers === undefined) return false;
    for (const caller of callers) this.#leave(caller, item);
    return this.#callers.delete(item);
  }

  /** From now on those wait for it, as far as there is room in their queues; one at least goes on waiting. */
  share(names: Iterable<string>, item: T): void {
    const callers = this.#callers.get(item)!;
    const present = new Set(names);
    for (const name of present) {
      try {
        this.push(name, item);
      } catch { /* It has the others' turns. */ }
    }
    const gone = [...callers].filter((caller) => !present.has(caller));
    if (gone.length === callers.size) {
      const [first] = present;
      if (first === undefined) return;
      this.pushBack(first, item);
    }
    for (const caller of gone) {
      callers.delete(caller);
      this.#leave(caller, item);
    }
  }

  #leave(caller: string, item: T): void {
    const own = this.#waiting.get(caller)!;
    own.splice(own.indexOf(item), 1);
    if (own.length === 0) this.#waiting.delete(caller);
  }
}
