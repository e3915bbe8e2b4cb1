import type { Authors, CopyKey } from "../record/mod.ts";
import type { Copies, Journal } from "../store/mod.ts";
import { acknowledged, type Statement, unpackStatement } from "../sync/mod.ts";
import type { Author } from "../tree/mod.ts";

export interface RegisteredOptions {
  readonly copies: Copies;
  readonly journal: Journal;
  /** Who this copy writes as. */
  readonly author: Author;
  readonly key: CopyKey;
  /** A copy that said nothing for so long is not waited for. */
  readonly retentionSec: number;
  /** Seconds since 1970. */
  nowSec(): number;
}

/** How far the other copies are, by the numbers of records here. */
export interface Passed {
  /** Every copy that is waited for has all records up to this one: they may go. */
  readonly records: number;
  /**
   * The same with the copies that are not waited for. What is dead goes by this: a copy that was away for long may have written to what it does not know to be removed. Where records that it lacks have gone it
   * is told so when it comes back, and joins anew; as long as none have, all that it needs to bring a file back is still there.
   */
  readonly dead: number;
}

/** What the copies of the volume said that they have, and what may go by that. */
export class Registered {
  readonly #options: RegisteredOptions;
  #passed: Passed | undefined;
  /** The last record when that was found out. */
  #lastId = -1;

  constructor(options: RegisteredOptions) {
    this.#options = options;
  }

  /** Some copy said something, or some time has passed. */
  heard(): void {
    this.#passed = undefined;
  }

  get passed(): Passed {
    const { journal } = this.#options;
    if (this.#passed === undefined || this.#lastId !== journal.lastId) {
      this.#passed = this.#find();
      this.#lastId = journal.lastId;
    }
    return this.#passed;
  }

  #find(): Passed {
    const { copies, journal, author, key, retentionSec } = this.#options;
    const here = numbersOf(journal.authors);
    const nowSec = this.#options.nowSec();
    // What this copy has needs no telling.
    const own: Statement = {
      ...{ key: key.publicKey, author, numbers: here, time: nowSec },
      signature: new Uint8Array(),
    };
    const others = copies.statements().map(({ bytes }) => unpackStatement(bytes))
      .filter((said) => said.author !== author);
    const within = (retentionSec: number) =>
      journal.lastWithin(
        acknowledged({
          copies: copies.all().map(({ key, since }) => ({ key, sinceSec: since })),
          ...{ statements: [own, ...others], here, nowSec, retentionSec },
        }).upTo,
      );
    return { records: within(retentionSec), dead: within(Infinity) };
  }
}

/** Of each author the number of the last record that is here. */
export function numbersOf(authors: Authors): Map<Author, number> {
  return new Map(Array.from(authors.entries(), ([author, { number }]) => [author, number]));
}
