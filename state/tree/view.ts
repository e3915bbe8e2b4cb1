import { conflictNames, decide } from "./contention.ts";
import { LOST, type Position, settle } from "./cycles.ts";
import type { TreeDocument } from "./document.ts";
import { type Candidate, type Facts, FactsReader, type Problem, touchesOf } from "./facts.ts";
import { type DocId, type NodeId, ROOT } from "./id.ts";
import { type Key, keyOf, parseKey, TOUCHED_KEY } from "./key.ts";
import { baseOf } from "./content.ts";
import { directoryOf } from "./placement.ts";
import { packRecords, type Records, unpackRecords } from "./records.ts";
import { RowBuffer, sameRow } from "./row_buffer.ts";
import type { EdgeRow, NodeRow, RowChanges, TreeIndex } from "./rows.ts";
import {
  afterMerge,
  compareTouches,
  type Merger,
  type Place,
  shownAttributes,
  type Standing,
  standingOf,
} from "./standing.ts";

/** What an update did. */
export interface Updated {
  /** Already written to the index. */
  readonly rows: RowChanges;
  /** Records that were looked at and set aside. */
  readonly problems: readonly Problem[];
  /** The highest time in any record that was looked at. */
  readonly newest: number;
}

/**
 * Keeps the rows of the shown tree as documents change: a pure function of all documents, computed for what changed only. `shownTree` is the same function for all
 * at once.
 *
 * 1. Every node with a changed record: which of its edges holds, what is in it.
 * 2. Cycles of directories: which of them are somewhere else than they were moved to.
 * 3. What is alive: a removed directory is while something in it is, so this goes up.
 * 4. Names: directories of one name are one, so this goes down; of files of one name all but one get a conflict name.
 */
export class View {
  readonly #index: TreeIndex;
  readonly #document: (id: DocId) => TreeDocument | undefined;
  readonly #merge: Merger;

  constructor(index: TreeIndex, document: (id: DocId) => TreeDocument | undefined, merge: Merger) {
    this.#index = index;
    this.#document = document;
    this.#merge = merge;
  }

  /** Takes account of keys that may have other values than at the last update. */
  update(changed: ReadonlyMap<DocId, Iterable<Key>>, refresh: Iterable<NodeId> = []): Updated {
    const update = new Update(this.#index, this.#document, this.#merge);
    update.run(changed, refresh);
    const rows = update.rows.changes();
    this.#index.write(rows);
    return { rows, problems: update.problems, newest: update.newest };
  }
}

/** One update; the steps above are its methods, in their order. */
class Update {
  readonly rows: RowBuffer;
  readonly problems: Problem[] = [];
  newest = 0;
  readonly #document: (id: DocId) => TreeDocument | undefined;
  readonly #merge: Merger;
  readonly #facts = new Map<NodeId, Facts>();
  readonly #records = new Map<NodeId, Records>();
  readonly #emptied = new Set<NodeId>();
  /** Names in directories, by their own ids, whose rivals are to be decided between: `PARENT/NAME`. */
  readonly #contested = new Map<string, { parent: NodeId; name: string }>();
  /** Shown directories in which conflict names may be others. */
  readonly #renamed = new Set<NodeId>();

  constructor(index: TreeIndex, document: (id: DocId) => TreeDocument | undefined, merge: Merger) {
    this.rows = new RowBuffer(index);
    this.#document = document;
    this.#merge = merge;
  }

  run(changed: ReadonlyMap<DocId, Iterable<Key>>, refresh: Iterable<NodeId>): void {
    const nodes = new Set<NodeId>(refresh);
    for (const [id, keys] of changed) {
      const document = this.#document(id);
      if (document) this.#read(document, keys, nodes);
    }
    const positions = this.#settle(nodes);
    for (const node of positions.keys()) nodes.add(node);
    for (const node of nodes) this.#stand(node, positions.get(node));
    this.#revive();
    this.#name();
    this.#nameLosers();
  }

  /** Which nodes the keys are of, and which records there are. */
  #read(document: TreeDocument, keys: Iterable<Key>, nodes: Set<NodeId>): void {
    const directory = directoryOf(document.id);
    const touching: { key: Key; node: NodeId | undefined }[] = [];
    for (const key of keys) {
      if (key === TOUCHED_KEY) {
        touching.push({ key, node: undefined });
        nodes.add(directory);
        continue;
      }
      const parts = parseKey(key);
      if (!parts) {
        this.problems.push({ doc: document.id, key, reason: "A key is none that this program sets" });
        continue;
      }
      nodes.add(parts.node);
      const records = this.#recordsOf(parts.node);
      const known = records.get(document.id);
      if (known) known.add(parts.part);
      else records.set(document.id, new Set([parts.part]));
      if (parts.kind === "edge") touching.push({ key, node: parts.node });
    }
    if (touching.length > 0) this.#touch(document, directory, touching, nodes);
  }

