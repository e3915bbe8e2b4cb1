import { type AttributesRecord, mergeAttributes, unpackAttributes } from "./attributes.ts";
import { Malformed, Unpacker } from "./bytes.ts";
import { unpackVersion, type Version } from "./content.ts";
import type { TreeDocument } from "./document.ts";
import { type Edge, unpackEdge } from "./edge.ts";
import { payloadOf } from "./dot.ts";
import { creatorOf, type DocId, type NodeId, ROOT } from "./id.ts";
import { type Key, keyOf, type KeyParts, type Slot } from "./key.ts";
import { directoryOf } from "./placement.ts";
import { type Touch, unpackStamp, unpackTouch, unpackXattr, type Xattr } from "./small_records.ts";
import { compareBytes, compareStamps, compareText, type Stamp, type VersionId, versionId } from "./stamp.ts";

/** Everything that the documents say of one node, taken apart, with what is malformed set aside. Nothing of it depends on order. */
export interface Facts {
  readonly node: NodeId;
  /** The document that its attributes are in; undefined until that is here. */
  readonly home: DocId | undefined;
  readonly attributes: AttributesRecord | undefined;
  /** For each of its names the edges, the one that holds first. */
  readonly places: ReadonlyMap<Slot, readonly Candidate[]>;
  /** The contents that stand next to each other, without those that are resolved or lost before, the winner first. */
  readonly versions: readonly Version[];
  /** Contents that lost before and are not resolved, the newest first. */
  readonly lost: readonly Version[];
  readonly xattrs: ReadonlyMap<string, Uint8Array>;
  /** The highest time in any of its records: what is written next is later. */
  readonly newest: number;
}

/** One edge among several of one place. */
export interface Candidate extends Edge {
  readonly parent: NodeId;
  readonly doc: DocId;
}

/** A record that came from outside and is none: it counts as if it were not there, on every copy alike. */
export interface Problem {
  readonly doc: DocId;
  readonly key: Key;
  readonly reason: string;
}

/**
 * A counter may be so much above the next lower one of its place, and the lowest may be COUNTER_BASE_MAX. Honest copies count by ones; a copy that
 * jumps as far as it can leaves room for 2^16 such jumps, each of which takes an edge that it must leave standing.
 */
export const COUNTER_JUMP_MAX = 2 ** 32;
export const COUNTER_BASE_MAX = 2 ** 40;

/** Collects the records of one node out of documents. */
export class FactsReader {
  readonly #node: NodeId;
  readonly #problems: Problem[];
  readonly #places = new Map<Slot, Candidate[]>();
  readonly #attributes: { record: AttributesRecord; doc: DocId }[] = [];
  readonly #versions: Version[] = [];
  readonly #lost: Version[] = [];
  readonly #resolved = new Set<VersionId>();
  readonly #xattrs = new Map<string, Xattr>();
  #newest = 0;

  /** What is set aside is added to `problems`. */
  constructor(node: NodeId, problems: Problem[]) {
    this.#node = node;
    this.#problems = problems;
  }

  /** Takes in the values of one key of a document. */
  add(doc: DocId, parts: KeyParts, values: readonly Uint8Array[]): void {
    for (const value of values) {
      try {
        this.#add(doc, parts, payloadOf(value, this.#node));
      } catch (thrown) {
        if (!(thrown instanceof Malformed)) throw thrown;
        this.#setAside(doc, keyOf(this.#node, parts.part), thrown.message);
      }
    }
  }

