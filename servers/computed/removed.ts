import type { Qid } from "../../9p/mod.ts";

/** Long enough for a program that removes a file in order to make it anew, ms. */
const HIDDEN_MS = 2000;
const HIDDEN_MAX = 10_000;

/**
 * Outputs that were removed a moment ago, or whose names stored files had until then: they hide until a file has taken
 * their name, their recipe has changed, or the moment is over. `tar -x` removes what is in its way and tries again for as
 * long as it finds something there; git removes a file, and makes the other version of it.
 */
export class Removed {
  /** By the recipe's qid.path, oldest first. */
  readonly #hidden = new Map<Qid["path"], { readonly version: number; readonly untilMs: number }>();

  constructor(readonly now: () => number = () => performance.now()) {}

  add({ path, version }: Qid): void {
    this.#hidden.delete(path);
    for (const [old, { untilMs }] of this.#hidden) {
      if (untilMs > this.now() && this.#hidden.size < HIDDEN_MAX) break;
      this.#hidden.delete(old);
    }
    this.#hidden.set(path, { version, untilMs: this.now() + HIDDEN_MS });
  }

  has({ path, version }: Qid): boolean {
    if (this.#hidden.size === 0) return false;
    const hidden = this.#hidden.get(path);
    return hidden !== undefined && hidden.version === version && hidden.untilMs > this.now();
  }
}
