import type { Attributes } from "./attributes.ts";
import type { Version } from "./content.ts";
import type { Author, DocId, NodeId } from "./id.ts";
import type { Key, Slot } from "./key.ts";
import type { Touch } from "./small_records.ts";
import type { VersionId } from "./stamp.ts";

/** A node as the shown tree has it. A node that is removed keeps its row, without attributes in use, since a change may bring it back, until re-rooting leaves nothing of it. */
export interface NodeRow {
  readonly id: NodeId;
  /** Where its records are: packed by records.ts, of no interest to anybody else. */
  readonly records: string;
  /** The document that its attributes and content are set in; undefined until that is here. */
  readonly home: DocId | undefined;
  /** Undefined until they are here. Times are those that are shown: a content's and a directory's are taken into account. */
  readonly attributes: Attributes | undefined;
  /** Of a file, undefined where nothing was written yet: the winner, or what all sides were merged into. */
  readonly content: Version | undefined;
  /** Contents that are shown nowhere, or not here, and that a merge needs. */
  readonly kept: readonly Pick<Version, "size" | "descriptor">[];
  readonly xattrs: ReadonlyMap<string, Uint8Array>;
  /** Under how many names it is shown; a directory that is shown as part of another counts as shown. */
  readonly nlink: number;
  /** Of a directory: how many edges inside are alive, by its own documents alone. */
  readonly shows: number;
  /** Of a directory that is shown as one with another of the same name: that other one, which is never itself shown as part of a third. */
  readonly alias: NodeId | undefined;
  /** Of a directory: what its time comes from. */
  readonly touched: (Touch & { readonly doc: DocId; readonly key: Key }) | undefined;
}

/**
 * A place of a node, and whether and where it is shown; or, with a version, a conflict file. A node has at most one row for a (slot, version).
 *
 * The shown tree is all rows with `shown`: of these, (shown.parent, shown.name) is unique. What is not reachable from the root is in no listing.
 */
export interface EdgeRow {
  readonly node: NodeId;
  readonly slot: Slot;
  /** Set for a conflict file: a losing version of the node's content, shown beside the place. */
  readonly version: Version | undefined;
  /** Where it lies by its own edge: a directory's own id, not that of one that it is shown as part of. */
  readonly parent: NodeId;
  readonly name: string;
  readonly counter: number;
  readonly author: Author;
  readonly directory: boolean;
  /** The edge says that it was removed; it may be alive for what is inside, or was written since. */
  readonly removed: boolean;
  /** A directory that is not where its last move put it, since that would be a cycle. */
  readonly displaced: boolean;
  /** It is in the tree: under a name, or as part of another directory. */
  readonly alive: boolean;
  readonly shown: { readonly parent: NodeId; readonly name: string } | undefined;
  /** It is shown under a conflict name. */
  readonly conflict: boolean;
}

/**
 * Where the rows are kept: an index in SQLite, or memory. Everything is answered at once, and from what was last written.
 */
export interface TreeIndex {
  node(id: NodeId): NodeRow | undefined;
  /** All rows of a node. */
  edges(node: NodeId): readonly EdgeRow[];
  /** Rows with this `parent` and `name`, with and without a version. */
  named(parent: NodeId, name: string): readonly EdgeRow[];
  /** Rows with this `parent`. */
  inside(parent: NodeId): Iterable<EdgeRow>;
  /** Rows with `conflict` and this `shown.parent`. */
  conflicts(parent: NodeId): readonly EdgeRow[];
  /** Nodes with this `alias`. */
  aliases(node: NodeId): readonly NodeId[];
  /** Nodes of rows with `displaced`. */
  displaced(): readonly NodeId[];
  /** Takes over what an update changed, all at once. Within it, what is removed comes first, or names would not be unique in between. */
  write(changes: RowChanges): void;
}

/** What an update changed: rows as they are now, each told once. */
export interface RowChanges {
  readonly nodes: readonly NodeRow[];
  /** Nodes that no document tells of any more, and that nothing is left of. */
  readonly forgotten: readonly NodeId[];
  readonly edges: readonly EdgeRow[];
  readonly removed: readonly EdgeKey[];
}

/** What tells rows of edges apart. */
export interface EdgeKey {
  readonly node: NodeId;
  readonly slot: Slot;
  readonly version: VersionId | undefined;
}
