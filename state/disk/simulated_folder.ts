import type { Random } from "./random.ts";

type Names<Entry> = Map<string, Entry>;

/** The names of a folder of the simulated disk: as they are, and each change that is not durable yet. */
export class SimulatedFolder<Entry> {
  readonly names: Names<Entry>;
  readonly #durable: Names<Entry>;
  #changes: ((names: Names<Entry>) => void)[] = [];
  #kept = 0;

  constructor(durable: Names<Entry> = new Map()) {
    this.#durable = durable;
    this.names = new Map(durable);
  }

  change(change: (names: Names<Entry>) => void): void {
    change(this.names);
    this.#changes.push(change);
  }

  /** The changes up to now, for `keep`. */
  mark(): number {
    return this.#kept + this.#changes.length;
  }

  /** The changes up to `mark` are durable. */
  keep(mark: number): void {
    for (; this.#kept < mark; this.#kept++) this.#changes.shift()!(this.#durable);
  }

  /** What is left after a loss of power: all changes up to some moment. */
  survivors(random: Random): Names<Entry> {
    const names = new Map(this.#durable);
    for (const change of this.#changes.slice(0, random.below(this.#changes.length + 1))) change(names);
    return names;
  }
}
