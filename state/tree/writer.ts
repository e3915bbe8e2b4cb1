import {
  type Attributes,
  type AttributesRecord,
  mergeAttributes,
  newAttributes,
  packAttributes,
} from "./attributes.ts";
import { Packer, type Time } from "./bytes.ts";
import { type Content, packVersion, type Version } from "./content.ts";
import { BadChange } from "./document.ts";
import type { Documents } from "./documents.ts";
import { COUNTER_MAX, type Edge, packEdge } from "./edge.ts";
import { type Candidate, type Facts, FactsReader } from "./facts.ts";
import { type Author, creatorOf, type DocId, type NodeId, NUMBER_MAX, ROOT } from "./id.ts";
import { type Key, keyOf, parseKey, type Slot } from "./key.ts";
import { documentOf, parseDocId, placeFor } from "./placement.ts";
import { unpackRecords } from "./records.ts";
import type { EdgeRow, TreeIndex } from "./rows.ts";
import { packStamp, packXattr } from "./small_records.ts";
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
  /** An id that was never used. */
  newNode(): NodeId;
}

/** A name in the shown tree: the node, and the shown directory and name that it was found under. */
export interface At {
  readonly node: NodeId;
  readonly parent: NodeId;
  readonly name: string;
}

/** What a batch did. */
export interface Batch {
  /** One change for each document that was changed, for the other copies. */
  readonly changes: ReadonlyMap<DocId, Uint8Array>;
  /** What became of the shown tree. */
  readonly updates: readonly Updated[];
}

export interface Received extends Batch {
  /** Documents of which some changes were refused, with the reason. */
  readonly refused: ReadonlyMap<DocId, string>;
}

/** A node as the open batch has it. */
interface Known {
  readonly home: DocId;
  attributes: AttributesRecord;
  /** The batch gave it contents. */
  isWritten: boolean;
}

/** One that the batch made, and the edge that it was made with. */
interface Made extends Known {
  readonly edge: Edge;
}