  facts(): Facts {
    const attributes = mergeAttributes(this.#attributes.map(({ record }) => record));
    const places = new Map<Slot, Candidate[]>();
    for (const [slot, edges] of this.#places) {
      const candidates = this.#withoutJumps(slot, edges.filter((edge) => this.#fits(slot, edge, attributes)));
      if (candidates.length > 0) places.set(slot, candidates.sort(compareCandidates));
    }
    const home = this.#attributes.map(({ doc }) => doc).sort(compareText)[0];
    const versions = distinct(this.#versions);
    const lost = distinct(this.#lost).filter(({ stamp }) => !this.#resolved.has(versionId(stamp)));
    const lostIds = new Set(lost.map(({ stamp }) => versionId(stamp)));
    const standing = versions.filter(({ stamp }) =>
      !this.#resolved.has(versionId(stamp)) && !lostIds.has(versionId(stamp))
    );
    const shown = standing.length > 0 ? standing : versions.slice(0, 1);
    const xattrs = new Map<string, Uint8Array>();
    for (const name of [...this.#xattrs.keys()].sort(compareText)) {
      const value = this.#xattrs.get(name)?.value;
      if (value) xattrs.set(name, value);
    }
    return {
      node: this.#node,
      home,
      attributes,
      places,
      versions: shown,
      lost: lost.filter(({ stamp }) => shown.every((other) => compareStamps(stamp, other.stamp) !== 0)),
      xattrs,
      newest: this.#newest,
    };
  }

  #add(doc: DocId, parts: KeyParts, bytes: Uint8Array): void {
    const node = this.#node;
    switch (parts.kind) {
      case "edge": {
        const edge = { ...unpackEdge(bytes, node), doc, parent: directoryOf(doc) };
        if (edge.directory && parts.slot !== "") throw new Malformed("A directory has a second name");
        if (node === ROOT) throw new Malformed("The root is in a directory");
        this.#see(edge.stamp);
        const edges = this.#places.get(parts.slot);
        if (edges) edges.push(edge);
        else this.#places.set(parts.slot, [edge]);
        if (edge.attributes) {
          this.#see(edge.attributes.stamp);
          this.#attributes.push({ record: edge.attributes, doc });
        }
        return;
      }
      case "attributes": {
        const unpacker = new Unpacker(bytes);
        const record = unpackAttributes(unpacker, creatorOf(node));
        unpacker.end();
        if (node === ROOT && record.kind !== "directory") throw new Malformed("The root is no directory");
        this.#see(record.stamp);
        this.#attributes.push({ record, doc });
        return;
      }
      case "content": {
        const version = unpackVersion(bytes, node);
        this.#see(version.stamp);
        this.#versions.push(version);
        return;
      }
      case "lost": {
        const version = unpackVersion(bytes, node);
        if (versionId(version.stamp) !== parts.version) {
          throw new Malformed("A lost content is under another one's key");
        }
        this.#lost.push(version);
        return;
      }
      case "resolved":
        this.#see(unpackStamp(bytes, node));
        this.#resolved.add(parts.version);
        return;
      case "xattr": {
        const xattr = unpackXattr(bytes, node);
        this.#see(xattr.stamp);
        const other = this.#xattrs.get(parts.name);
        if (!other || compareXattrs(xattr, other) > 0) this.#xattrs.set(parts.name, xattr);
        return;
      }
    }
  }

  #fits(slot: Slot, edge: Candidate, attributes: AttributesRecord | undefined): boolean {
    if (!attributes || edge.directory === (attributes.kind === "directory")) return true;
    this.#setAside(
      edge.doc,
      keyOf(this.#node, partOf(slot)),
      `An edge takes a ${attributes.kind} for something else`,
    );
    return false;
  }

  #withoutJumps(slot: Slot, edges: Candidate[]): Candidate[] {
    if (edges.length === 1 && edges[0].counter <= COUNTER_JUMP_MAX) return edges;
    edges.sort((a, b) => a.counter - b.counter);
    let limit = COUNTER_BASE_MAX;
    const end = edges.findIndex(({ counter }) => {
      if (counter > limit) return true;
      limit = counter + COUNTER_JUMP_MAX;
      return false;
    });
    if (end < 0) return edges;
    for (const edge of edges.slice(end)) {
      const reason = `A counter jumps to ${edge.counter}, and at most to ${limit}`;
      this.#setAside(edge.doc, keyOf(this.#node, partOf(slot)), reason);
    }
    return edges.slice(0, end);
  }

  #see({ at }: Stamp): void {
    if (at > this.#newest) this.#newest = at;
  }

  #setAside(doc: DocId, key: Key, reason: string): void {
    this.#problems.push({ doc, key, reason });
  }
}

