/** The users who wait for a run that is shared: they come and go while it waits and runs. */
export class Askers {
  /** In the order in which they came; one may wait several times. */
  readonly #counts = new Map<string, number>();
  #last: string;
  /** Called when somebody new has come, or has gone for good. */
  onChange: (() => void) | undefined;

  /** `first` has asked for the run, and is to be added. */
  constructor(readonly first: string) {
    this.#last = first;
  }

  get names(): Iterable<string> {
    return this.#counts.keys();
  }

  /** Whom it counts for: who has waited for longest of those that are there, else who was there last. */
  get answerable(): string {
    const [longest = this.#last] = this.#counts.keys();
    return longest;
  }

  add(name: string): void {
    const count = this.#counts.get(name) ?? 0;
    this.#counts.set(name, count + 1);
    if (count === 0) this.onChange?.();
  }

  remove(name: string): void {
    const count = this.#counts.get(name)!;
    if (count > 1) this.#counts.set(name, count - 1);
    else {
      this.#counts.delete(name);
      this.#last = name;
      this.onChange?.();
    }
  }
}
