import { type AttributesRecord, packAttributes, unpackAttributes } from "./attributes.ts";
import { Packer, Unpacker } from "./bytes.ts";
import { packVersion, unpackVersion } from "./content.ts";
import { packEdge, unpackEdge } from "./edge.ts";
import { type Author, creatorOf, type DocId, type NodeId, nodeId, numberOf } from "./id.ts";
import { type Key, keyOf, parseKey, type Slot, TOUCHED_KEY } from "./key.ts";
import { directoryOf } from "./placement.ts";
import type { Put } from "./puts.ts";
import { packStamp, packTouch, packXattr, unpackStamp, unpackTouch, unpackXattr } from "./small_records.ts";
import { parseVersionId, type Stamp, type VersionId, versionId } from "./stamp.ts";

/** What an author made from some record on, under the name that it gets: two copies wrote as that author from there. */
export interface Branch {
  readonly to: Author;
  /** Stamps above this one are of it. */
  clock: number | undefined;
  /** Ids of nodes and of further names that were made in it; those that are not were there before. */
  readonly made: Map<NodeId, boolean>;
}

/** Gives names of their own to what authors made on a branch of their records: nodes, names and versions. */
export class Renaming {
  readonly #branches = new Map<Author, Branch>();

  branch(author: Author, to: Author): void {
    this.#branches.set(author, { to, clock: undefined, made: new Map() });
  }

  /**
   * Learns from a record of a branch what was made in it. Records are to come in order, the first of the branch first. A node that was made in a record is set there with
   * the attributes that it was made with, which nobody sets again. Where it cannot be told, as of a further name that was moved, it counts as made: then both are there.
   */
  learn(author: Author, changes: Iterable<readonly [DocId, readonly Put[]]>): void {
    const branch = this.#branches.get(author);
    if (branch === undefined) return;
    const all = [...changes].flatMap(([doc, puts]) => puts.map((put) => ({ doc, ...put })));
    if (branch.clock === undefined) {
      const own = all.flatMap(({ doc, key, payload }) => payload ? stampOf(doc, key, payload) ?? [] : [])
        .filter((stamp) => stamp.author === author).map(({ at }) => at);
      if (own.length > 0) branch.clock = own.reduce((a, b) => Math.min(a, b)) - 1;
    }
    const mentioned = new Map<NodeId, boolean>();
    const mention = (id: NodeId, isMade: boolean) => {
      if (creatorOf(id) === author) mentioned.set(id, isMade || (mentioned.get(id) ?? false));
    };
    for (const { doc, key, payload } of all) {
      mention(directoryOf(doc), false);
      const parts = parseKey(key);
      if (parts === undefined) continue;
      if (parts.kind !== "edge" || payload === undefined) {
        mention(parts.node, false);
        continue;
      }
      const { attributes, removed } = unpackEdge(payload, parts.node);
      mention(parts.node, attributes !== undefined && isAbove(attributes, author, branch.clock ?? 0));
      if (parts.slot !== "") mention(parts.slot, removed === undefined);
    }
    for (const [id, isMade] of mentioned) if (!branch.made.has(id)) branch.made.set(id, isMade);
  }

  node(id: NodeId): NodeId {
    const branch = this.#branches.get(creatorOf(id));
    return branch?.made.get(id) ? nodeId(branch.to, numberOf(id)) : id;
  }

  doc(id: DocId): DocId {
    const directory = directoryOf(id);
    const renamed = this.node(directory);
    return renamed === directory ? id : renamed + id.slice(directory.length) as DocId;
  }

  version(id: VersionId): VersionId {
    const stamp = parseVersionId(id);
    return stamp === undefined ? id : versionId(this.#stamp(stamp));
  }

  key(key: Key): Key {
    const parts = parseKey(key);
    if (parts === undefined) return key;
    const { kind, part } = parts;
    const letter = part[0];
    const own = kind === "edge" && parts.slot !== ""
      ? `${letter}:${this.#slot(parts.slot)}`
      : kind === "lost" || kind === "resolved"
      ? `${letter}:${this.version(parts.version)}`
      : part;
    return keyOf(this.node(parts.node), own);
  }

  /** The payload of a key of a document, both by the names from before. Throws Malformed for what this program would not have set. */
  payload(doc: DocId, key: Key, payload: Uint8Array): Uint8Array {
    if (key === TOUCHED_KEY) {
      const directory = directoryOf(doc);
      const { stamp, time } = unpackTouch(payload, directory);
      return packTouch({ stamp: this.#stamp(stamp), time }, this.node(directory));
    }
    const parts = parseKey(key);
    if (parts === undefined) return payload;
    const [before, node] = [parts.node, this.node(parts.node)];
    switch (parts.kind) {
      case "edge": {
        const edge = unpackEdge(payload, before);
        const stamps = (of: readonly Stamp[]) => of.map((stamp) => this.#stamp(stamp));
        return packEdge({
          ...edge,
          stamp: this.#stamp(edge.stamp),
          removed: edge.removed &&
            { ...edge.removed, seen: stamps(edge.removed.seen), kept: stamps(edge.removed.kept) },
          attributes: edge.attributes && this.#attributes(edge.attributes),
        }, node);
      }
      case "attributes": {
        const packer = new Packer();
        const record = unpackAttributes(new Unpacker(payload), creatorOf(before));
        packAttributes(packer, this.#attributes(record), creatorOf(node));
        return packer.take();
      }
      case "content":
      case "lost": {
        const version = unpackVersion(payload, before);
        const { bases } = version;
        return packVersion({
          ...version,
          stamp: this.#stamp(version.stamp),
          bases: bases?.map((base) => ({ ...base, stamps: base.stamps.map((stamp) => this.#stamp(stamp)) })),
        }, node);
      }
      case "resolved":
        return packStamp(this.#stamp(unpackStamp(payload, before)), node);
      case "xattr": {
        const xattr = unpackXattr(payload, before);
        return packXattr({ ...xattr, stamp: this.#stamp(xattr.stamp) }, node);
      }
    }
  }

  #slot(slot: Slot): Slot {
    return slot === "" ? slot : this.node(slot);
  }

  #stamp(stamp: Stamp): Stamp {
    const branch = this.#branches.get(stamp.author);
    const isOf = branch?.clock !== undefined && stamp.at > branch.clock;
    return isOf ? { at: stamp.at, author: branch.to } : stamp;
  }

  #attributes(record: AttributesRecord): AttributesRecord {
    const stamps = Object.entries(record.stamps).map(([group, stamp]) => [group, this.#stamp(stamp)]);
    return { ...record, stamp: this.#stamp(record.stamp), stamps: Object.fromEntries(stamps) };
  }
}

/** Whether all was set by that author after that time. */
function isAbove({ stamps }: AttributesRecord, author: Author, clock: number): boolean {
  return Object.values(stamps).every((stamp) => stamp.author === author && stamp.at > clock);
}

/** When a payload was set. */
function stampOf(doc: DocId, key: Key, payload: Uint8Array): Stamp | undefined {
  if (key === TOUCHED_KEY) return unpackTouch(payload, directoryOf(doc)).stamp;
  const parts = parseKey(key);
  switch (parts?.kind) {
    case "edge":
      return unpackEdge(payload, parts.node).stamp;
    case "attributes":
      return unpackAttributes(new Unpacker(payload), creatorOf(parts.node)).stamp;
    case "content":
      return unpackVersion(payload, parts.node).stamp;
    case "resolved":
      return unpackStamp(payload, parts.node);
    case "xattr":
      return unpackXattr(payload, parts.node).stamp;
  }
}
