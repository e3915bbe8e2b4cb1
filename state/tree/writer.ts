import {
  type Attributes,
  type AttributesRecord,
  mergeAttributes,
  newAttributes,
  packAttributes,
} from "./attributes.ts";
import { Packer, type Time } from "./bytes.ts";
import { type Base, basesAfter, type Content, packVersion, type Version } from "./content.ts";
import type { Documents } from "./documents.ts";
import { type Dot, packValue, unpackValue } from "./dot.ts";
import { COUNTER_MAX, type Edge, packEdge, type Removed } from "./edge.ts";
import { type Candidate, type Facts, FactsReader, seenIn } from "./facts.ts";
import { type Author, creatorOf, type DocId, type NodeId, NUMBER_MAX, ROOT } from "./id.ts";
import { type Key, keyOf, parseKey, type Slot, TOUCHED_KEY } from "./key.ts";
import { type Changes, OpenBatch } from "./open_batch.ts";
import { directoryOf, documentOf, placeFor } from "./placement.ts";
import type { Put } from "./puts.ts";
import { unpackRecords } from "./records.ts";
import type { EdgeRow, TreeIndex } from "./rows.ts";
import { packStamp, packTouch, packXattr } from "./small_records.ts";
import { trimmed } from "./trim.ts";
import type { Merger } from "./standing.ts";
import { type Stamp, type VersionId, versionId } from "./stamp.ts";
import { type Updated, View } from "./view.ts";

export interface WriterOptions {
  readonly documents: Documents;
  readonly index: TreeIndex;
  readonly merge: Merger;
  /** The incarnation of this store. */
  readonly author: Author;
  /** The clock as `clock` last said; it must never go back, or two versions would have one name. */
  readonly clock: number;
  /** The number of the last record of this author. */
  readonly number: number;
  /** An id that was never used. */
  newNode(): NodeId;
  /** What this author wrote up to that time may be on other copies; 0 where there are none. */
  readonly shared?: () => number;
}

/** A name in the shown tree: the node, and the shown directory and name that it was found under. */
export interface At {
  readonly node: NodeId;
  readonly parent: NodeId;
  readonly name: string;
}

/** What a batch did. */
export interface Batch {
  /** For the other copies: what is to become of it as records of this author, in order. */
  readonly records: readonly Changes[];
  /** What became of the shown tree. */
  readonly updates: readonly Updated[];
}

/** A record of another copy, checked before. */
export interface Incoming extends Dot {
  /** Whether its writer had seen that write of another author. All of its own before it, it had. */
  readonly hasSeen: (dot: Dot) => boolean;
  readonly changes: ReadonlyMap<DocId, readonly Put[]>;
}

export interface Received {
  /** Documents that were changed. */
  readonly documents: ReadonlySet<DocId>;
  readonly updated: Updated;
}

/** A node as the open batch has it. */
interface Known {
  readonly home: DocId;
  attributes: AttributesRecord;
  /** The batch gave it contents. */
  isWritten: boolean;
  /** What these were made from. */
  bases?: readonly Base[];
}

/** One that the batch made, and the edge that it was made with. */
interface Made extends Known {
  readonly edge: Edge;
}

const NO_ROWS = { nodes: [], forgotten: [], edges: [], removed: [] };

/**
 * Changes the tree on this copy, and takes in what others changed. Operations go into the documents at once and belong to one batch until `commit`, which makes one change
 * for each document and brings the index up to date.
 *
 * An operation never fails for what the tree has become meanwhile: what it names may have been moved, or removed elsewhere.
 */
export class TreeWriter {
  readonly #options: WriterOptions;
  readonly #view: View;
  #clock: number;
  readonly #batch: OpenBatch;
  /** Keys that were set since the index was last brought up to date. */
  #dirty = new Map<DocId, Set<Key>>();
  readonly #dirtyNodes = new Set<NodeId>();
  #updates: Updated[] = [];
  /** Nodes that this batch made and that the index does not know yet. */
  readonly #made = new Map<NodeId, Made>();
  /** Nodes that were looked up, with what this batch has set since: they can be set again without bringing the index up to date. */
  readonly #known = new Map<NodeId, Known>();

