/** Pairs of an input and an output that are remembered. */
const PAIRS_MAX = 100_000;

/**
 * Which computed files were last made from which paths, so that a change of the one can be told as a change of the
 * other. It knows what somebody has looked at since the node started.
 */
export class Dependents {
  readonly #outputsOf = new Map<string, Set<string>>();
  readonly #inputsOf = new Map<string, readonly string[]>();
  #pairs = 0;

  /** What an output is made from now. A path that ends with `/` stands for all names in that directory. */
  set(output: string, inputs: readonly string[]): void {
    const before = this.#inputsOf.get(output);
    if (before && before.length === inputs.length && before.every((path, i) => path === inputs[i])) return;
    this.#forget(output);
    this.#inputsOf.set(output, inputs);
    for (const input of inputs) {
      let outputs = this.#outputsOf.get(input);
      if (!outputs) this.#outputsOf.set(input, outputs = new Set());
      outputs.add(output);
    }
    this.#pairs += inputs.length;
    while (this.#pairs > PAIRS_MAX) this.#forget(this.#inputsOf.keys().next().value!);
  }

  /** The outputs that a change at a path makes stale, also by way of others, each once. */
  staleBy(path: string): string[] {
    const stale = new Set<string>();
    const changed = [path];
    for (let next = changed.pop(); next !== undefined; next = changed.pop()) {
      const directory = next.slice(0, next.lastIndexOf("/") + 1);
      for (const key of [next, directory]) {
        for (const output of this.#outputsOf.get(key) ?? []) {
          if (stale.has(output) || output === path) continue;
          stale.add(output);
          changed.push(output);
        }
      }
    }
    return [...stale];
  }

  #forget(output: string): void {
    const inputs = this.#inputsOf.get(output);
    if (!inputs) return;
    this.#inputsOf.delete(output);
    this.#pairs -= inputs.length;
    for (const input of inputs) {
      const outputs = this.#outputsOf.get(input);
      outputs?.delete(output);
      if (outputs?.size === 0) this.#outputsOf.delete(input);
    }
  }
}
