import type { SignedRecord } from "../record/mod.ts";
import { type Author, compareBytes } from "../tree/mod.ts";
import { type Probe, SAMPLES_MAX } from "./messages.ts";

type HashOf = (author: Author, number: number) => Uint8Array | undefined;

/** Finds the record from which on two chains of one author differ: each side tells hashes of records in between of what is known to be the same and what is known to differ. */
export class ForkSearch {
  readonly author: Author;
  readonly #hashOf: HashOf;
  /** The last record that is known to be the same on both sides. */
  #same = 0;
  /** The first one that is known to differ. */
  #differs: number;
  /** The other side's hash of that. */
  #theirs: Uint8Array | undefined;

  constructor(author: Author, differs: number, hashOf: HashOf) {
    this.author = author;
    this.#differs = differs;
    this.#hashOf = hashOf;
  }

  /** The chains differ from this record on; where that is not `isExact`, or from an earlier one. */
  get number(): number {
    return this.#differs;
  }

  /** Whose chain has the lower hash there: the same on both sides, and for however many chains. Undefined where it is not known. */
  get lower(): "mine" | "theirs" | undefined {
    const own = this.#hashOf(this.author, this.#differs);
    if (!own || !this.#theirs || !this.isExact) return undefined;
    return compareBytes(own, this.#theirs) < 0 ? "mine" : "theirs";
  }

  get isExact(): boolean {
    return this.#differs === this.#same + 1;
  }

  /** Takes in what the other side told; whether that was of use. */
  narrow({ samples }: Probe): boolean {
    const before = this.#differs - this.#same;
    for (const { number, hash } of samples) {
      if (number <= this.#same || number > this.#differs) continue;
      const own = this.#hashOf(this.author, number);
      if (!own) continue;
      if (compareBytes(own, hash) !== 0) [this.#differs, this.#theirs] = [number, hash];
      else if (number < this.#differs) this.#same = number;
    }
    return this.#differs - this.#same < before;
  }

  /** Takes in the other side's record there, whose signature is right. False where it is none that shows that the chains differ from there on. */
  prove({ record: { author, number, previous }, hash }: SignedRecord): boolean {
    const [before, own] = [number - 1, number].map((each) => this.#hashOf(author, each));
    const isThere = this.isExact && author === this.author && number === this.#differs;
    if (!isThere || !own || compareBytes(own, hash) === 0) return false;
    if (number > 1 && !(before && compareBytes(before, previous) === 0)) return false;
    this.#theirs = hash;
    return true;
  }

  /** What to tell: the last record that is the same, others that are still known, spread evenly, and the one that differs. */
  probe(): Probe {
    const { author } = this;
    const step = Math.max(1, (this.#differs - this.#same) / SAMPLES_MAX);
    const samples: Probe["samples"][number][] = [];
    const add = (number: number) => {
      const hash = this.#hashOf(author, number);
      if (hash) samples.push({ number, hash });
    };
    // What is known to be the same here the other side may not know.
    if (this.#same > 0) add(this.#same);
    for (let at = this.#same + step; at < this.#differs && samples.length < SAMPLES_MAX - 1; at += step) {
      add(Math.floor(at));
    }
    add(this.#differs);
    return { kind: "probe", author, samples };
  }
}