/** Times may come from a copy that lies: the clock follows a jump only so far. */
const CLOCK_JUMP_MAX = 2 ** 32;

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
  /** Keys that were set since the index was last brought up to date. */
  #dirty = new Map<DocId, Set<Key>>();
  readonly #dirtyNodes = new Set<NodeId>();
  /** Documents with an open change. */
  readonly #open = new Set<DocId>();
  #updates: Updated[] = [];
  /** Nodes that this batch made and that the index does not know yet. */
  readonly #made = new Map<NodeId, Made>();
  /** Nodes that were looked up, with what this batch has set since: they can be set again without bringing the index up to date. */
  readonly #known = new Map<NodeId, Known>();

  constructor(options: WriterOptions) {
    this.#options = options;
    this.#clock = options.clock;
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

  /** A further name of a file. */
  link({ node, parent, name }: At, time: Time): void {
    const slot = this.#options.newNode();
    const edge = { name, directory: false, counter: 1, stamp: this.#stamp(), time };
    this.#putEdge(this.#placeFor(parent, name), node, slot, edge);
  }

  /** Removes a name; with a directory all that are one with it; of a conflict file the version that it shows. */
  unlink(at: At, time: Time): void {
    this.#settle();
    const row = this.#rowAt(at);
    if (!row) return;
    if (row.version) {
      this.#confirm(row.parent, time);
      return this.resolve(at.node, versionId(row.version.stamp));
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
      this.#rewrite(place, facts, (edge) => ({ ...edge, removed: { seen, kept } }), time);
      const others = this.#options.index.edges(place.node).some((other) =>
        other.alive && other.slot !== place.slot
      );
      // As in POSIX, it is a change of the file that it has one name less.
      if (others) this.setattr(place.node, {}, time);
    }
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
   * A new version of a file's content. `base`: the versions that it was made from; what else stands next to it by now, and every losing version, stays as a conflict
   * file. Without `base` it was made from all that the index shows.
   */
  content(node: NodeId, content: Content, base?: readonly VersionId[]): void {
    const made = this.#made.get(node);
    if (base !== undefined && this.#dirtyNodes.has(node)) this.#settle();
    const known = made ?? this.#look(node);
    if (!known) return;
    const { home } = known;
    // What this batch wrote before is written over, and stands next to nothing.
    const isAlone = made !== undefined || known.isWritten;
    const overwritten = isAlone ? [] : this.#overwritten(node, base);
    for (const version of overwritten) this.#putLost(home, node, version);
    known.isWritten = true;
    this.#put(home, node, "c", packVersion({ ...content, stamp: this.#stamp() }, node));
  }

  /** Sets an extended attribute, or without a value removes it. */
  setxattr(node: NodeId, name: string, value: Uint8Array | undefined, time: Time): void {
    const home = (this.#made.get(node) ?? this.#look(node))?.home;
    if (!home) return;
    this.#put(home, node, "x:" + name, packXattr({ stamp: this.#stamp(), value }, node));
    this.setattr(node, {}, time);
  }

  /** Marks a losing version as resolved, everywhere: its conflict file goes. */
  resolve(node: NodeId, version: VersionId): void {
    if (this.#dirtyNodes.has(node)) this.#settle();
    const { home } = this.#factsOf(node);
    if (home) this.#put(home, node, "r:" + version, packStamp(this.#stamp(), node));
  }

  /** Ends the batch. */
  commit(): Batch {
    this.#settle();
    const changes = new Map<DocId, Uint8Array>();
    for (const id of this.#open) {
      const change = this.#options.documents.get(id)?.commit();
      if (change) changes.set(id, change);
    }
    this.#open.clear();
    const updates = this.#updates;
    this.#updates = [];
    return { changes, updates };
  }

  /** Takes in changes from other copies, in whatever order and however often, as a batch of its own. */
  receive(incoming: ReadonlyMap<DocId, readonly Uint8Array[]>): Received {
    if (this.#open.size > 0) throw new Error("A batch is open: commit it before receiving");
    const { documents } = this.#options;
    const refused = new Map<DocId, string>();
    for (const [id, changes] of incoming) {
      try {
        if (parseDocId(id) === undefined) {
          throw new BadChange(`${JSON.stringify(id)} is no name of a document`);
        }
        const document = documents.get(id) ?? documents.create(id);
        for (const key of document.apply(changes)) this.#note(id, key);
      } catch (thrown) {
        if (!(thrown instanceof BadChange)) throw thrown;
        refused.set(id, thrown.message);
        if (documents.get(id)?.broken) documents.drop(id);
      }
    }
    return { ...this.commit(), refused };
  }

  /** Brings the index up to date after a document was put in another one's place, which had `keys` or has them now (`reroot`). */
  replaced(id: DocId, keys: Iterable<Key>): Updated {
    this.#settle();
    return this.#view.update(new Map([[id, keys]]));
  }

  /** Brings nodes up to date of which bytes were missing for a merge. */
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
    if (updated.newest > this.#clock && updated.newest - this.#clock <= CLOCK_JUMP_MAX) {
      this.#clock = updated.newest;
    }
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
    const candidates = facts.places.get(place.slot) ?? [];
    const counter = Math.min(Math.max(...candidates.map((edge) => edge.counter)) + 1, COUNTER_MAX);
    const there = candidates.find((edge) => edge.parent === to.parent);
    const moved = (edge: Edge): Edge => ({ ...edge, name: to.name, counter, removed: undefined });
    if (there) return this.#rewrite({ ...place, parent: to.parent }, facts, moved, time);
    const { directory } = place;
    const edge = { name: to.name, directory, counter, stamp: this.#stamp(), time };
    this.#putEdge(this.#placeFor(to.parent, to.name), place.node, place.slot, edge);
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
    this.resolve(node, versionId(version.stamp));
  }

  /** Versions that a new content would write over, and nobody meant to. */
  #overwritten(node: NodeId, base: readonly VersionId[] | undefined): Version[] {
    const { versions } = this.#factsOf(node);
    const losers = new Set(
      this.#options.index.edges(node).flatMap(({ version }) => version ? [versionId(version.stamp)] : []),
    );
    return versions.filter(({ stamp }) => {
      const id = versionId(stamp);
      return losers.has(id) || base !== undefined && !base.includes(id);
    });
  }

  #putLost(home: DocId, node: NodeId, version: Version): void {
    this.#put(home, node, "l:" + versionId(version.stamp), packVersion(version, node));
  }

  #putAttributes(node: NodeId, home: DocId, record: AttributesRecord): void {
    const packer = new Packer();
    packAttributes(packer, record, creatorOf(node));
    this.#put(home, node, "m", packer.take());
  }

  #putEdge(doc: DocId, node: NodeId, slot: Slot, edge: Edge): void {
    this.#put(doc, node, slot === "" ? "e" : "e:" + slot, packEdge(edge, node));
  }

  #put(doc: DocId, node: NodeId, part: string, value: Uint8Array): void {
    const { documents } = this.#options;
    const key = keyOf(node, part);
    (documents.get(doc) ?? documents.create(doc)).put(key, value);
    this.#open.add(doc);
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
