import { Buffer } from "node:buffer";
import type { DatabaseSync } from "node:sqlite";
import type { Timestamp } from "../../9p/mod.ts";
import { automerge } from "../automerge/mod.ts";
import { decodeDescriptor, encodeDescriptor, isDescriptorOf } from "../chunks/mod.ts";
import { type CopyKey, copyKey, type SignedRecord } from "../record/mod.ts";
import type { Create, Operation, Rename, SetAttributes } from "../operation/mod.ts";
import {
  type Copies,
  type Entry,
  type Extent,
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
  directoryOf,
  type DocId,
  type EdgeRow,
  MERGE_BYTES_MAX,
  type Merger,
  type MergeRequest,
  MergeRules,
  type NodeId,
  nodeId,
  reroot,
  ROOT,
  TreeWriter,
  type Updated,
  type Version,
  versionId,
  View,
} from "../tree/mod.ts";
import { checkAll, type Refused } from "../sync/mod.ts";
import { attributesOf, FLAGS_XATTR } from "./attributes.ts";
import type { RenamedKey } from "./branch.ts";
import type { OtherState } from "./merged_state.ts";
import type { ContentWriter } from "./content_writer.ts";
import { parseFileId, type Stands } from "./file_id.ts";
import { mergedText } from "./merged_text.ts";
import { nodesOf } from "./reconcile.ts";
import { Registered } from "./registered.ts";
import { Touched } from "./touched.ts";