  constructor(options: WriterOptions) {
    this.#options = options;
    this.#clock = options.clock;
    this.#batch = new OpenBatch(options.documents, options.author, options.number + 1);
    this.#view = new View(options.index, (id) => options.documents.get(id), options.merge);
  }

  /** The highest time that was used or seen. */
  get clock(): number {
    return this.#clock;
  }

  /** The root directory, once in the life of a volume: copies are copied with it. */
  createRoot(attributes: Attributes): void {
    const record = newAttributes(attributes, this.#stamp());
    this.#putAttributes(ROOT, documentOf(ROOT), record);
  }

  create(at: At, attributes: Attributes, content?: Content): void {
    const { node, parent, name } = at;
    const stamp = this.#stamp();
    const record = newAttributes(attributes, stamp);
    const home = this.#placeFor(parent, name);
    const directory = attributes.kind === "directory";
    const edge = { name, directory, counter: 1, stamp, time: attributes.ctime, attributes: record };
    this.#putEdge(home, node, "", edge);
    this.#made.set(node, { home, edge, attributes: record, isWritten: false });
    if (content) this.content(node, content);
  }

  /** A further name of a file. One that was removed elsewhere and is back keeps the name that it has. */
  link({ node, parent, name }: At, time: Time): void {
    if (this.#dirtyNodes.has(node)) this.#settle();
    const back = this.#options.index.edges(node).find((row) => !row.version && row.removed && row.alive);
    if (back) this.#move(back, { parent: back.parent, name: back.shown?.name ?? back.name }, time);
    const slot = this.#options.newNode();
    const edge = { name, directory: false, counter: 1, stamp: this.#stamp(), time };
    this.#putEdge(this.#placeFor(parent, name), node, slot, edge);
  }

  /** Removes a name; with a directory all that are one with it; of a conflict file the version that it shows. */
  unlink(at: At, time: Time): void {
    this.#settle();
    let row = this.#rowAt(at);
    if (row?.directory && this.#settleDisplaced(time)) row = this.#rowAt(at);
    if (!row) return;
    if (row.version) {
      this.#confirm(row.parent, time);
      return this.#resolve(at.node, row.version, time);
    }
    this.#settleRivals(row, time);
    this.#confirm(row.parent, time);
    for (const place of this.#placesOf(row)) {
      const facts = this.#factsOf(place.node);
      const kept = this.#options.index.edges(place.node).flatMap(({ version }) =>
        version ? [version.stamp] : []
      );
      const keptIds = new Set(kept.map(versionId));
      const seen = [...facts.versions, ...facts.lost].map(({ stamp }) => stamp)
        .filter((stamp) => !keptIds.has(versionId(stamp)));
      this.#remove(place, facts, { seen, kept }, time);
      const others = this.#options.index.edges(place.node).some((other) =>
        other.alive && other.slot !== place.slot
      );
      // As in POSIX, it is a change of the file that it has one name less.
      if (others) this.setattr(place.node, {}, time);
    }
    // Its own edge may be in another directory that is shown as one with it.
    if (row.parent !== at.parent) this.#touch(at.parent, time);
  }

  /** Moves a name. What has the new name goes first, by `unlink`. A conflict file becomes a file of its own. Something removed is there again. */
  rename(at: At, to: { readonly parent: NodeId; readonly name: string }, time: Time): void {
    this.#settle();
    const row = this.#rowAt(at);
    if (!row) return;
    if (row.version) return this.#adopt(at.node, row.version, to, time);
    this.#settleRivals(row, time);
    this.#confirm(row.parent, time);
    for (const place of this.#placesOf(row)) this.#move(place, to, time);
    if (to.parent !== at.parent) this.#touch(at.parent, time);
  }

  setattr(
    node: NodeId,
    change: Partial<Pick<Attributes, "mode" | "uid" | "gid" | "atime" | "mtime">>,
    time: Time,
  ): void {
    const made = this.#made.get(node);
    const known = made ?? this.#look(node);
    if (!known) return;
    const { home, attributes } = known;
    const stamp = this.#stamp();
    const stamps = { ...attributes.stamps };
    for (const group of Object.keys(change) as (keyof typeof change)[]) {
      if (change[group] !== undefined) stamps[group] = stamp;
    }
    const given = Object.fromEntries(Object.entries(change).filter(([, value]) => value !== undefined));
    const record = { ...attributes, ...given, ctime: time, stamp, stamps };
    known.attributes = record;
    // Nobody has seen a new one without, so there it takes no key of its own.
    if (made) this.#putEdge(home, node, "", { ...made.edge, attributes: record });
    else this.#putAttributes(node, home, record);
  }

  /**
   * A new version of a file's content. `from`: the versions that it was made from; what else stands next to it by now, and every losing version, stays as a conflict
   * file. Without `from` it was made from all that the index shows.
   */
  content(node: NodeId, content: Content, from?: readonly VersionId[]): void {
    const made = this.#made.get(node);
    if (from !== undefined && this.#dirtyNodes.has(node)) this.#settle();
    const known = made ?? this.#look(node);
    if (!known) return;
    const { home } = known;
    // What this batch wrote before is written over, and stands next to nothing.
    const isAlone = made !== undefined || known.isWritten;
    const overwritten = isAlone ? [] : this.#overwritten(node, from);
    for (const version of overwritten) this.#putLost(home, node, version);
    if (content.text && !isAlone) known.bases = this.#basesOf(node);
    known.isWritten = true;
    const bases = content.text ? known.bases : undefined;
    this.#put(home, node, "c", packVersion({ ...content, stamp: this.#stamp(), bases }, node));
  }

  /** Sets an extended attribute, or without a value removes it. */
  setxattr(node: NodeId, name: string, value: Uint8Array | undefined, time: Time): void {
    const home = (this.#made.get(node) ?? this.#look(node))?.home;
    if (!home) return;
    this.#put(home, node, "x:" + name, packXattr({ stamp: this.#stamp(), value }, node));
    this.setattr(node, {}, time);
  }

  /** Ends the batch. */
  commit(): Batch {
    this.#settle();
    const records = this.#batch.commit();
    const updates = this.#updates;
    this.#updates = [];
    return { records, updates };
  }

  /**
   * Takes in what other copies did, in an order in which nothing comes before what its writer had seen, and nothing twice. What was set apart stands
   * next to each other.
   */
  receive(incoming: Iterable<Incoming>): Received {
    if (!this.#batch.isEmpty) throw new Error("A batch is open: commit it before receiving");
    this.#settle();
    const { documents } = this.#options;
    const changed = new Set<DocId>();
    for (const { author, number, hasSeen, changes } of incoming) {
      for (const [id, puts] of changes) {
        const document = documents.get(id) ?? documents.create(id);
        changed.add(id);
        for (const { key, payload } of puts) {
          const node = parseKey(key)?.node ?? directoryOf(id);
          const stays = (value: Uint8Array) => {
            const { dot } = unpackValue(value, node);
            return dot.author !== author && !hasSeen(dot);
          };
          const before = document.get(key);
          const values = before.length > 0 ? before.filter(stays) : [];
          if (payload) values.push(packValue(payload, node, { author, number }));
          document.set(key, values);
          this.#note(id, key);
        }
      }
    }
    return this.#received(changed);
  }

  /** Sets keys as they were, as part of the batch. */
  putAgain(puts: Iterable<readonly [DocId, Key, Uint8Array]>): void {
    for (const [doc, key, payload] of puts) {
      this.#set(doc, key, payload, parseKey(key)?.node ?? directoryOf(doc));
    }
  }

  /** Takes over what stands in keys, as it is in another state of the same volume. */
  adopt(values: Iterable<readonly [DocId, Key, readonly Uint8Array[]]>): Received {
    if (!this.#batch.isEmpty) throw new Error("A batch is open: commit it before adopting");
    this.#settle();
    const { documents } = this.#options;
    const changed = new Set<DocId>();
    for (const [id, key, all] of values) {
      (documents.get(id) ?? documents.create(id)).set(key, [...all]);
      changed.add(id);
      this.#note(id, key);
    }
    return this.#received(changed);
  }

  #received(changed: ReadonlySet<DocId>): Received {
    for (const id of changed) this.#options.documents.get(id)?.commit();
    this.#settle();
    const updated = this.#updates.pop() ?? { rows: NO_ROWS, problems: [], newest: 0 };
    return { documents: changed, updated };
  }

  /**
   * Takes out of a document what shows nothing any more and nothing can come back to, as part of the batch, so that the other copies do the same. Only what
   * `isStable` is looked at: documents of which every copy has everything.
   */
  trim(id: DocId, isStable: (id: DocId) => boolean): void {
    this.#settle();
    const { documents, index } = this.#options;
    const document = documents.get(id);
    if (document === undefined) return;
    for (const { key, node, payload } of [...trimmed(document, (id) => documents.get(id), index, isStable)]) {
      this.#set(id, key, payload, node ?? directoryOf(id));
    }
  }

  /** A record of this author was written that sets nothing. To be called between batches. */
  passRecord(): void {
    this.#batch.passRecord();
  }

  /** Brings nodes up to date of which bytes that a merge needs have come. */
  refresh(nodes: Iterable<NodeId>): Updated {
    this.#settle();
    return this.#view.update(new Map(), nodes);
  }

  #stamp(): Stamp {
    this.#clock = Math.min(this.#clock + 1, NUMBER_MAX);
    return { at: this.#clock, author: this.#options.author };
  }

  /** Brings the index up to date with what was set so far. */
  #settle(): void {
    this.#known.clear();
    if (this.#dirty.size === 0) return;
    const updated = this.#view.update(this.#dirty);
    this.#dirty = new Map();
    this.#dirtyNodes.clear();
    this.#made.clear();
    this.#updates.push(updated);
    this.#clock = Math.max(this.#clock, updated.newest);
  }

  /** Where a node's records are, and its attributes; undefined for one that is not here. */
  #look(node: NodeId): Known | undefined {
    const known = this.#known.get(node);
    if (known) return known;
    if (this.#dirtyNodes.has(node)) this.#settle();
    const { home, attributes } = this.#factsOf(node);
    if (!home || !attributes) return undefined;
    const found = { home, attributes, isWritten: false };
    this.#known.set(node, found);
    return found;
  }

  /** The row that a name is shown by; for one that is no longer shown so, a place of the node that comes nearest. */
  #rowAt({ node, parent, name }: At): EdgeRow | undefined {
    const rows = this.#options.index.edges(node);
    return rows.find(({ shown }) => shown?.parent === parent && shown.name === name) ??
      rows.find((row) => !row.version && row.alive && row.name === name) ??
      rows.find((row) => !row.version && row.alive) ?? rows.find((row) => !row.version);
  }

  /** A place, and those of all directories that are shown as one with it. */
  #placesOf(row: EdgeRow): EdgeRow[] {
    if (!row.directory) return [row];
    const { index } = this.#options;
    return [
      row,
      ...index.aliases(row.node).flatMap((node) => index.edges(node).filter((edge) => !edge.version)),
    ];
  }

  /**
   * A name that becomes free would go to a file that lost it, and whoever is deleting one after the other what a listing told would miss it there. So losers get
   * the names that they are shown under for their own.
   */
  #settleRivals(row: EdgeRow, time: Time): void {
    if (row.conflict || !row.shown) return;
    for (const rival of this.#options.index.conflicts(row.shown.parent)) {
      if (rival.version || rival.name !== row.name || !rival.shown || rival.node === row.node) continue;
      this.#move(rival, { parent: rival.parent, name: rival.shown.name }, time);
    }
  }

  /**
   * A directory that is somewhere else than it was moved to, so that none is in itself, would go there when one of those that it would be in is removed, and bring that back. So it is
   * moved to where it is. Whether there were any.
   */
  #settleDisplaced(time: Time): boolean {
    const { index } = this.#options;
    const rows = index.displaced().flatMap((node) => index.edges(node).filter((row) => row.displaced));
    for (const row of rows) this.#move(row, { parent: row.parent, name: row.shown?.name ?? row.name }, time);
    this.#settle();
    return rows.length > 0;
  }

  /**
   * A directory that was removed elsewhere and is back for what is in it would go, by itself, with the last of that, and `rm -r` would miss it. Whoever works in it has
   * it back for good.
   */
  #confirm(directory: NodeId, time: Time): void {
    const row = this.#options.index.edges(directory).find((edge) => edge.removed && edge.alive);
    if (!row) return;
    this.#move(row, row, time);
    this.#confirm(row.parent, time);
  }

  #move(place: EdgeRow, to: { readonly parent: NodeId; readonly name: string }, time: Time): void {
    const facts = this.#factsOf(place.node);
    if (place.removed && place.alive && !place.directory) this.#keep(facts);
    const candidates = facts.places.get(place.slot) ?? [];
    const counter = counterAbove(candidates);
    const there = candidates.find((edge) => edge.parent === to.parent);
    const moved = (edge: Edge): Edge => ({ ...edge, name: to.name, counter, removed: undefined });
    if (there) return this.#rewrite({ ...place, parent: to.parent }, facts, moved, time);
    const { directory } = place;
    const edge = { name: to.name, directory, counter, stamp: this.#stamp(), time };
    this.#putEdge(this.#placeFor(to.parent, to.name), place.node, place.slot, edge);
  }

  /**
   * A file that was removed elsewhere and is back for what was not seen is to have a name that nobody removed. That tells no more what was seen of it, so it is told for
   * each of the contents.
   */
  #keep(facts: Facts): void {
    const { node, home, versions } = facts;
    if (!home) return;
    const { unseen, kept, gone } = seenIn(facts);
    for (const { stamp } of gone) {
      this.#put(home, node, "r:" + versionId(stamp), packStamp(this.#stamp(), node));
    }
    for (const version of kept) if (versions.includes(version)) this.#putLost(home, node, version);
    if (unseen.versions.length > 0) return;
    // One that had lost is the contents now. It is the same version still, so that copies that do this apart agree.
    const [version] = unseen.lost;
    if (version === undefined) return;
    this.#put(home, node, "c", packVersion(version, node));
    this.#set(home, keyOf(node, "l:" + versionId(version.stamp)), undefined, node);
  }