  /** A directory's time is that of the newest change of its names, of those that the documents still tell of. */
  #touch(
    document: TreeDocument,
    directory: NodeId,
    touching: readonly { key: Key; node: NodeId | undefined }[],
    nodes: Set<NodeId>,
  ): void {
    const row = this.#row(directory);
    let touched = row.touched;
    // The key that the time came from tells something else now: then every other may be the newest.
    if (touched?.doc === document.id && touching.some(({ key }) => key === touched?.key)) touched = undefined;
    const all = touched === undefined && row.touched !== undefined ? this.#allTouching(directory) : undefined;
    const newest = (from: TreeDocument, { key, node }: { key: Key; node: NodeId | undefined }) => {
      for (const touch of touchesOf(from, key, node)) {
        if (!touched || compareTouches(touch, touched) > 0) touched = { ...touch, doc: from.id, key };
      }
    };
    for (const each of touching) newest(document, each);
    // Honest copies only ever write something newer, and need not look further.
    if (all && row.touched && (!touched || compareTouches(touched, row.touched) < 0)) {
      for (const { from, key, node } of all()) newest(from, { key, node });
    }
    if (touched === row.touched) return;
    this.rows.setNode({ ...row, touched });
    nodes.add(directory);
  }

  #allTouching(
    directory: NodeId,
  ): () => Iterable<{ from: TreeDocument; key: Key; node: NodeId | undefined }> {
    const shards = this.#shardsOf.bind(this);
    return function* () {
      for (const from of shards(directory)) {
        for (const key of from.keys()) {
          const parts = parseKey(key);
          if (parts?.kind === "edge") yield { from, key, node: parts.node };
          else if (key === TOUCHED_KEY) yield { from, key, node: undefined };
        }
      }
    };
  }

  /** All documents of a directory that are here: a shard is only there where the one above it is. */
  *#shardsOf(directory: NodeId): Iterable<TreeDocument> {
    const open = [directory as string];
    for (let id = open.pop(); id !== undefined; id = open.pop()) {
      const document = this.#document(id as DocId);
      if (!document) continue;
      yield document;
      if (id.length - directory.length > 6) continue;
      const stem = id === directory ? id + "." : id;
      for (let digit = 0; digit < 16; digit++) open.push(stem + digit.toString(16));
    }
  }

  #settle(nodes: ReadonlySet<NodeId>): Map<NodeId, Position> {
    const moved = new Set<NodeId>();
    for (const node of this.rows.displaced()) if (this.#candidates(node)[0]?.directory) moved.add(node);
    for (const node of nodes) {
      const candidate = this.#candidates(node)[0];
      if (!candidate?.directory) continue;
      const row = this.#placeRow(node);
      if (!row?.directory || row.displaced || row.parent !== candidate.parent) moved.add(node);
    }
    return settle(moved, {
      parentOf: (node) => {
        const place = this.#facts.has(node) ? this.#candidates(node)[0] : this.#placeRow(node);
        return place?.directory ? place.parent : undefined;
      },
      candidates: (node) => this.#candidates(node),
    });
  }

  #placeRow(node: NodeId): EdgeRow | undefined {
    return this.rows.edges(node).find((row) => row.slot === "" && !row.version);
  }

  #candidates(node: NodeId): readonly Candidate[] {
    return this.#factsOf(node).places.get("") ?? [];
  }

  /** Writes a node's rows, and notes which names and directories that is of interest to. */
  #stand(node: NodeId, position: Position | undefined): void {
    const facts = this.#factsOf(node);
    const held = position === undefined ? undefined : this.#held(facts, position);
    let standing = standingOf(facts, held);
    if (standing.sides.length > 0) standing = this.#merged(facts, standing);
    const row = this.#row(node);
    const displaced = position !== undefined && position !== 0;
    const places = new Set<EdgeRow>();
    for (const place of standing.places) places.add(this.#place(place, row, displaced, facts));
    for (const version of standing.losers) {
      const beside = standing.beside as Place;
      places.add({
        ...this.#place(beside, row, false, facts),
        version,
        removed: false,
        alive: true,
        conflict: true,
      });
    }
    this.#replace(node, [...places]);
    this.#countNames(node);
    // What is no directory any more is not part of another either.
    if (!standing.places.some(({ edge }) => edge.directory)) this.#alias(node, undefined);
    const attributes = shownAttributes(facts, standing, attributesTouch(row, facts));
    this.rows.setNode({
      ...this.#row(node),
      records: packRecords(this.#recordsOf(node)),
      home: facts.home,
      attributes,
      content: standing.content,
      kept: keptBy(facts, standing),
      xattrs: facts.xattrs,
    });
  }

  #held(facts: Facts, position: Position): Candidate | undefined {
    const candidates = facts.places.get("") ?? [];
    return position === LOST ? { ...candidates[0], parent: ROOT } : candidates[position];
  }

  #merged(facts: Facts, standing: Standing): Standing {
    const { node } = facts;
    const { sides } = standing;
    const base = baseOf(sides);
    const merged = base === "nothing" ? "unmergeable" : this.#merge({ node, base, sides });
    return afterMerge(standing, merged);
  }

  #place(place: Place, node: NodeRow, displaced: boolean, facts: Facts): EdgeRow {
    const { slot, edge } = place;
    return {
      node: facts.node,
      slot,
      version: undefined,
      parent: edge.parent,
      name: edge.name,
      counter: edge.counter,
      author: edge.stamp.author,
      directory: edge.directory,
      removed: edge.removed !== undefined,
      displaced,
      alive: place.alive || facts.attributes !== undefined && edge.directory && (displaced || node.shows > 0),
      shown: undefined,
      conflict: false,
    };
  }

  /** Puts a node's rows in place of those that it had. Where a row is shown stays until names are decided. */
  #replace(node: NodeId, rows: readonly EdgeRow[]): void {
    const before = this.rows.edges(node);
    for (const old of before) {
      if (!rows.some((row) => isSamePlace(row, old))) {
        this.rows.removeEdge(old);
        this.#left(old);
      }
    }
    for (const row of rows) {
      const old = before.find((other) => isSamePlace(row, other));
      const stays = old?.parent === row.parent && old.name === row.name;
      const next = old && stays ? { ...row, shown: old.shown, conflict: old.conflict } : row;
      if (old && sameRow(old, next)) continue;
      this.rows.setEdge(next);
      if (old) this.#left(old);
      if (next.alive) this.#came(next);
      else this.#contest(next.parent, next.name);
    }
  }

  #came(row: EdgeRow): void {
    this.#count(row.parent, 1);
    this.#contest(row.parent, row.name);
  }

  #left(row: EdgeRow): void {
    if (row.alive) this.#count(row.parent, -1);
    this.#contest(row.parent, row.name);
    if (row.conflict && row.shown) this.#renamed.add(row.shown.parent);
  }

  #count(directory: NodeId, difference: number): void {
    const row = this.#row(directory);
    const shows = row.shows + difference;
    this.rows.setNode({ ...row, shows });
    if ((row.shows === 0) !== (shows === 0)) this.#emptied.add(directory);
  }

  #contest(parent: NodeId, name: string): void {
    this.#contested.set(parent + "/" + name, { parent, name });
  }

  /** Directories that were removed are alive while something in them is. */
  #revive(): void {
    for (const directory of this.#emptied) {
      this.#emptied.delete(directory);
      const row = this.#placeRow(directory);
      if (!row || !row.directory) continue;
      const { shows, attributes } = this.#row(directory);
      const alive = attributes !== undefined && (!row.removed || row.displaced || shows > 0);
      if (alive === row.alive) continue;
      const next = { ...row, alive };
      this.rows.setEdge(next);
      this.#left(row);
      if (alive) this.#came(next);
      this.#countNames(directory);
    }
  }

  /** Decides between all that have one name in a shown directory. */
  #name(): void {
    for (const [key, { parent, name }] of this.#contested) {
      this.#contested.delete(key);
      const shownIn = this.#shownAs(parent);
      const rows = this.#named(shownIn, name);
      const { directories, winner, losers } = decide(rows.filter((row) => row.alive && !row.version));
      const here = { parent: shownIn, name };
      directories.forEach((row, i) => {
        this.#show(row, i === 0 ? here : undefined, false);
        this.#alias(row.node, i === 0 ? undefined : directories[0].node);
      });
      if (winner) this.#show(winner, here, false);
      for (const row of losers) this.#lose(row, shownIn);
      for (const row of rows) {
        if (row.version) this.#lose(row, shownIn);
        else if (!row.alive) {
          this.#show(row, undefined, false);
          if (row.directory) this.#alias(row.node, undefined);
        }
      }
      // A name that somebody has for its own is no longer free for a loser, or is again.
      if (!this.#renamed.has(shownIn) && this.rows.conflicts(shownIn).length > 0) this.#renamed.add(shownIn);
    }
  }

  #shownAs(directory: NodeId): NodeId {
    return this.rows.node(directory)?.alias ?? directory;
  }

  #named(shownIn: NodeId, name: string): EdgeRow[] {
    const rows = this.rows.named(shownIn, name);
    for (const member of this.rows.aliases(shownIn)) rows.push(...this.rows.named(member, name));
    return rows;
  }

  #show(row: EdgeRow, shown: EdgeRow["shown"], conflict: boolean): void {
    if (row.conflict && row.shown) this.#renamed.add(row.shown.parent);
    const next = { ...row, shown, conflict };
    if (!sameRow(row, next)) this.rows.setEdge(next);
  }

  /** Its name comes last of all, when it is known which are free. */
  #lose(row: EdgeRow, parent: NodeId): void {
    if (row.conflict && row.shown?.parent === parent) return void this.#renamed.add(parent);
    this.#show(row, { parent, name: row.name }, true);
    this.#renamed.add(parent);
  }

  /** A directory that becomes part of another, or stops being so, takes along all that is in it. */
  #alias(directory: NodeId, alias: NodeId | undefined): void {
    const row = this.#row(directory);
    if (row.alias === alias) return;
    this.#renamed.add(this.#shownAs(directory)).add(alias ?? directory);
    for (const { name } of this.rows.inside(directory)) {
      // What stays behind is decided on anew too.
      if (row.alias !== undefined) this.#contest(row.alias, name);
      this.#contest(directory, name);
    }
    this.rows.setNode({ ...row, alias });
  }

  #nameLosers(): void {
    for (const parent of this.#renamed) {
      const losers = this.rows.conflicts(parent);
      if (losers.length === 0) continue;
      const isTaken = (name: string) =>
        this.#named(parent, name).some((row) => row.alive && !row.version && !row.conflict);
      for (const [row, name] of conflictNames(losers, isTaken)) this.#show(row, { parent, name }, true);
    }
  }

  #countNames(node: NodeId): void {
    const row = this.#row(node);
    let nlink = 0;
    for (const edge of this.rows.edges(node)) if (edge.alive && !edge.version) nlink++;
    if (nlink !== row.nlink) this.rows.setNode({ ...row, nlink });
  }

  #factsOf(node: NodeId): Facts {
    const known = this.#facts.get(node);
    if (known) return known;
    const reader = new FactsReader(node, this.problems);
    for (const [doc, parts] of this.#recordsOf(node)) {
      const document = this.#document(doc);
      if (!document) continue;
      for (const part of parts) {
        const key = keyOf(node, part);
        const known = parseKey(key);
        const values = document.get(key);
        // A document that was re-rooted may no longer have it.
        if (values.length === 0) parts.delete(part);
        else if (known) reader.add(doc, known, values);
      }
      if (parts.size === 0) this.#recordsOf(node).delete(doc);
    }
    const facts = reader.facts();
    this.newest = Math.max(this.newest, facts.newest);
    this.#facts.set(node, facts);
    return facts;
  }

  #recordsOf(node: NodeId): Records {
    let records = this.#records.get(node);
    if (!records) this.#records.set(node, records = unpackRecords(this.rows.node(node)?.records ?? ""));
    return records;
  }

  #row(node: NodeId): NodeRow {
    return this.rows.node(node) ?? {
      id: node,
      records: "",
      home: undefined,
      attributes: undefined,
      content: undefined,
      kept: NOTHING,
      xattrs: NO_XATTRS,
      nlink: 0,
      shows: 0,
      alias: undefined,
      touched: undefined,
    };
  }
}

const NO_XATTRS: ReadonlyMap<string, Uint8Array> = new Map();
const NOTHING: NodeRow["kept"] = [];

/**
 * Every copy must be able to merge what it merged before, and what another side is still to come to. What nothing shows is back where another copy gave the file a name
 * or moved it before it heard of the removal.
 */
function keptBy({ versions, lost }: Facts, { places, content, losers }: Standing): NodeRow["kept"] {
  const bases = versions.flatMap((version) => version.bases ?? []);
  const isShown = places.some(({ alive }) => alive);
  const hidden = [...versions, ...lost].filter((version) =>
    !isShown || versions.length > 1 || version !== content && !losers.includes(version)
  );
  const kept = [...hidden, ...bases];
  return kept.length > 0 ? kept.map(({ size, descriptor }) => ({ size, descriptor })) : NOTHING;
}

function isSamePlace(a: EdgeRow, b: EdgeRow): boolean {
  return a.slot === b.slot && a.version?.stamp.at === b.version?.stamp.at &&
    a.version?.stamp.author === b.version?.stamp.author;
}

function attributesTouch(row: NodeRow, facts: Facts): NodeRow["touched"] {
  return facts.attributes?.kind === "directory" ? row.touched : undefined;
}
