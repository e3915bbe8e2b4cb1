import { unpackRecord, verifySignature } from "../record/mod.ts";
import { type Author, compareBytes, Malformed } from "../tree/mod.ts";
import { ForkSearch } from "./fork_search.ts";
import type { Hello, Probe, Records } from "./messages.ts";
import type { SyncStore } from "./sync_store.ts";
import { type Head, numbersOf, type Vector, vectorOf } from "./vector.ts";

/** Two copies wrote as one author: from this record on, or where that is not exact from an earlier one. `isProven`: both have signed one. */
export interface Fork {
  readonly author: Author;
  readonly number: number;
  readonly isExact: boolean;
  readonly isProven: boolean;
}

/** What both sides told in their hellos. */
interface Both {
  readonly peer: Hello;
  readonly own: Vector;
}

/** What two copies say to each other where they have different records of one author, until both know from which one on. */
export class Forks {
  readonly #store: SyncStore;
  readonly #say: (message: Probe | Records) => void;
  #search: ForkSearch | undefined;
  /** Both sides know from where on they differ, and the other one is to tell its record there. */
  #awaitsProof = false;

  constructor(store: SyncStore, say: (message: Probe | Records) => void) {
    this.#store = store;
    this.#say = say;
  }

  /** Whether they talk of one. */
  get isOpen(): boolean {
    return this.#search !== undefined;
  }

  get awaitsProof(): boolean {
    return this.#awaitsProof;
  }

  /** Whose chain has the lower hash where they part; undefined where that is not known. */
  get lower(): "mine" | "theirs" | undefined {
    return this.#search?.lower;
  }

  /** Whether they were found to part with this record. */
  isExactAt(number: number): boolean {
    return this.#search?.isExact === true && this.#search.number === number;
  }

  /**
   * Looks for an author of whom the two sides have different records, those of their own first. Undefined where there is none; `asked` where the
   * other side is to say something first.
   */
  find({ peer, own }: Both): Fork | "asked" | undefined {
    const { author } = this.#store.self;
    const differs = ({ number, hash }: Head, each: Author) => {
      const known = this.#store.hashOf(each, number);
      return known !== undefined && compareBytes(known, hash) !== 0;
    };
    const forked = [...peer.vector].filter(([each, head]) => differs(head, each)).map(([each]) => each)
      .sort();
    const first = [author, peer.author].find((each) => forked.includes(each)) ?? forked[0];
    if (first !== undefined) {
      const { number } = peer.vector.get(first) as Head;
      this.#search = new ForkSearch(first, number, (each, at) => this.#store.hashOf(each, at));
      this.#say(this.#search.probe());
      return "asked";
    }
    if (peer.author !== author) return undefined;
    const [mine, theirs] = [own, peer.vector].map((vector) => vector.get(author)?.number ?? 0);
    // Whether its records begin with those of this copy, only the other side knows, and says so.
    if (mine < theirs) return "asked";
    return { author, number: Math.min(mine, theirs) + 1, isExact: true, isProven: false };
  }

  /** Takes in hashes that the other side told, and answers. Gives the fork where nothing more is to be found out. */
  probed(probe: Probe, both: Both): Fork | undefined {
    const search = this.#search ??= this.#searchFor(probe.author, both);
    if (probe.author !== search.author) throw new Malformed("It looks for two forks at once");
    const isNarrower = search.narrow(probe);
    // Of two that began at once.
    if (this.#awaitsProof) return undefined;
    // Also at the end, so that both sides know both hashes.
    this.#say(search.probe());
    if (search.isExact) {
      this.#awaitsProof = true;
      this.#say(this.#proofOf(search));
    } else if (!isNarrower) {
      return { author: search.author, number: search.number, isExact: false, isProven: false };
    }
    return undefined;
  }

  /** The other side told its record from which on the two differ: whoever made up a hash has none that is signed. */
  judge({ records }: Records): Fork {
    const search = this.#search as ForkSearch;
    const signed = records.length > 0 ? unpackRecord(records[0]) : undefined;
    const key = this.#store.authors().get(search.author)?.key;
    const isProven = signed !== undefined && key !== undefined &&
      verifySignature(key, signed.hash, signed.signature) && search.prove(signed);
    return { author: search.author, number: search.number, isExact: true, isProven };
  }

  #searchFor(author: Author, { own, peer }: Both): ForkSearch {
    const heads = [own, peer.vector].map((vector) => vector.get(author)?.number ?? 0);
    const number = Math.min(...heads);
    if (number === 0) throw new Malformed(`It looks for a fork of ${author}, of whom one side has nothing`);
    return new ForkSearch(author, number, (each, at) => this.#store.hashOf(each, at));
  }

  /** The record of this copy from which on the two sides differ, or none where it is not here any more. */
  #proofOf({ author, number }: ForkSearch): Records {
    const after = numbersOf(vectorOf(this.#store.authors())).set(author, number - 1);
    const { records } = this.#store.records(after, 0, 1);
    const own = records.filter((each) => each.author === author && each.number === number);
    return { kind: "records", records: own.map(({ bytes }) => bytes), isLast: true };
  }
}
