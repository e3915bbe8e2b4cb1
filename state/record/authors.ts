import {
  type Author,
  compareBytes,
  type DocId,
  type Incoming,
  Malformed,
  newestIn,
  type Put,
  unpackPuts,
} from "../tree/mod.ts";
import { verifySignature } from "./copy_key.ts";
import { HASH_BYTES, type SignedRecord } from "./record.ts";

/** What a copy knows of an author whose records it has. */
export interface AuthorState {
  /** The public key of the copy that writes as this author. */
  readonly key: Uint8Array;
  /** Its last record that is here. */
  readonly number: number;
  readonly hash: Uint8Array;
  /** Of each other author, the last record that this one had seen by then. */
  readonly seen: ReadonlyMap<Author, number>;
}

/** A record that no copy takes, or, with `later`, one that may be right at another time. */
export class BadRecord extends Error {
  override readonly name = "BadRecord";

  constructor(message: string, readonly isLater = false) {
    super(message);
  }
}

/** A clock may be so much ahead of others; what comes from further on waits. Seconds. */
export const FUTURE_SEC_MAX = 24 * 3600;
/**
 * Lamport clocks count writes: nobody has written so many at first, and so many a second since. One that tells more lies, and leaves all others room to
 * write after it.
 */
const WRITES_FIRST = 2 ** 40;
const WRITES_A_SECOND = 65_536;
const EPOCH_SEC = 1_600_000_000;
const NONE = new Uint8Array(HASH_BYTES);

/** The earliest time, seconds since 1970, that a record may tell in which the clock is at `clock`: a day ahead at most, where nobody lied further. */
export function earliestTime(clock: number): number {
  return clock <= WRITES_FIRST ? 0 : EPOCH_SEC + Math.ceil((clock - WRITES_FIRST) / WRITES_A_SECOND);
}

/**
 * Who the authors of a volume are and how far each one's records are here. Whether a record is taken is decided by the record and what came before it alone, so that
 * all copies take the same ones.
 */
export class Authors {
  readonly #states: Map<Author, AuthorState>;
  /** Public keys of copies that belong to the volume. */
  readonly #keys: Map<string, Uint8Array>;

  constructor(states: Iterable<readonly [Author, AuthorState]>, keys: Iterable<Uint8Array>) {
    this.#states = new Map(states);
    this.#keys = new Map(Array.from(keys, (key) => [nameOf(key), key]));
  }

  /** The same, to try out what is taken without a change here. */
  fork(): Authors {
    const fork = new Authors(this.#states, []);
    for (const [name, key] of this.#keys) fork.#keys.set(name, key);
    return fork;
  }

  get(author: Author): AuthorState | undefined {
    return this.#states.get(author);
  }

  entries(): Iterable<[Author, AuthorState]> {
    return this.#states;
  }

  keys(): Iterable<Uint8Array> {
    return this.#keys.values();
  }

  has(key: Uint8Array): boolean {
    return this.#keys.has(nameOf(key));
  }

  /**
   * Takes note of a record that is to be applied next, and says what it does. Throws BadRecord, and nothing is noted. `nowSec`: seconds since 1970; a record
   * of this copy's own is taken without a look at what is in it. `inspect` throws Malformed for what is wrong in what it does, the same on every copy.
   */
  accept(
    signed: SignedRecord,
    nowSec: number,
    inspect: (changes: Incoming["changes"]) => void = () => {},
  ): Incoming {
    const { record, hash } = signed;
    const { author, number, previous, time, seen, vouches } = record;
    const state = this.#states.get(author);
    const bad = (why: string, isLater = false) =>
      new BadRecord(`Record ${number} of ${author}: ${why}`, isLater);

    const next = (state?.number ?? 0) + 1;
    if (number !== next) throw bad(`record ${next} is the next that can be taken`, number > next);
    if (compareBytes(previous, state?.hash ?? NONE) !== 0) {
      throw bad("it does not follow the record before it");
    }
    const key = state?.key ?? record.key;
    if (key === undefined) {
      throw bad("an author's first record tells the key of its copy, and this one does not");
    }
    if (state !== undefined && record.key !== undefined) {
      throw bad("only an author's first record tells a key");
    }
    if (!this.has(key)) throw bad("the copy that wrote it was never let into the volume", true);
    if (!isSignedBy(key, signed)) throw bad("its signature is not that of its author");
    for (const { author: other, number: upTo } of seen) {
      if (other === author) throw bad("it tells that its author has seen itself");
      const known = this.#states.get(other)?.number ?? 0;
      if (upTo > known) {
        throw bad(`it comes after record ${upTo} of ${other}, and ${known} are here`, true);
      }
      if (upTo <= (state?.seen.get(other) ?? 0)) throw bad(`it had seen record ${upTo} of ${other} before`);
    }
    if (time > nowSec + FUTURE_SEC_MAX) {
      throw bad(`it is of ${new Date(time * 1000).toISOString()}, which is more than a day ahead`, true);
    }
    const changes = this.#check(signed, bad);
    try {
      inspect(changes);
    } catch (thrown) {
      if (thrown instanceof Malformed) throw bad(thrown.message);
      throw thrown;
    }

    const cumulative = new Map(state?.seen);
    for (const { author: other, number: upTo } of seen) cumulative.set(other, upTo);
    this.#states.set(author, { key, number, hash, seen: cumulative });
    for (const each of vouches) this.#keys.set(nameOf(each), each);
    return { author, number, hasSeen: (dot) => dot.number <= (cumulative.get(dot.author) ?? 0), changes };
  }

  /** Takes note of a record that this copy wrote. */
  wrote({ record, hash }: Pick<SignedRecord, "record" | "hash">, key: Uint8Array): void {
    const { author, number, seen, vouches } = record;
    const cumulative = new Map(this.#states.get(author)?.seen);
    for (const each of seen) cumulative.set(each.author, each.number);
    this.#states.set(author, { key, number, hash, seen: cumulative });
    for (const each of vouches) this.#keys.set(nameOf(each), each);
  }

  #check({ record }: SignedRecord, bad: (why: string) => BadRecord): Map<DocId, Put[]> {
    const newest = WRITES_FIRST + Math.max(0, record.time - EPOCH_SEC) * WRITES_A_SECOND;
    const changes = new Map<DocId, Put[]>();
    for (const [doc, bytes] of record.changes) {
      try {
        const puts = unpackPuts(bytes);
        for (const put of puts) {
          const at = newestIn(doc, put);
          if (at > newest) throw new Malformed(`A clock is at ${at}, and by its time at most at ${newest}`);
        }
        if (new Set(puts.map(({ key }) => key)).size < puts.length) {
          throw new Malformed("It sets a key twice");
        }
        changes.set(doc, puts);
      } catch (thrown) {
        if (thrown instanceof Malformed) throw bad(`${thrown.message}, in document ${doc}`);
        throw thrown;
      }
    }
    return changes;
  }
}

/** Records whose signatures were found right, with the keys: whoever tries out what can be taken checks them twice, and that is most of the work. */
const verified = new WeakMap<SignedRecord, Uint8Array>();

function isSignedBy(key: Uint8Array, signed: SignedRecord): boolean {
  const before = verified.get(signed);
  if (before && compareBytes(before, key) === 0) return true;
  if (!verifySignature(key, signed.hash, signed.signature)) return false;
  verified.set(signed, key);
  return true;
}

/** Bytes as a key of a map. */
function nameOf(key: Uint8Array): string {
  return String.fromCharCode(...key);
}