const ROOT_INO = 1;
const DEPTH_MAX = 1000;
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
  readonly #contents: ContentWriter;
  readonly #writer: TreeWriter;
  readonly #tree: SqliteTreeIndex;
  readonly #touched: Touched;
  /** Documents that are mostly history: those that are not to grow any further, and all. */
  readonly #urgent = new Set<DocId>();
  readonly #overgrown = new Set<DocId>();
  /** Records of the journal up to this one are to go. */
  #surplus = 0;
  /** The journal's last record when it was too long and none of it might go. */
  #heldAt: number | undefined;
  readonly #registered: Registered;
  readonly #untrimmed: Untrimmed;
  /** Other copies may have more than when it was looked which documents can be trimmed. */
  #isNews = true;
  readonly #rules: MergeRules;
  /** Odd: files have even numbers. */
  #lastNumber: number;

  constructor(
    db: DatabaseSync,
    index: IndexWriter,
    contents: ContentWriter,
    { copies, retentionSec, nowSec, journal, merge }: DocumentKeeperOptions,
  ) {
    this.#index = index;
    this.#contents = contents;
    this.#author = authorOf(index.meta("incarnation") as Uint8Array);
    this.#lastNumber = Number(index.meta("lastNumber") ?? 1);
    this.#documents = new StoredDocuments(db, automerge);
    this.key = copyKey(index.meta("secret") as Uint8Array);
    this.#journal = new Journal(db, { author: this.#author, key: this.key }, journal);
    this.#registered = new Registered({
      ...{ copies, journal: this.#journal, author: this.#author, key: this.key, retentionSec, nowSec },
    });
    this.#untrimmed = new Untrimmed(db);
    this.#rules = new MergeRules(merge);
    this.#tree = new SqliteTreeIndex(db);
    this.#touched = new Touched(this.#tree);
    this.#writer = new TreeWriter({
      documents: this.#documents,
      index: this.#tree,
      merge: (request) => this.#merge(request),
      author: this.#author,
      clock: Number(index.meta("clock") ?? 0),
      number: this.#journal.number,
      shared: () => Number(index.meta("shared") ?? 0),
      newNode: () => nodeId(this.#author, this.#lastNumber += 2),
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
    switch (operation.kind) {
      case "create":
        return this.#create(operation);
      case "link": {
        const { ino, parent: parentIno, name, time } = operation;
        const [node, parent] = [this.#own(ino, time), this.#id(parentIno)];
        if (!node || !parent) return;
        this.#touched.gave(node, parent, name);
        return this.#writer.link({ node, parent, name }, time);
      }
      case "unlink":
        return this.#unlink(operation.parent, operation.name, operation, operation.ino);
      case "rename":
        return this.#rename(operation);
      case "attributes":
        return this.#attributes(operation);
      case "xattr": {
        const node = this.#own(operation.ino, operation.time);
        if (node) this.#writer.setxattr(node, operation.name, operation.value?.slice(), operation.time);
        return;
      }
    }
  }

  /** To be called after the index has the file's new version. */
  version(ino: number): void {
    const row = this.#index.node(ino);
    // A file without a name is nobody's but its holder's.
    if (row === undefined || row.nlink === 0) return;
    const node = this.#own(ino, row.ctime);
    if (node === undefined) return;
    const { size, mtime, content } = row;
    const descriptor = content ?? new Uint8Array(0);
    this.#writer.content(node, { size, mtime, descriptor, text: this.#isText(row) });
    // Contents tell when they were written. What was done to the file since is later, also where it set that time back.
    if (!sameTime(row.ctime, mtime)) this.#writer.setattr(node, {}, row.ctime);
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
    this.#wrote(this.#journal.append(seq, sec, this.#writer.clock, records));
    return updates;
  }

  #wrote(entries: readonly Entry[]): void {
    for (const extent of this.#documents.changed(entries)) this.#look(extent);
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
    const beyond = this.#touched.beyond(updates);
    // What others removed and is back for what was written since has more in it once it is there for good.
    for (const { rows } of updates) {
      for (const { id, attributes, content, nlink } of rows.nodes) {
        if (attributes?.kind === "file" && nlink > 0 && !this.#hasContent(id, content)) beyond.add(id);
      }
    }
    return beyond;
  }

  /** Whether the index has these contents of the node. */
  #hasContent(node: NodeId, content: Version | undefined): boolean {
    const ino = this.#index.inoOf(node);
    const row = ino === undefined ? undefined : this.#index.node(ino);
    const size = content?.size ?? 0;
    return row !== undefined && row.size === size &&
      (size === 0 || Buffer.compare(row.content!, content!.descriptor) === 0);
  }

  /**
   * Takes in, as transaction `seq` at that time in seconds since 1970, records of others, in an order in which nothing comes before what its writer had seen; what is
   * here already is passed over. Gives the nodes that they are about, and what was refused.
   */
  receive(
    records: readonly SignedRecord[],
    seq: number,
    sec: number,
  ): { nodes: Set<NodeId>; refused: readonly Refused[] } {
    const { good, refused } = checkAll(this.#journal.authors, records, {
      nowSec: sec,
      hashOf: (author, number) => this.#journal.hashOf(author, number),
      isContent: ({ size, descriptor }) => isDescriptorOf(size, descriptor),
    });
    const { documents, updated } = this.#writer.receive(good.map(({ incoming }) => incoming));
    this.#journal.receive(seq, sec, good.map(({ signed }) => signed));
    for (const extent of this.#documents.received(documents, this.#journal.lastId)) this.#look(extent);
    this.#touched.forget();
    this.keepNumber();
    // What copies said to have counts once all is here that they had written by then.
    if (good.length > 0) this.heard();
    return { nodes: nodesOf([updated]), refused };
  }

  /**
   * Takes in, as transaction `seq` at that time in seconds since 1970, everything that another copy has, records of which are gone. Gives the nodes that it is
   * about.
   */
  merge(state: OtherState, seq: number, sec: number): Set<NodeId> {
    state.checkOne(this.#journal);
    const { documents, updated } = this.#writer.adopt(state.merged(this.#documents, this.#journal, sec));
    // Records that documents were made of may go with those of others.
    for (const extent of this.#documents.received(documents, this.#journal.lastId)) this.#look(extent);
    for (let due = this.#needing(); due.length > 0; due = this.#needing()) {
      for (const id of due) this.#documents.settle(id, this.#journal.lastId);
    }
    const last = this.#journal.adopt(seq, sec, state.newer(this.#journal));
    // What the other copy trimmed it was told of by what it has: whoever lacks that may have written to it.
    this.#index.setMeta("trimmed", Math.max(last, this.trimmed));
    this.begin(seq, sec);
    this.#writer.putAgain([...state.again((node) => this.#tree.edges(node).length > 0)]);
    const { records, updates } = this.#writer.commit();
    this.#wrote(this.#journal.append(seq, sec, this.#writer.clock, records));
    this.#touched.forget();
    this.heard();
    return nodesOf([updated, ...updates]);
  }

  /** Puts these values in keys, within the transaction that is open: what was set there is called something else. Gives the nodes that it is about. */
  rename(renamed: readonly RenamedKey[]): Set<NodeId> {
    const { documents, updated } = this.#writer.adopt(renamed);
    for (const extent of this.#documents.received(documents, this.#journal.lastId)) this.#look(extent);
    for (const id of documents) if (this.#documents.get(id)?.keys().length === 0) this.#documents.remove(id);
    this.#touched.forget();
    this.keepNumber();
    return nodesOf([updated]);
  }

  #needing(): DocId[] {
    return this.#documents.needing(this.#journal.lastId, SAVED_AT_ONCE);
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
    new View(this.#tree, (id) => this.#documents.get(id), (request) => this.#merge(request)).update(keys);
    this.#documents.trim();
  }

  /** Merges, within the transaction that is open, what could not be merged without bytes that have come. Gives the nodes that it is about. */
  mergeAgain(): Set<NodeId> {
    return nodesOf([this.#writer.refresh(this.#tree.conflicted())]);
  }

  /** Another copy said what it has. */
  heard(): void {
    this.#registered.heard();
    this.#isNews = true;
    this.#heldAt = undefined;
  }

  /** What collecting history is to make smaller as well. */
  collect(): void {
    // Some time has passed, after which a copy may not be waited for any more.
    this.heard();
    const { operations, part } = COLLECTED;
    for (const id of this.#documents.overgrown(operations, part)) this.#overgrown.add(id);
  }

  /** Whether `tidy` has something to do: at once, or when there is nothing else. */
  isUntidy(isIdle: boolean): boolean {
    if (isIdle && this.#isNews) this.#lookForUntrimmed();
    return this.#urgent.size > 0 || this.#isLong() || isIdle && this.#overgrown.size > 0;
  }

  #lookForUntrimmed(): void {
    this.#isNews = false;
    for (const id of this.#untrimmed.due(this.#registered.passed.dead, this.#mark())) this.#overgrown.add(id);
  }

  /** How far others are: it grows when something more is stable. */
  #mark(): number {
    return this.#registered.passed.dead + this.#journal.firstId;
  }

  /** Whether there are records that are to go, and may. Those that another copy has not got stay, however many they are. */
  #isLong(): boolean {
    if (this.#surplus > 0) return true;
    const { isLong, lastId, bounds } = this.#journal;
    if (!isLong || this.#heldAt !== undefined && lastId < this.#heldAt + bounds.records * AGAIN_PART) {
      return false;
    }
    const surplus = Math.min(this.#journal.surplus(), this.#registered.passed.records);
    if (surplus >= this.#journal.firstId) this.#surplus = surplus;
    else this.#heldAt = lastId;
    return this.#surplus > 0;
  }

  /** One step of making history shorter, within transaction `seq`, at that time in seconds since 1970. */
  tidy(seq: number, sec: number): void {
    const [id] = this.#urgent.size > 0 ? this.#urgent : this.#isLong() ? [] : this.#overgrown;
    if (id === undefined) return this.#shorten();
    this.#urgent.delete(id);
    this.#overgrown.delete(id);
    this.#trim(id, seq, sec);
    this.#reroot(id);
  }

  free(): void {
    this.#documents.free();
  }

  #look({ doc, keys, operations }: Extent): void {
    const exceeds = (bound: typeof IDLE) => operations - keys > Math.max(bound.operations, bound.part * keys);
    if (exceeds(AT_ONCE)) this.#urgent.add(doc);
    if (exceeds(IDLE)) this.#overgrown.add(doc);
  }

  /** What is dead goes, here and, by a record, on the other copies. */
  #trim(id: DocId, seq: number, sec: number): void {
    const { dead } = this.#registered.passed;
    let isHeld = false;
    let last = 0;
    this.#writer.trim(id, (doc) => {
      const lastOf = this.#journal.lastOf(doc);
      if (lastOf <= dead) last = Math.max(last, lastOf);
      else isHeld = true;
      return lastOf <= dead;
    });
    if (isHeld) this.#untrimmed.add(id, this.#mark());
    else this.#untrimmed.remove(id);
    const { records } = this.#writer.commit();
    if (records.length === 0) return;
    this.#wrote(this.#journal.append(seq, sec, this.#writer.clock, records));
    this.#index.setMeta("trimmed", Math.max(last, this.trimmed));
  }

  /**
   * What was trimmed was told of by records up to this one. A copied home, of which nobody knows before it comes, may have written to what is trimmed where it lacks
   * one of them.
   */
  get trimmed(): number {
    return Number(this.#index.meta("trimmed") ?? 0);
  }

  #reroot(id: DocId): void {
    const old = this.#documents.get(id);
    if (old === undefined) return;
    const directory = directoryOf(id);
    const isGone = directory !== ROOT && !this.#tree.edges(directory).some(({ alive }) => alive);
    if (isGone && old.keys().length === 0) return this.#documents.remove(id);
    const next = reroot(automerge, old, this.#documents.actor);
    try {
      if (next.operations < old.operations) this.#documents.replace(next, this.#journal.lastId);
    } finally {
      next.free();
    }
  }

  /** Lets go of records that no document needs, after saving those that do. */
  #shorten(): void {
    const needing = this.#documents.needing(this.#surplus, SAVED_AT_ONCE);
    for (const id of needing) this.#documents.settle(id, this.#journal.lastId);
    if (needing.length > 0) return;
    if (this.#journal.shorten(this.#surplus, RECORDS_AT_ONCE)) return;
    this.#surplus = 0;
    // What all of them lack who come back from having been away for long is stable now.
    this.#isNews = true;
  }

  #create(operation: Create): void {
    const { ino, parent: parentIno, name, mode, uid, gid, flags, rdev, target, time } = operation;
    const parent = this.#id(parentIno);
    if (!parent) return;
    const node = this.idOf(ino);
    this.#touched.gave(node, parent, name);
    const times = { atime: time, mtime: time, ctime: time };
    this.#writer.create({ node, parent, name }, attributesOf({ mode, uid, gid, rdev, target, ...times }));
    if (flags !== 0) this.#writer.setxattr(node, FLAGS_XATTR, new Uint8Array([flags]), time);
  }

  /** `ino`: what had the name when it was asked to go; its name may be another by now if it is a conflict file's. */
  #unlink(parentIno: number, name: string, { time }: Operation, ino?: number): void {
    const edge = this.#index.edge(parentIno, name);
    const conflict = this.#conflict(ino ?? edge?.ino);
    if (conflict) return this.#resolve(conflict, time);
    const [parent, node] = [this.#id(parentIno), edge && this.#id(edge.ino)];
    if (!parent || !node) return;
    this.#touched.took(node, parent, name);
    this.#writer.unlink({ node, parent, name }, time);
  }

  #rename(operation: Rename): void {
    const { ino, parent: from, name, toParent, toName, time } = operation;
    const [parent, to] = [this.#id(from), this.#id(toParent)];
    const conflict = this.#conflict(ino);
    if (!parent || !to || !conflict && this.#index.edge(from, name)?.ino !== ino) return;
    this.#unlink(toParent, toName, operation);
    if (conflict) return void this.#adopt(ino, conflict, time, { parent: to, name: toName });
    const node = this.#id(ino);
    if (!node) return;
    this.#touched.took(node, parent, name);
    this.#touched.gave(node, to, toName);
    this.#writer.rename({ node, parent, name }, { parent: to, name: toName }, time);
  }

  #attributes({ ino, mode, uid, gid, flags, atime, mtime, time }: SetAttributes): void {
    const row = this.#index.node(ino);
    if (row === undefined || row.nlink === 0) return;
    const node = this.#own(ino, time);
    if (node === undefined) return;
    this.#writer.setattr(node, {
      mode: mode !== row.mode ? mode & 0o7777 : undefined,
      uid: uid !== row.uid ? uid : undefined,
      gid: gid !== row.gid ? gid : undefined,
      atime: sameTime(atime, row.atime) ? undefined : atime,
      mtime: sameTime(mtime, row.mtime) ? undefined : mtime,
    }, time);
    if (flags !== row.flags) {
      this.#writer.setxattr(node, FLAGS_XATTR, flags === 0 ? undefined : new Uint8Array([flags]), time);
    }
  }

  /** The node that a file is, which no conflict file is. */
  #id(ino: number): NodeId | undefined {
    if (ino === ROOT_INO) return ROOT;
    const stands = this.#stands(ino);
    return stands?.version === undefined ? stands?.node : undefined;
  }

  #stands(ino: number): Stands | undefined {
    const id = this.#index.id(ino);
    return id === undefined ? undefined : parseFileId(id);
  }

  #conflict(ino: number | undefined): Stands | undefined {
    const stands = ino === undefined ? undefined : this.#stands(ino);
    return stands?.version === undefined ? undefined : stands;
  }

  /** The node that a file is, and that a conflict file becomes now: what is done to it is done to a file of its own. */
  #own(ino: number, time: Timestamp): NodeId | undefined {
    const conflict = this.#conflict(ino);
    if (!conflict) return this.#id(ino);
    return (this.#index.node(ino)?.nlink ?? 0) > 0 ? this.#adopt(ino, conflict, time) : undefined;
  }

  /** Where a conflict file is shown; what was done in this batch may have moved it. */
  #shown({ node, version }: Stands): EdgeRow["shown"] {
    this.#writer.refresh([]);
    return this.#tree.edges(node).find((row) => row.version && versionId(row.version.stamp) === version)
      ?.shown;
  }

  #resolve(conflict: Stands, time: Timestamp): void {
    const shown = this.#shown(conflict);
    if (!shown) return;
    this.#writer.unlink({ node: conflict.node, ...shown }, time);
    this.#touched.look(shown.parent);
  }

  /** Makes a conflict file a file of its own, where it is or under another name. Its number stays. */
  #adopt(ino: number, conflict: Stands, time: Timestamp, to?: EdgeRow["shown"]): NodeId | undefined {
    const shown = this.#shown(conflict);
    if (!shown) return undefined;
    const { node } = conflict;
    const xattrs = this.#tree.node(node)?.xattrs;
    this.#writer.rename({ node, ...shown }, to ?? shown, time);
    const own = nodeId(this.#author, this.#lastNumber);
    for (const [name, value] of xattrs ?? []) this.#writer.setxattr(own, name, value, time);
    this.#index.setId(ino, own);
    this.#touched.look(shown.parent);
    return own;
  }

  #isText({ ino, size, content }: NodeRow): boolean {
    if (size > MERGE_BYTES_MAX) return false;
    const path = this.#pathOf(ino).join("/");
    // Reading the bytes costs more than asking for the name.
    if (!this.#rules.allows(path)) return false;
    if (content === null) return true;
    // Of what is not here nobody can say, and it does not become what merges need.
    return !this.#contents.lacks(content) &&
      this.#rules.merges(path, this.#bytesOf({ size, descriptor: content }));
  }

  /** One of its paths, as names from the root on. */
  #pathOf(ino: number): string[] {
    const names: string[] = [];
    for (let at = ino; at !== ROOT_INO && names.length < DEPTH_MAX;) {
      const edge = this.#index.edgeTo(at);
      if (edge === undefined) break;
      names.unshift(edge.name);
      at = edge.parent;
    }
    return names.length > 0 ? names : [""];
  }

  #merge(request: MergeRequest): ReturnType<Merger> {
    const merged = mergedText(request, (content) => this.#bytesOf(content));
    if (merged === undefined) return "unmergeable";
    if (merged.byteLength === 0) return { size: 0, descriptor: new Uint8Array(0) };
    return { size: merged.byteLength, descriptor: encodeDescriptor(this.#contents.put(merged)) };
  }

  #bytesOf({ size, descriptor }: { readonly size: number; readonly descriptor: Uint8Array }): Uint8Array {
    const bytes = new Uint8Array(size);
    if (size > 0) this.#contents.reader.read(decodeDescriptor(descriptor), 0, bytes);
    return bytes;
  }
}

function sameTime(a: Timestamp, b: Timestamp): boolean {
  return a.sec === b.sec && a.nsec === b.nsec;
}
