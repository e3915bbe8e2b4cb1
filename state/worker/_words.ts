import assert from "node:assert/strict";

/** What something that was done to a copy wrote and took away, in the operations of its log from `first` to `last`. */
export interface Done {
  readonly copy: number;
  readonly first: number;
  last: number;
  /** Whether it is in the log for good: it may have gone with the power, or a part of it. */
  state: "there" | "lost" | "unsure";
}

/** Follows what was written: each write is a word of its own, and is there for ever unless somebody who had seen it took it away. */
export class Words {
  readonly #done: Done[] = [];
  readonly #made = new Map<string, Done>();
  readonly #taken = new Map<string, Done[]>();
  readonly #risked = new Map<string, Done[]>();

  /** Something is about to be done; until it is known how far it came, it may or may not have been. */
  begin(copy: number, first: number): Doing {
    const done: Done = { copy, first, last: Infinity, state: "there" };
    this.#done.push(done);
    return new Doing(done, this);
  }

  make(done: Done, word: string): void {
    this.#made.set(word.trim(), done);
  }

  /** Those of the words that are in a text; where one was cut off, another may begin with what is left of it. */
  in(text: string): string[] {
    return [...this.#made.keys()].filter((word) => text.includes(word));
  }

  take(done: Done, word: string): void {
    const taken = this.#taken.get(word);
    if (taken) taken.push(done);
    else this.#taken.set(word, [done]);
  }

  /** The log of a copy ends at `last` after it died. */
  lost(copy: number, last: number): void {
    for (const done of this.#done) {
      if (done.copy !== copy || done.last <= last || done.state !== "there") continue;
      done.state = done.first > last && done.last < Infinity ? "lost" : "unsure";
    }
  }

  /** It is gone where that was done in part. */
  risk(done: Done, word: string): void {
    const risked = this.#risked.get(word);
    if (risked) risked.push(done);
    else this.#risked.set(word, [done]);
  }

  untake(done: Done, word: string): void {
    const taken = this.#taken.get(word) ?? [];
    this.#taken.set(word, taken.filter((other) => other !== done));
  }

  check(lines: readonly string[]): void {
    const there = lines.join("\n");
    for (const [word, { state }] of this.#made) {
      if (state !== "there") continue;
      if ((this.#taken.get(word) ?? []).some(({ state }) => state !== "lost")) continue;
      if ((this.#risked.get(word) ?? []).some(({ state }) => state === "unsure")) continue;
      assert.ok(there.includes(word), `${word} was written and is nowhere`);
    }
  }
}

/** Something that is being done. */
export class Doing {
  readonly #done: Done;
  readonly #words: Words;

  constructor(done: Done, words: Words) {
    this.#done = done;
    this.#words = words;
  }

  set last(number: number) {
    this.#done.last = number;
  }

  /** A new word is written. */
  writes(word: string): void {
    this.#words.make(this.#done, word);
  }

  /** `after` takes the place of `before`, which goes first. */
  rewrites(before: string, after: string): void {
    this.replaces(before, after);
    for (const word of this.#words.in(before)) this.#words.risk(this.#done, word);
  }

  /** `after` takes the place of `before`. */
  replaces(before: string, after: string): void {
    for (const word of this.#words.in(before)) if (!after.includes(word)) this.#words.take(this.#done, word);
  }

  /** These words are there after all. */
  keeps(text: string): void {
    for (const word of this.#words.in(text)) this.#words.untake(this.#done, word);
  }
}
