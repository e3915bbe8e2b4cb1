import { NineError } from "../error.ts";
import { NOFID } from "../wire/codec.ts";

/** The numbers that a session has for fids, each given again only after it was given back. */
export class FidNumbers {
  readonly #free: number[] = [];
  #next = 0;

  /** How many are taken. */
  get inUse(): number {
    return this.#next - this.#free.length;
  }

  take(): number {
    const number = this.#free.pop();
    if (number !== undefined) return number;
    if (this.#next >= NOFID) throw new NineError("EMFILE", `All ${NOFID} fids of the session are in use`);
    return this.#next++;
  }

  give(number: number): void {
    this.#free.push(number);
  }
}
