import type { DatabaseSync } from "node:sqlite";
import { automerge } from "../automerge/mod.ts";
import { isDescriptorOf } from "../chunks/mod.ts";
import { type CopyKey, copyKey, type SignedRecord } from "../record/mod.ts";
import type { Operation } from "../operation/mod.ts";
import {
  type Copies,
  type IndexWriter,
  Journal,
  type JournalBounds,
  type NodeRow,
  SqliteTreeIndex,
  StoredDocuments,
  Untrimmed,
} from "../store/mod.ts";
import {
  type Author,
  authorOf,
  type Changes,
  type DocId,
  type EdgeRow,
  MergeRules,
  type NodeId,
  nodeId,
  TreeWriter,
  type Updated,
  View,
} from "../tree/mod.ts";
import { checkAll, type Refused } from "../sync/mod.ts";
import { attributesOf } from "./attributes.ts";
import type { RenamedKey } from "./branch.ts";
import type { OtherState } from "./merged_state.ts";
import type { ContentWriter } from "./content_writer.ts";
import { DocumentOperations } from "./document_operations.ts";
import { nodesOf } from "./reconcile.ts";
import { Registered } from "./registered.ts";
import { Texts } from "./texts.ts";
import { Tidying } from "./tidying.ts";
import { Touched } from "./touched.ts";

export interface DocumentKeeperOptions {
  readonly copies: Copies;
  /** A copy that said nothing for so long is not waited for. */
  readonly retentionSec: number;
  /** Seconds since 1970. */
  nowSec(): number;
  readonly journal?: JournalBounds;
  readonly merge?: readonly string[];
}

/**
 * Does to the documents what an operation does to the index, and writes what came of it into the journal, in the same
 * transaction. What the index shows is what the tree of the documents shows: `verify` holds one against the other.
 */
export class DocumentKeeper {
  readonly key: CopyKey;
  readonly #index: IndexWriter;
  readonly #author: Author;
  readonly #documents: StoredDocuments;
  readonly #journal: Journal;
  readonly #writer: TreeWriter;
  readonly #tree: SqliteTreeIndex;
  readonly #touched: Touched;
  readonly #operations: DocumentOperations;
  readonly #tidying: Tidying;
  readonly #texts: Texts;
  /** Odd: files have even numbers. */
  #lastNumber: number;