  /** Whatever other edges the place has, this is the one that holds. */
  #remove(place: EdgeRow, facts: Facts, removed: Removed, time: Time): void {
    const candidates = facts.places.get(place.slot) ?? [];
    const held = candidates.find((edge) => edge.parent === place.parent);
    const isHighest = candidates.every((edge) => edge.doc === held?.doc || edge.counter < held!.counter);
    const counter = isHighest ? held!.counter : counterAbove(candidates);
    this.#rewrite(place, facts, (edge) => ({ ...edge, counter, removed }), time);
  }

  /** Marks a losing version as resolved, everywhere: its conflict file goes. */
  #resolve(node: NodeId, { stamp }: Version, time: Time): void {
    const version = versionId(stamp);
    const row = this.#options.index.edges(node).find((each) =>
      each.version && versionId(each.version.stamp) === version
    );
    const { home } = this.#factsOf(node);
    if (home) this.#put(home, node, "r:" + version, packStamp(this.#stamp(), node));
    if (row?.shown) this.#touch(row.shown.parent, time);
  }

  /** A name went from a directory by what was just set, and no edge of the directory tells. */
  #touch(directory: NodeId, time: Time): void {
    const stamp = { at: this.#clock, author: this.#options.author };
    this.#set(documentOf(directory), TOUCHED_KEY, packTouch({ stamp, time }, directory), directory);
  }

  /** Sets the edge of a place again in the document that it is in, with the attributes that it may hold. */
  #rewrite({ node, slot, parent }: EdgeRow, facts: Facts, change: (edge: Edge) => Edge, time: Time): void {
    const candidates = (facts.places.get(slot) ?? []).filter((edge) => edge.parent === parent);
    const held: Candidate | undefined = candidates[0];
    if (!held) return;
    const attributes = mergeAttributes(
      candidates.flatMap((edge) => edge.doc === held.doc && edge.attributes ? [edge.attributes] : []),
    );
    this.#putEdge(held.doc, node, slot, change({ ...held, stamp: this.#stamp(), time, attributes }));
  }

  /** A conflict file that is moved is a file of its own from then on. */
  #adopt(
    node: NodeId,
    version: Version,
    to: { readonly parent: NodeId; readonly name: string },
    time: Time,
  ): void {
    const { attributes } = this.#factsOf(node);
    if (!attributes) return;
    const { mtime } = version;
    this.create({ node: this.#options.newNode(), ...to }, { ...attributes, mtime, ctime: time }, version);
    this.#resolve(node, version, time);
  }

  /** Versions that a new content would write over, and nobody meant to. */
  #overwritten(node: NodeId, from: readonly VersionId[] | undefined): Version[] {
    const { versions } = this.#factsOf(node);
    const losers = new Set(
      this.#options.index.edges(node).flatMap(({ version }) => version ? [versionId(version.stamp)] : []),
    );
    return versions.filter(({ stamp }) => {
      const id = versionId(stamp);
      return losers.has(id) || from !== undefined && !from.includes(id);
    });
  }

  #putLost(home: DocId, node: NodeId, version: Version): void {
    this.#put(home, node, "l:" + versionId(version.stamp), packVersion(version, node));
  }

  /**
   * What a text that is about to be written will have been made from, as far as others may have that: what nobody else ever sees is no base for a merge
   * with them.
   */
  #basesOf(node: NodeId): readonly Base[] {
    const { versions } = this.#factsOf(node);
    const [version] = versions;
    if (version === undefined) return [];
    const { author, shared } = this.#options;
    const isOwn = version.stamp.author === author && version.stamp.at > (shared?.() ?? 0);
    if (versions.length === 1 && isOwn) return version.bases ?? [];
    return basesAfter(versions, this.#options.index.node(node)?.content ?? version);
  }

  #putAttributes(node: NodeId, home: DocId, record: AttributesRecord): void {
    const packer = new Packer();
    packAttributes(packer, record, creatorOf(node));
    this.#put(home, node, "m", packer.take());
  }

  #putEdge(doc: DocId, node: NodeId, slot: Slot, edge: Edge): void {
    this.#put(doc, node, slot === "" ? "e" : "e:" + slot, packEdge(edge, node));
  }

  #put(doc: DocId, node: NodeId, part: string, payload: Uint8Array): void {
    this.#set(doc, keyOf(node, part), payload, node);
  }

  #set(doc: DocId, key: Key, payload: Uint8Array | undefined, node: NodeId): void {
    this.#batch.set(doc, key, payload, node);
    this.#note(doc, key, node);
  }

  #note(doc: DocId, key: Key, node = parseKey(key)?.node): void {
    const keys = this.#dirty.get(doc);
    if (keys) keys.add(key);
    else this.#dirty.set(doc, new Set([key]));
    if (node !== undefined) this.#dirtyNodes.add(node);
  }

  #placeFor(directory: NodeId, name: string): DocId {
    return placeFor(directory, name, (doc) => this.#options.documents.keysIn(doc));
  }

  #factsOf(node: NodeId): Facts {
    const reader = new FactsReader(node, []);
    for (const [doc, parts] of unpackRecords(this.#options.index.node(node)?.records ?? "")) {
      const document = this.#options.documents.get(doc);
      for (const part of document ? parts : []) {
        const key = keyOf(node, part);
        const known = parseKey(key);
        if (known && document) reader.add(doc, known, document.get(key));
      }
    }
    return reader.facts();
  }
}

function counterAbove(edges: readonly Candidate[]): number {
  return Math.min(Math.max(...edges.map(({ counter }) => counter)) + 1, COUNTER_MAX);
}