function partOf(slot: Slot): string {
  return slot === "" ? "e" : "e:" + slot;
}

/**
 * Which of two edges of one place holds: the one with the higher (counter, author) comes first. With one counter, an edge that is there comes before one that was
 * removed: then somebody moved the file who did not know that it was removed.
 */
export function compareCandidates(a: Candidate, b: Candidate): number {
  return b.counter - a.counter || (a.removed ? 1 : 0) - (b.removed ? 1 : 0) ||
    compareText(b.stamp.author, a.stamp.author) || compareStamps(b.stamp, a.stamp) ||
    compareText(a.parent, b.parent) || compareText(a.name, b.name) || compareText(a.doc, b.doc);
}

/** Newest first. Of two with one stamp, which only a copy that lies makes, the one with the lower bytes is not there. */
function distinct(versions: readonly Version[]): Version[] {
  if (versions.length < 2) return [...versions];
  const sorted = [...versions].sort((a, b) =>
    compareStamps(b.stamp, a.stamp) || compareBytes(b.descriptor, a.descriptor) || b.size - a.size ||
    Number(b.text) - Number(a.text) || b.mtime.sec - a.mtime.sec || b.mtime.nsec - a.mtime.nsec
  );
  return sorted.filter((version, i) => i === 0 || compareStamps(version.stamp, sorted[i - 1].stamp) !== 0);
}

function compareXattrs(a: Xattr, b: Xattr): number {
  const empty = new Uint8Array();
  return compareStamps(a.stamp, b.stamp) || compareBytes(a.value ?? empty, b.value ?? empty) ||
    Number(a.value !== undefined) - Number(b.value !== undefined);
}

/** The changes of a directory's names that a key of its document tells of. What is malformed is left to FactsReader to name. */
export function touchesOf(document: TreeDocument, key: Key, node: NodeId | undefined): Touch[] {
  const touches: Touch[] = [];
  const directory = directoryOf(document.id);
  for (const value of document.get(key)) {
    try {
      const payload = payloadOf(value, node ?? directory);
      if (node === undefined) touches.push(unpackTouch(payload, directory));
      else {
        const { stamp, time } = unpackEdge(payload, node);
        touches.push({ stamp, time });
      }
    } catch (thrown) {
      if (!(thrown instanceof Malformed)) throw thrown;
    }
  }
  return touches;
}

/** Contents by what those who removed names of the node had seen of them. */
export interface Seen {
  /** Not seen: what brings the file back where it has no other name. */
  readonly unseen: Pick<Facts, "versions" | "lost">;
  /** Seen, and left as conflict files. */
  readonly kept: readonly Version[];
  /** Seen, and gone with the name. */
  readonly gone: readonly Version[];
}

export function seenIn({ places, versions, lost }: Facts): Seen {
  const [all, kept] = [[...versions, ...lost], new Set<VersionId>()];
  /** Seen with the last name, and with each of the names. */
  const [atLast, ofPlaces] = [new Set<VersionId>(), [] as Set<VersionId>[]];
  for (const edges of places.values()) {
    const seen = new Set<VersionId>();
    for (const { removed, counter } of edges) {
      for (const stamp of removed?.seen ?? []) {
        if (!removed!.others) atLast.add(versionId(stamp));
        // One that somebody moved meanwhile was there still, and others left theirs to it.
        else if (counter === edges[0].counter) seen.add(versionId(stamp));
      }
      for (const stamp of removed?.kept ?? []) kept.add(versionId(stamp));
    }
    ofPlaces.push(seen);
  }
  const isGone = ({ stamp }: Version) => {
    const id = versionId(stamp);
    return atLast.has(id) || ofPlaces.every((seen) => seen.has(id));
  };
  const isKept = (version: Version) => kept.has(versionId(version.stamp)) && !isGone(version);
  const isUnseen = (version: Version) => !isGone(version) && !isKept(version);
  return {
    unseen: { versions: versions.filter(isUnseen), lost: lost.filter(isUnseen) },
    kept: all.filter(isKept),
    gone: all.filter(isGone),
  };
}
