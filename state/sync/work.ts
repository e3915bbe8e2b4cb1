import { type SignedRecord, verifySignature } from "../record/mod.ts";
import { compareBytes } from "../tree/mod.ts";
import type { Checked } from "./check.ts";
import { contentsIn } from "./contents.ts";
import { Fetching } from "./fetching.ts";
import type { Piece, Stored, SyncStore } from "./sync_store.ts";

/** Chunks that are lacking are asked for so many at a time, with all that is in them. */
const LACKING_AT_ONCE = 4096;

/** Records that are about to be applied, and the chunks that they need; without records, what is to be healed. */
export interface Work {
  readonly records: readonly SignedRecord[];
  readonly contents: readonly Stored[];
  /** Contents that nothing is asked for yet. */
  readonly later: readonly Stored[];
  readonly fetching: Fetching;
}

/** Of records that were checked. */
export function workOf(store: SyncStore, good: Checked["good"]): Work {
  const named = contentsIn(good.map(({ incoming }) => incoming.changes));
  const later = named.filter((content) => store.putsOff?.(content));
  const contents = later.length === 0 ? named : named.filter((content) => !store.putsOff?.(content));
  const roots = contents.map((content) => store.pieceOf(content));
  return {
    records: good.map(({ signed }) => signed),
    ...{ contents, later },
    fetching: new Fetching(store, roots),
  };
}

/** Contents of which not everything is here, now that all came that the other side has. */
export function absentIn({ contents, fetching }: Work): Stored[] {
  return contents.filter((_, i) => fetching.absent.has(i));
}

/** What this copy lacks of the tree as it is, to be healed part by part. */
export class Lacking {
  readonly #store: SyncStore;
  #left: Iterator<Piece> | undefined;

  constructor(store: SyncStore) {
    this.#store = store;
    this.#left = store.lacking()[Symbol.iterator]();
  }

  next(): Work | undefined {
    const pieces: Piece[] = [];
    while (this.#left && pieces.length < LACKING_AT_ONCE) {
      const { done, value } = this.#left.next();
      if (done) this.#left = undefined;
      else pieces.push(value);
    }
    if (pieces.length === 0) return undefined;
    return { records: [], contents: [], later: [], fetching: new Fetching(this.#store, pieces) };
  }
}

/** A record that this copy wrote, and does not know of: it is older than what others have of it. */
export function unknownOwn(store: SyncStore, batch: readonly SignedRecord[]): SignedRecord | undefined {
  const { author, key } = store.self;
  const head = store.authors().get(author);
  const found = batch.find(({ record }) => record.author === author && record.number > (head?.number ?? 0));
  if (!found || !verifySignature(key, found.hash, found.signature)) return undefined;
  // Two that both went on from the same record are dealt with as a fork.
  const isFork = head && found.record.number === head.number + 1 &&
    compareBytes(found.record.previous, head.hash) !== 0;
  return isFork ? undefined : found;
}
