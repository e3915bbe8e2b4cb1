import { mergeAttributes } from "./attributes.ts";
import type { Time } from "./bytes.ts";
import { packVersion, type Version } from "./content.ts";
import { COUNTER_MAX, type Edge, type Removed } from "./edge.ts";
import { type Candidate, type Facts, seenIn } from "./facts.ts";
import type { NodeId } from "./id.ts";
import { keyOf, TOUCHED_KEY } from "./key.ts";
import type { KeyWriter } from "./key_writer.ts";
import type { At, NodeWriter } from "./node_writer.ts";
import { documentOf } from "./placement.ts";
import type { EdgeRow } from "./rows.ts";
import { packStamp, packTouch } from "./small_records.ts";
import { versionId } from "./stamp.ts";

/** Gives, moves and takes names of nodes, as they are shown: conflict files are names as well, and directories that are shown as one go together. */
export class NameWriter {
  readonly #keys: KeyWriter;
  readonly #nodes: NodeWriter;
  readonly #newNode: () => NodeId;

  /** `newNode`: an id that was never used. */
  constructor(keys: KeyWriter, nodes: NodeWriter, newNode: () => NodeId) {
    this.#keys = keys;
    this.#nodes = nodes;
    this.#newNode = newNode;
  }

  link({ node, parent, name }: At, time: Time): void {
    this.#keys.settleNode(node);
    const back = this.#keys.index.edges(node).find((row) => !row.version && row.removed && row.alive);
    if (back) this.#move(back, { parent: back.parent, name: back.shown?.name ?? back.name }, time);
    const slot = this.#newNode();
    const edge = { name, directory: false, counter: 1, stamp: this.#keys.stamp(), time };
    this.#keys.putEdge(this.#keys.placeFor(parent, name), node, slot, edge);
  }

  unlink(at: At, time: Time): void {
    this.#keys.settle();
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
      const facts = this.#keys.factsOf(place.node);
      const kept = this.#keys.index.edges(place.node).flatMap(({ version }) =>
        version ? [version.stamp] : []
      );
      const keptIds = new Set(kept.map(versionId));
      const seen = [...facts.versions, ...facts.lost].map(({ stamp }) => stamp)
        .filter((stamp) => !keptIds.has(versionId(stamp)));
      const others = this.#keys.index.edges(place.node).some((other) =>
        other.alive && other.slot !== place.slot
      );
      this.#remove(place, facts, { seen, kept, others }, time);
      // As in POSIX, it is a change of the file that it has one name less.
      if (others) this.#nodes.setattr(place.node, {}, time);
    }
    // Its own edge may be in another directory that is shown as one with it.
    if (row.parent !== at.parent) this.#touch(at.parent, time);
  }

  rename(at: At, to: { readonly parent: NodeId; readonly name: string }, time: Time): void {
    this.#keys.settle();
    const row = this.#rowAt(at);
    if (!row) return;
    if (row.version) return this.#adopt(at.node, row.version, to, time);
    this.#settleRivals(row, time);
    this.#confirm(row.parent, time);
    for (const place of this.#placesOf(row)) this.#move(place, to, time);
    if (to.parent !== at.parent) this.#touch(at.parent, time);
  }

  /** The row that a name is shown by; for one that is no longer shown so, a place of the node that comes nearest. */
  #rowAt({ node, parent, name }: At): EdgeRow | undefined {
    const rows = this.#keys.index.edges(node);
    return rows.find(({ shown }) => shown?.parent === parent && shown.name === name) ??
      rows.find((row) => !row.version && row.alive && row.name === name) ??
      rows.find((row) => !row.version && row.alive) ?? rows.find((row) => !row.version);
  }

  /** A place, and those of all directories that are shown as one with it. */
  #placesOf(row: EdgeRow): EdgeRow[] {
    if (!row.directory) return [row];
    const { index } = this.#keys;
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
    for (const rival of this.#keys.index.conflicts(row.shown.parent)) {
      if (rival.version || rival.name !== row.name || !rival.shown) continue;
      this.#move(rival, { parent: rival.parent, name: rival.shown.name }, time);
    }
  }

  /**
   * A directory that is somewhere else than it was moved to, so that none is in itself, would go there when one of those that it would be in is removed, and bring that back. So it is
   * moved to where it is. Whether there were any.
   */
  #settleDisplaced(time: Time): boolean {
    const { index } = this.#keys;
    const rows = index.displaced().flatMap((node) => index.edges(node).filter((row) => row.displaced));
    for (const row of rows) this.#move(row, { parent: row.parent, name: row.shown?.name ?? row.name }, time);
    this.#keys.settle();
    return rows.length > 0;
  }

  /**
   * A directory that was removed elsewhere and is back for what is in it would go, by itself, with the last of that, and `rm -r` would miss it. Whoever works in it has
   * it back for good.
   */
  #confirm(directory: NodeId, time: Time): void {
    const backAt = (node: NodeId) => this.#keys.index.edges(node).find((edge) => edge.removed && edge.alive);
    for (let row = backAt(directory); row; row = backAt(row.parent)) this.#move(row, row, time);
  }

  #move(place: EdgeRow, to: { readonly parent: NodeId; readonly name: string }, time: Time): void {
    const facts = this.#keys.factsOf(place.node);
    if (place.removed && place.alive && !place.directory) this.#keep(facts);
    const candidates = facts.places.get(place.slot) ?? [];
    const counter = counterAbove(candidates);
    const there = candidates.find((edge) => edge.parent === to.parent);
    const moved = (edge: Edge): Edge => ({ ...edge, name: to.name, counter, removed: undefined });
    if (there) return this.#rewrite({ ...place, parent: to.parent }, facts, moved, time);
    const { directory } = place;
    const edge = { name: to.name, directory, counter, stamp: this.#keys.stamp(), time };
    this.#keys.putEdge(this.#keys.placeFor(to.parent, to.name), place.node, place.slot, edge);
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
      this.#keys.put(home, node, "r:" + versionId(stamp), packStamp(this.#keys.stamp(), node));
    }
    for (const version of kept) if (versions.includes(version)) this.#keys.putLost(home, node, version);
    if (unseen.versions.length > 0) return;
    // One that had lost is the contents now. It is the same version still, so that copies that do this apart agree.
    const [version] = unseen.lost;
    if (version === undefined) return;
    this.#keys.put(home, node, "c", packVersion(version, node));
    this.#keys.set(home, keyOf(node, "l:" + versionId(version.stamp)), undefined, node);
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
    const row = this.#keys.index.edges(node).find((each) =>
      each.version && versionId(each.version.stamp) === version
    );
    const { home } = this.#keys.factsOf(node);
    if (home) this.#keys.put(home, node, "r:" + version, packStamp(this.#keys.stamp(), node));
    if (row?.shown) this.#touch(row.shown.parent, time);
  }

  /** A name went from a directory by what was just set, and no edge of the directory tells. */
  #touch(directory: NodeId, time: Time): void {
    const stamp = this.#keys.lastStamp();
    this.#keys.set(documentOf(directory), TOUCHED_KEY, packTouch({ stamp, time }, directory), directory);
  }

  /** Sets the edge of a place again in the document that it is in, with the attributes that it may hold. */
  #rewrite({ node, slot, parent }: EdgeRow, facts: Facts, change: (edge: Edge) => Edge, time: Time): void {
    const candidates = (facts.places.get(slot) ?? []).filter((edge) => edge.parent === parent);
    const held: Candidate | undefined = candidates[0];
    if (!held) return;
    const attributes = mergeAttributes(
      candidates.flatMap((edge) => edge.doc === held.doc && edge.attributes ? [edge.attributes] : []),
    );
    this.#keys.putEdge(
      held.doc,
      node,
      slot,
      change({ ...held, stamp: this.#keys.stamp(), time, attributes }),
    );
  }

  /** A conflict file that is moved is a file of its own from then on. */
  #adopt(
    node: NodeId,
    version: Version,
    to: { readonly parent: NodeId; readonly name: string },
    time: Time,
  ): void {
    const { attributes } = this.#keys.factsOf(node);
    if (!attributes) return;
    const { mtime } = version;
    this.#nodes.create({ node: this.#newNode(), ...to }, { ...attributes, mtime, ctime: time }, version);
    this.#resolve(node, version, time);
  }
}

function counterAbove(edges: readonly Candidate[]): number {
  return Math.min(Math.max(...edges.map(({ counter }) => counter)) + 1, COUNTER_MAX);
}
