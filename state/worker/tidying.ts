import { automerge } from "../automerge/mod.ts";
import type {
  Extent,
  IndexWriter,
  Journal,
  SqliteTreeIndex,
  StoredDocuments,
  Untrimmed,
} from "../store/mod.ts";
import { type Changes, directoryOf, type DocId, reroot, ROOT, type TreeWriter } from "../tree/mod.ts";
import type { Registered } from "./registered.ts";

/**
 * A document is re-rooted once so many keys, and this many times the keys that it has, were set again: at once, when there
 * is nothing else to do, or when history is collected. Re-rooting one of 2,048 keys takes as long as some thousand changes.
 */
const AT_ONCE = { operations: 4096, part: 4 };
const IDLE = { operations: 512, part: 1 / 3 };
const COLLECTED = { operations: 64, part: 1 / 8 };
/** What is done to the journal at once. */
const SAVED_AT_ONCE = 8;
const RECORDS_AT_ONCE = 250;
/** A journal that is too long, and of which nothing may go yet, is looked at again after so much of what it may have. */
const AGAIN_PART = 1 / 8;

export interface TidyingOptions {
  readonly documents: StoredDocuments;
  readonly journal: Journal;
  readonly registered: Registered;
  readonly untrimmed: Untrimmed;
  readonly tree: SqliteTreeIndex;
  readonly writer: TreeWriter;
  readonly index: IndexWriter;
  /** Puts records of this copy into the journal, as transaction `seq` at that time in seconds since 1970. */
  write(seq: number, sec: number, records: readonly Changes[]): void;
}

/**
 * Makes history shorter in the documents and in the journal: takes what is dead out of documents, re-roots those that are mostly history, and lets go of
 * records that no copy needs any more.
 */
export class Tidying {
  readonly #options: TidyingOptions;
  /** Documents that are mostly history: those that are not to grow any further, and all. */
  readonly #urgent = new Set<DocId>();
  readonly #overgrown = new Set<DocId>();
  /** Records of the journal up to this one are to go. */
  #surplus = 0;
  /** The journal's last record when it was too long and none of it might go. */
  #heldAt: number | undefined;
  /** Other copies may have more than when it was looked which documents can be trimmed. */
  #isNews = true;

  constructor(options: TidyingOptions) {
    this.#options = options;
  }

  /** What these documents have become may be mostly history. */
  look(extents: Iterable<Extent>): void {
    for (const { doc, keys, operations } of extents) {
      const exceeds = (bound: typeof IDLE) =>
        operations - keys > Math.max(bound.operations, bound.part * keys);
      if (exceeds(AT_ONCE)) this.#urgent.add(doc);
      if (exceeds(IDLE)) this.#overgrown.add(doc);
    }
  }

  /** Another copy said what it has. */
  heard(): void {
    this.#options.registered.heard();
    this.#isNews = true;
    this.#heldAt = undefined;
  }

  /** What collecting history is to make smaller as well. */
  collect(): void {
    // Some time has passed, after which a copy may not be waited for any more.
    this.heard();
    const { operations, part } = COLLECTED;
    for (const id of this.#options.documents.overgrown(operations, part)) this.#overgrown.add(id);
  }

  /** Whether `step` has something to do: at once, or when there is nothing else. */
  isDue(isIdle: boolean): boolean {
    if (isIdle && this.#isNews) this.#lookForUntrimmed();
    return this.#urgent.size > 0 || this.#isLong() || isIdle && this.#overgrown.size > 0;
  }

  /** One step, within transaction `seq`, at that time in seconds since 1970. */
  step(seq: number, sec: number): void {
    const [id] = this.#urgent.size > 0 ? this.#urgent : this.#isLong() ? [] : this.#overgrown;
    if (id === undefined) return this.#shorten();
    this.#urgent.delete(id);
    this.#overgrown.delete(id);
    this.#trim(id, seq, sec);
    this.#reroot(id);
  }

  /** Saves all documents: records that they were made of may go from then on. */
  saveAll(): void {
    while (this.#save(this.#options.journal.lastId));
  }

  /**
   * What was trimmed was told of by records up to this one. A copied home, of which nobody knows before it comes, may have written to what is trimmed where it lacks
   * one of them.
   */
  get trimmed(): number {
    return Number(this.#options.index.meta("trimmed") ?? 0);
  }

  /** Something was trimmed, which records up to this one tell of. */
  noteTrimmed(last: number): void {
    this.#options.index.setMeta("trimmed", Math.max(last, this.trimmed));
  }

  #lookForUntrimmed(): void {
    const { untrimmed, registered } = this.#options;
    this.#isNews = false;
    for (const id of untrimmed.due(registered.passed.dead, this.#mark())) this.#overgrown.add(id);
  }

  /** How far others are: it grows when something more is stable. */
  #mark(): number {
    const { registered, journal } = this.#options;
    return registered.passed.dead + journal.firstId;
  }

  /** Whether there are records that are to go, and may. Those that another copy has not got stay, however many they are. */
  #isLong(): boolean {
    if (this.#surplus > 0) return true;
    const { journal, registered } = this.#options;
    const { isLong, lastId, bounds } = journal;
    if (!isLong || this.#heldAt !== undefined && lastId < this.#heldAt + bounds.records * AGAIN_PART) {
      return false;
    }
    const surplus = Math.min(journal.surplus(), registered.passed.records);
    if (surplus >= journal.firstId) this.#surplus = surplus;
    else this.#heldAt = lastId;
    return this.#surplus > 0;
  }

  /** What is dead goes, here and, by a record, on the other copies. */
  #trim(id: DocId, seq: number, sec: number): void {
    const { registered, journal, untrimmed, writer, write } = this.#options;
    const { dead } = registered.passed;
    let isHeld = false;
    let last = 0;
    const isStable = (doc: DocId) => {
      const lastOf = journal.lastOf(doc);
      if (lastOf <= dead) last = Math.max(last, lastOf);
      else isHeld = true;
      return lastOf <= dead;
    };
    writer.trim(id, isStable, () => isHeld = true);
    if (isHeld) untrimmed.add(id, this.#mark());
    else untrimmed.remove(id);
    const { records } = writer.commit();
    if (records.length === 0) return;
    write(seq, sec, records);
    this.noteTrimmed(last);
  }

  #reroot(id: DocId): void {
    const { documents, tree, journal } = this.#options;
    const old = documents.get(id);
    if (old === undefined) return;
    const directory = directoryOf(id);
    const isGone = directory !== ROOT && !tree.edges(directory).some(({ alive }) => alive);
    if (isGone && old.keys().length === 0) return documents.remove(id);
    const next = reroot(automerge, old, documents.actor);
    try {
      if (next.operations < old.operations) documents.replace(next, journal.lastId);
    } finally {
      next.free();
    }
  }

  /** Lets go of records that no document needs, after saving those that do. */
  #shorten(): void {
    if (this.#save(this.#surplus)) return;
    if (this.#options.journal.shorten(this.#surplus, RECORDS_AT_ONCE)) return;
    this.#surplus = 0;
    // What all of them lack who come back from having been away for long is stable now.
    this.#isNews = true;
  }

  /** Saves some documents that are made of records up to this one; whether there were any. */
  #save(upTo: number): boolean {
    const { documents, journal } = this.#options;
    const needing = documents.needing(upTo, SAVED_AT_ONCE);
    for (const id of needing) documents.settle(id, journal.lastId);
    return needing.length > 0;
  }
}
