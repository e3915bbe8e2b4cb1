import { type Authors, BadRecord, type SignedRecord, verifySignature } from "../record/mod.ts";
import { type Author, compareBytes, type Incoming, Malformed } from "../tree/mod.ts";
import { contentsIn } from "./contents.ts";
import type { Refused } from "./refused.ts";
import type { Stored } from "./sync_store.ts";

export interface Checked {
  /** What can be applied, in order, and for the tree what it does. */
  readonly good: readonly { readonly signed: SignedRecord; readonly incoming: Incoming }[];
  readonly refused: readonly Refused[];
  /** The first of `refused` that says, signed, that there are two copies of one name. */
  readonly split: Split | undefined;
}

/** A record of an author that says, with the author's signature, that there are two of that name. */
export interface Split {
  readonly author: Author;
  /** The chains differ from this record on, or from an earlier one. */
  readonly number: number;
  /** The other one's record. */
  readonly proof: SignedRecord;
}

export interface CheckOptions {
  readonly nowSec: number;
  readonly hashOf: (author: Author, number: number) => Uint8Array | undefined;
  /** Whether a content may be what it is said to be, by what it is called alone: a record that names another is refused, the same on every copy. */
  readonly isContent?: (content: Stored) => boolean;
}

/**
 * Which records can be taken after what `authors` knows, which notes them. What is here already is in neither list. After a record that is refused, those that follow it are
 * passed over: only those of other authors that come after it are named as well.
 */
export function checkAll(
  authors: Authors,
  records: Iterable<SignedRecord>,
  { nowSec, hashOf, isContent = () => true }: CheckOptions,
): Checked {
  const inspect = (changes: Incoming["changes"]) => {
    const wrong = contentsIn([changes]).find((content) => !isContent(content));
    if (wrong === undefined) return;
    throw new Malformed(`It names a content of ${wrong.size} bytes by what is no descriptor of one`);
  };
  const good: Checked["good"][number][] = [];
  const refused = new Map<Author, Refused>();
  const taken = new Map<string, Uint8Array>();
  let split: Split | undefined;
  const refuse = ({ record: { author, number } }: SignedRecord, why: string, isLater = false) =>
    refused.set(author, { author, number, reason: why, isLater });
  for (const signed of records) {
    const { author, number } = signed.record;
    if (refused.has(author)) continue;
    const state = authors.get(author);
    const isBefore = state !== undefined && number <= state.number;
    if (isBefore) {
      const known = taken.get(`${author}${number}`) ?? hashOf(author, number);
      if (known === undefined || compareBytes(known, signed.hash) === 0) continue;
    }
    const isNext = state !== undefined && number === state.number + 1;
    if (isBefore || isNext && compareBytes(state.hash, signed.record.previous) !== 0) {
      const isSigned = verifySignature(state.key, signed.hash, signed.signature);
      if (isSigned) split ??= { author, number: Math.min(number, state.number), proof: signed };
      const why = isSigned ? "two copies write as this author" : "its signature is not that of its author";
      refuse(signed, `Record ${number} of ${author}: another stands in its place, and ${why}`);
      continue;
    }
    try {
      good.push({ signed, incoming: authors.accept(signed, nowSec, inspect) });
      taken.set(`${author}${number}`, signed.hash);
    } catch (thrown) {
      if (!(thrown instanceof BadRecord)) throw thrown;
      refuse(signed, thrown.message, thrown.isLater);
    }
  }
  return { good, refused: [...refused.values()], split };
}
