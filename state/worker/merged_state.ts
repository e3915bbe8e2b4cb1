import type { DatabaseSync } from "node:sqlite";
import { NineError } from "../../9p/mod.ts";
import { automerge } from "../automerge/mod.ts";
import {
  type AuthorState,
  type CopyKey,
  earliestTime,
  FUTURE_SEC_MAX,
  hashOf,
  KEY_BYTES,
  type SignedRecord,
  verifySignature,
} from "../record/mod.ts";
import { Journal, StoredDocuments } from "../store/mod.ts";
import {
  type Author,
  compareBytes,
  directoryOf,
  type DocId,
  type Documents,
  type Key,
  newestIn,
  type NodeId,
  parseKey,
  ROOT,
  unpackValue,
} from "../tree/mod.ts";

const RECORDS_AT_ONCE = 256;

type Numbers = ReadonlyMap<Author, number>;

/** A value of a document, and which record it came with. */
interface Held {
  readonly value: Uint8Array;
  readonly payload: Uint8Array;
  readonly author: Author;
  readonly number: number;
}

/** What came of the values of a key: those here, those there, and which of each stand next to each other now. */
interface Merged {
  readonly before: readonly Held[];
  readonly there: readonly Held[];
  readonly kept: readonly Held[];
  readonly come: readonly Held[];
  /** Whether the other side has not seen it. */
  readonly isNews: (held: Held) => boolean;
}

/** What another copy of a volume has, in a database of its own, which only has what documents and their authors are in. */
export class OtherState {
  readonly documents: StoredDocuments;
  readonly journal: Journal;
  readonly #db: DatabaseSync;
  readonly #numbers: Numbers;
  /** Nodes that one side has written to and the other has not seen that, and directories that such names are in. */
  readonly #needed = new Set<NodeId>();
  /** What one side has and the other one has let go of, knowing it. */
  readonly #dropped = new Map<NodeId, [DocId, Key, Uint8Array][]>();

  constructor(db: DatabaseSync, self: { readonly author: Author; readonly key: CopyKey }) {
    this.#db = db;
    this.documents = new StoredDocuments(db, automerge);
    this.journal = new Journal(db, self);
    this.#numbers = numbersIn(this.journal);
  }

  /** EINVAL where somebody writes as an author of whom the other copy has something else: these copies are to meet before. */
  checkOne(own: Journal): void {
    for (const [author, { number, hash }] of this.journal.authors.entries()) {
      const mine = own.authors.get(author);
      const other = mine &&
        (number <= mine.number
          ? { own: own.hashOf(author, number), theirs: hash }
          : { own: mine.hash, theirs: this.journal.hashOf(author, mine.number) });
      if (!other?.own || !other.theirs || compareBytes(other.own, other.theirs) === 0) continue;
      throw new NineError(
        "EINVAL",
        `Two copies write as ${author}: exchange records before one takes the other's state`,
      );
    }
  }

