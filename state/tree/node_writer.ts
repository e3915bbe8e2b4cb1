import { type Attributes, newAttributes } from "./attributes.ts";
import type { Time } from "./bytes.ts";
import { type Base, basesAfter, type Content, packVersion, type Version } from "./content.ts";
import { type NodeId, ROOT } from "./id.ts";
import type { KeyWriter } from "./key_writer.ts";
import { documentOf } from "./placement.ts";
import { packXattr } from "./small_records.ts";
import { type VersionId, versionId } from "./stamp.ts";

/** A name in the shown tree: the node, and the shown directory and name that it was found under. */
export interface At {
  readonly node: NodeId;
  readonly parent: NodeId;
  readonly name: string;
}

/** Makes nodes, and sets what they have but for their names: attributes and contents. */
export class NodeWriter {
  readonly #keys: KeyWriter;
  readonly #shared: () => number;

  /** `shared`: what this author wrote up to that time may be on other copies. */
  constructor(keys: KeyWriter, shared: () => number) {
    this.#keys = keys;
    this.#shared = shared;
  }

  createRoot(attributes: Attributes): void {
    const record = newAttributes(attributes, this.#keys.stamp());
    this.#keys.putAttributes(ROOT, documentOf(ROOT), record);
  }

  create(at: At, attributes: Attributes, content?: Content): void {
    const { node, parent, name } = at;
    const stamp = this.#keys.stamp();
    const record = newAttributes(attributes, stamp);
    const home = this.#keys.placeFor(parent, name);
    const directory = attributes.kind === "directory";
    const edge = { name, directory, counter: 1, stamp, time: attributes.ctime, attributes: record };
    this.#keys.putEdge(home, node, "", edge);
    this.#keys.noteMade(node, { home, edge, attributes: record, isWritten: false });
    if (content) this.content(node, content);
  }

  setattr(
    node: NodeId,
    change: Partial<Pick<Attributes, "mode" | "uid" | "gid" | "atime" | "mtime">>,
    time: Time,
  ): void {
    const made = this.#keys.made(node);
    const known = made ?? this.#keys.look(node);
    if (!known) return;
    const { home, attributes } = known;
    const stamp = this.#keys.stamp();
    const stamps = { ...attributes.stamps };
    for (const group of Object.keys(change) as (keyof typeof change)[]) {
      if (change[group] !== undefined) stamps[group] = stamp;
    }
    const given = Object.fromEntries(Object.entries(change).filter(([, value]) => value !== undefined));
    const record = { ...attributes, ...given, ctime: time, stamp, stamps };
    known.attributes = record;
    // Nobody has seen a new one without, so there it takes no key of its own.
    if (made) this.#keys.putEdge(home, node, "", { ...made.edge, attributes: record });
    else this.#keys.putAttributes(node, home, record);
  }

  setxattr(node: NodeId, name: string, value: Uint8Array | undefined, time: Time): void {
    const home = (this.#keys.made(node) ?? this.#keys.look(node))?.home;
    if (!home) return;
    this.#keys.put(home, node, "x:" + name, packXattr({ stamp: this.#keys.stamp(), value }, node));
    this.setattr(node, {}, time);
  }

  content(node: NodeId, content: Content, from?: readonly VersionId[]): void {
    const made = this.#keys.made(node);
    if (from !== undefined) this.#keys.settleNode(node);
    const known = made ?? this.#keys.look(node);
    if (!known) return;
    const { home } = known;
    // What this batch wrote before is written over, and stands next to nothing.
    const isAlone = made !== undefined || known.isWritten;
    const overwritten = isAlone ? [] : this.#overwritten(node, from);
    for (const version of overwritten) this.#keys.putLost(home, node, version);
    if (content.text && !isAlone) known.bases = this.#basesOf(node);
    known.isWritten = true;
    const bases = content.text ? known.bases : undefined;
    this.#keys.put(home, node, "c", packVersion({ ...content, stamp: this.#keys.stamp(), bases }, node));
  }

  /** Versions that a new content would write over, and nobody meant to. */
  #overwritten(node: NodeId, from: readonly VersionId[] | undefined): Version[] {
    const { versions } = this.#keys.factsOf(node);
    const losers = new Set(
      this.#keys.index.edges(node).flatMap(({ version }) => version ? [versionId(version.stamp)] : []),
    );
    return versions.filter(({ stamp }) => {
      const id = versionId(stamp);
      return losers.has(id) || from !== undefined && !from.includes(id);
    });
  }

  /**
   * What a text that is about to be written will have been made from, as far as others may have that: what nobody else ever sees is no base for a merge
   * with them.
   */
  #basesOf(node: NodeId): readonly Base[] {
    const { versions } = this.#keys.factsOf(node);
    const [version] = versions;
    if (version === undefined) return [];
    const isOwn = version.stamp.author === this.#keys.author && version.stamp.at > this.#shared();
    if (versions.length === 1 && isOwn) return version.bases ?? [];
    return basesAfter(versions, this.#keys.index.node(node)?.content ?? version);
  }
}