  constructor(
    db: DatabaseSync,
    index: IndexWriter,
    contents: ContentWriter,
    { copies, retentionSec, nowSec, journal, merge }: DocumentKeeperOptions,
  ) {
    this.#index = index;
    this.#author = authorOf(index.meta("incarnation") as Uint8Array);
    this.#lastNumber = Number(index.meta("lastNumber") ?? 1);
    this.#documents = new StoredDocuments(db, automerge);
    this.key = copyKey(index.meta("secret") as Uint8Array);
    this.#journal = new Journal(db, { author: this.#author, key: this.key }, journal);
    this.#texts = new Texts(index, contents, new MergeRules(merge));
    this.#tree = new SqliteTreeIndex(db);
    this.#touched = new Touched(this.#tree, index);
    this.#writer = new TreeWriter({
      documents: this.#documents,
      index: this.#tree,
      merge: (request) => this.#texts.merge(request),
      author: this.#author,
      clock: Number(index.meta("clock") ?? 0),
      number: this.#journal.number,
      shared: () => Number(index.meta("shared") ?? 0),
      newNode: () => nodeId(this.#author, this.#lastNumber += 2),
    });
    this.#operations = new DocumentOperations({
      ...{ author: this.#author, index, tree: this.#tree, writer: this.#writer, touched: this.#touched },
      texts: this.#texts,
      lastNode: () => nodeId(this.#author, this.#lastNumber),
    });
    this.#tidying = new Tidying({
      ...{
        documents: this.#documents,
        journal: this.#journal,
        tree: this.#tree,
        writer: this.#writer,
        index,
      },
      registered: new Registered({
        ...{ copies, journal: this.#journal, author: this.#author, key: this.key, retentionSec, nowSec },
      }),
      untrimmed: new Untrimmed(db),
      write: (seq, sec, records) => this.#write(seq, sec, records),
    });
  }

  /** What a new file is called for ever and everywhere. */
  idOf(ino: number): NodeId {
    return nodeId(this.#author, ino);
  }

  /** A number for a file that this side makes: odd, where those of the main isolate are even. */
  nextIno(): number {
    return this.#lastNumber += 2;
  }

  createRoot(row: NodeRow): void {
    this.#writer.createRoot(attributesOf(row));
  }

  /** To be called before the index has the operation. */
  apply(operation: Operation): void {
    this.#operations.apply(operation);
  }

  /** To be called after the index has the file's new version. */
  version(ino: number): void {
    this.#operations.version(ino);
  }

  /** To be called in each transaction before anything is set in it: `seq`, at that time in seconds since 1970. */
  begin(seq: number, sec: number): void {
    for (let count = this.#journal.tellSeen(seq, sec, this.#writer.clock); count > 0; count--) {
      this.#writer.passRecord();
    }
  }

  /** Ends the batch of one transaction, which is record `seq` of the journal, of that time in seconds since 1970. */
  commit(seq: number, sec: number): readonly Updated[] {
    const { records, updates } = this.#writer.commit();
    this.#write(seq, sec, records);
    return updates;
  }

  #write(seq: number, sec: number, records: readonly Changes[]): void {
    const entries = this.#journal.append(seq, sec, this.#writer.clock, records);
    this.#tidying.look(this.#documents.changed(entries));
    this.keepNumber();
  }

  /** To be called in the transaction in which numbers were given. */
  keepNumber(): void {
    this.#index.setMeta("clock", this.#writer.clock);
    this.#index.setMeta("lastNumber", this.#lastNumber);
  }

  get journal(): Journal {
    return this.#journal;
  }

  get author(): Author {
    return this.#author;
  }

  /** The rows of the tree that the documents show. */
  get tree(): SqliteTreeIndex {
    return this.#tree;
  }

  /** After a commit: nodes of which the index may show something else than the tree. */
  beyond(updates: readonly Updated[]): Set<NodeId> {
    return this.#touched.beyond(updates);
  }

  /**
   * Takes in, as transaction `seq` at that time in seconds since 1970, records of others, in an order in which nothing comes before what its writer had seen; what is
   * here already is passed over. Gives the nodes that they are about, edges that are others now, and what was refused.
   */
  receive(
    records: readonly SignedRecord[],
    seq: number,
    sec: number,
  ): { nodes: Set<NodeId>; edges: readonly EdgeRow[]; refused: readonly Refused[] } {
    const { good, refused } = checkAll(this.#journal.authors, records, {
      nowSec: sec,
      hashOf: (author, number) => this.#journal.hashOf(author, number),
      isContent: ({ size, descriptor }) => isDescriptorOf(size, descriptor),
    });
    const { documents, updated } = this.#writer.receive(good.map(({ incoming }) => incoming));
    this.#journal.receive(seq, sec, good.map(({ signed }) => signed));
    this.#tidying.look(this.#documents.received(documents, this.#journal.lastId));
    this.#touched.forget();
    this.keepNumber();
    // What copies said to have counts once all is here that they had written by then.
    if (good.length > 0) this.heard();
    return { nodes: nodesOf([updated]), edges: updated.rows.edges, refused };
  }

  /**
   * Takes in, as transaction `seq` at that time in seconds since 1970, everything that another copy has, records of which are gone. Gives the nodes that it is
   * about.
   */
  merge(state: OtherState, seq: number, sec: number): Set<NodeId> {
    state.checkOne(this.#journal);
    const { documents, updated } = this.#writer.adopt(state.merged(this.#documents, this.#journal, sec));
    // Records that documents were made of may go with those of others.
    this.#tidying.look(this.#documents.received(documents, this.#journal.lastId));
    this.#tidying.saveAll();
    const last = this.#journal.adopt(seq, sec, state.newer(this.#journal));
    // What the other copy trimmed it was told of by what it has: whoever lacks that may have written to it.
    this.#tidying.noteTrimmed(last);
    this.begin(seq, sec);
    this.#writer.putAgain([...state.again((node) => this.#tree.edges(node).length > 0)]);
    const { records, updates } = this.#writer.commit();
    this.#write(seq, sec, records);
    this.#touched.forget();
    this.heard();
    return nodesOf([updated, ...updates]);
  }

  /**
   * Ends, within transaction `seq` at that time in seconds since 1970, conflicts over contents that this copy wrote, wrote over itself and let go of since: another copy wrote to the file when it had
   * heard of the first of these only, and nobody can read that any more. `edges` are those that became others. Gives the nodes that it is about.
   */
  resolveOwn(
    edges: readonly EdgeRow[],
    isGone: (content: Uint8Array) => boolean,
    seq: number,
    sec: number,
  ): Set<NodeId> {
    const rows = edges.filter(({ version, shown }) =>
      version?.stamp.author === this.#author && shown && version.size > 0 && isGone(version.descriptor)
    );
    if (rows.length === 0) return new Set();
    this.begin(seq, sec);
    for (const { node, shown } of rows) this.#writer.unlink({ node, ...shown! }, { sec, nsec: 0 });
    const updates = this.commit(seq, sec);
    this.#touched.forget();
    return nodesOf(updates);
  }

  /** Puts these values in keys, within the transaction that is open: what was set there is called something else. Gives the nodes that it is about. */
  rename(renamed: readonly RenamedKey[]): Set<NodeId> {
    const { documents, updated } = this.#writer.adopt(renamed);
    this.#tidying.look(this.#documents.received(documents, this.#journal.lastId));
    for (const id of documents) if (this.#documents.get(id)?.keys().length === 0) this.#documents.remove(id);
    this.#touched.forget();
    this.keepNumber();
    return nodesOf([updated]);
  }

  /** Lets a copy in, by a record of its own, within transaction `seq` at that time in seconds since 1970. */
  letIn(key: Uint8Array, seq: number, sec: number): void {
    this.#journal.append(seq, sec, this.#writer.clock, [new Map()], [key]);
    this.#writer.passRecord();
    this.keepNumber();
  }

  /** What this copy wrote so far may be on others from now on: what they make of it and what is made of it here have it in common. */
  share(): void {
    if (this.isShared) return;
    this.#index.setMeta("shared", this.#writer.clock);
  }

  /** Whether that is so of all that it wrote. */
  get isShared(): boolean {
    return Number(this.#index.meta("shared") ?? 0) === this.#writer.clock;
  }

  /** Makes anew, in the transaction that is open, what of documents and of the rows of their tree is not what was written. */
  mend(): string[] {
    const mended = this.#documents.mend();
    const damage = this.#tree.firstDamage();
    if (damage === undefined) return mended;
    this.remake();
    return [...mended, `The tree's rows were made anew from the documents: ${damage}`];
  }

  /** Makes the rows of the tree anew from the documents, in the transaction that is open. */
  remake(): void {
    this.#tree.clear();
    const keys = new Map<DocId, string[]>();
    for (const document of this.#documents.all()) keys.set(document.id, document.keys());
    new View(this.#tree, (id) => this.#documents.get(id), (request) => this.#texts.merge(request)).update(
      keys,
    );
    this.#documents.trim();
  }

  /** Merges, within the transaction that is open, what could not be merged without bytes that have come. Gives the nodes that it is about. */
  mergeAgain(): Set<NodeId> {
    return nodesOf([this.#writer.refresh(this.#tree.conflicted())]);
  }

  /** Another copy said what it has. */
  heard(): void {
    this.#tidying.heard();
  }

  /** What collecting history is to make smaller as well. */
  collect(): void {
    this.#tidying.collect();
  }

  /** Whether `tidy` has something to do: at once, or when there is nothing else. */
  isUntidy(isIdle: boolean): boolean {
    return this.#tidying.isDue(isIdle);
  }

  /** One step of making history shorter, within transaction `seq`, at that time in seconds since 1970. */
  tidy(seq: number, sec: number): void {
    this.#tidying.step(seq, sec);
  }

  /**
   * What was trimmed was told of by records up to this one. A copied home, of which nobody knows before it comes, may have written to what is trimmed where it lacks
   * one of them.
   */
  get trimmed(): number {
    return this.#tidying.trimmed;
  }

  free(): void {
    this.#documents.free();
  }
}