  /** What the other copy has of authors of whom this one has less. */
  newer(own: Journal): {
    states: Map<Author, AuthorState>;
    keys: Uint8Array[];
    records: SignedRecord[];
    numbers: Numbers;
  } {
    const states = new Map<Author, AuthorState>();
    for (const [author, state] of this.journal.authors.entries()) {
      if (state.number > (own.authors.get(author)?.number ?? 0)) states.set(author, state);
    }
    const keys = [...this.journal.authors.keys()].filter(({ length }) => length === KEY_BYTES);
    return { states, keys, records: this.#records(states), numbers: this.#numbers };
  }

  /** Keys whose values are others once both states are one, in `own` documents. */
  *merged(
    own: Documents & Pick<StoredDocuments, "ids">,
    journal: Journal,
    nowSec: number,
  ): Generator<[DocId, Key, Uint8Array[]]> {
    const numbers = numbersIn(journal);
    for (const id of new Set([...this.documents.ids(), ...own.ids()])) {
      const [mine, theirs] = [own.get(id), this.documents.get(id)];
      for (const key of new Set([...mine?.keys() ?? [], ...theirs?.keys() ?? []])) {
        const [before, there] = [heldIn(id, key, mine?.get(key)), heldIn(id, key, theirs?.get(key))];
        for (const held of there) this.#check(id, key, held, nowSec);
        // What the other side has seen and has not got any more was written over.
        const stays = (held: Held, seen: Numbers, others: readonly Held[]) =>
          held.number > (seen.get(held.author) ?? 0) ||
          others.some(({ author, number }) => author === held.author && number === held.number);
        const kept = before.filter((held) => stays(held, this.#numbers, there));
        const come = there.filter((held) => held.number > (numbers.get(held.author) ?? 0));
        this.#note(id, key, {
          before,
          there,
          kept,
          come,
          isNews: (held) => held.number > (this.#numbers.get(held.author) ?? 0),
        });
        if (come.length === 0 && kept.length === before.length) continue;
        yield [id, key, [...kept, ...come].map(({ value }) => value)];
      }
      this.documents.trim();
    }
  }

  /**
   * Once both states are one: what one side trimmed, as dead, and the other one has written to without knowing so, as this was before. `hasPlace`: whether a place is known of
   * the node, be it one that was removed.
   */
  *again(hasPlace: (node: NodeId) => boolean): Generator<[DocId, Key, Uint8Array]> {
    // Those above come to it as they are found.
    for (const node of this.#needed) {
      if (node === ROOT || hasPlace(node)) continue;
      for (const [doc, key, payload] of this.#dropped.get(node) ?? []) {
        yield [doc, key, payload];
        if (parseKey(key)?.kind === "edge") this.#needed.add(directoryOf(doc));
      }
    }
  }

  /** Values that this copy has not seen, as what records set. */
  *unseen(journal: Journal): Generator<ReadonlyMap<DocId, { key: Key; payload: Uint8Array }[]>> {
    const numbers = numbersIn(journal);
    for (const id of this.documents.ids()) {
      const document = this.documents.get(id);
      const puts = document?.keys().flatMap((key) =>
        heldIn(id, key, document.get(key)).filter(({ author, number }) => number > (numbers.get(author) ?? 0))
          .map(({ payload }) => ({ key, payload }))
      );
      if (puts) yield new Map([[id, puts]]);
      this.documents.trim();
    }
  }

  free(): void {
    this.documents.free();
    this.#db.close();
  }

  #note(doc: DocId, key: Key, { before, there, kept, come, isNews }: Merged): void {
    const parts = parseKey(key);
    if (parts === undefined) return;
    if (come.length > 0 || kept.some(isNews)) {
      this.#needed.add(parts.node);
      if (parts.kind === "edge") this.#needed.add(directoryOf(doc));
    } else if (kept.length === 0) {
      const { payload } = [...there, ...before].at(-1)!;
      const dropped = this.#dropped.get(parts.node);
      if (dropped) dropped.push([doc, key, payload]);
      else this.#dropped.set(parts.node, [[doc, key, payload]]);
    }
  }

  #check(doc: DocId, key: Key, { author, number, payload }: Held, nowSec: number): void {
    const isFuture = earliestTime(newestIn(doc, { key, payload })) > nowSec + FUTURE_SEC_MAX;
    if (!isFuture && number <= (this.#numbers.get(author) ?? 0)) return;
    throw new NineError(
      "EINVAL",
      `Key ${key} of document ${doc} is of record ${number} of ${author}, ${
        isFuture ? "with a clock that is far ahead" : "which the other copy does not have"
      }`,
    );
  }

  /** Records of these authors, where all up to their last are what they should be. */
  #records(states: ReadonlyMap<Author, AuthorState>): SignedRecord[] {
    const found: SignedRecord[] = [];
    const last = new Map<Author, SignedRecord>();
    const bad = new Set<Author>();
    for (let id = 0;;) {
      const page = this.journal.after(id, RECORDS_AT_ONCE);
      for (const { id: at, ...signed } of page) {
        id = at;
        const { author, number, previous } = signed.record;
        const state = states.get(author);
        if (state === undefined) continue;
        const before = last.get(author);
        const follows = before === undefined ||
          before.record.number + 1 === number && compareBytes(before.hash, previous) === 0;
        const isGood = follows && compareBytes(hashOf(signed.record), signed.hash) === 0 &&
          verifySignature(state.key, signed.hash, signed.signature);
        if (!isGood) bad.add(author);
        last.set(author, signed);
        found.push(signed);
      }
      if (page.length < RECORDS_AT_ONCE) break;
    }
    for (const [author, { hash }] of last) {
      if (compareBytes(hash, states.get(author)!.hash) !== 0) bad.add(author);
    }
    return found.filter(({ record }) => !bad.has(record.author));
  }
}

function numbersIn({ authors }: Journal): Numbers {
  return new Map(Array.from(authors.entries(), ([author, { number }]) => [author, number]));
}

function heldIn(doc: DocId, key: Key, values: readonly Uint8Array[] = []): Held[] {
  const node = parseKey(key)?.node ?? directoryOf(doc);
  return values.map((value) => {
    const { dot, payload } = unpackValue(value, node);
    return { value, payload, ...dot };
  });
}
