import { Buffer } from "node:buffer";
import type { IndexWriter, SqliteTreeIndex } from "../store/mod.ts";
import type { EdgeRow, NodeId, Updated, Version } from "../tree/mod.ts";

type Shown = NonNullable<EdgeRow["shown"]>;

/**
 * Which nodes of the tree the operations of a transaction are about, and which others changed with them. An operation
 * does to the index what it says; where there are conflicts the tree may show more of it than that: the conflict files of
 * a file that moves move with it, and a directory that was kept from a cycle goes where it was to go.
 */
export class Touched {
  readonly #tree: SqliteTreeIndex;
  readonly #index: IndexWriter;
  /** Names that operations gave, and nodes that they took names from. */
  readonly #given = new Map<NodeId, Shown[]>();
  readonly #taken = new Set<NodeId>();
  readonly #looked = new Set<NodeId>();
  /** Nodes that have conflict files, once they were asked for. */
  #conflicted: Set<NodeId> | undefined;

  constructor(tree: SqliteTreeIndex, index: IndexWriter) {
    this.#tree = tree;
    this.#index = index;
  }

  /** An operation gives the node this name, and the index shows it. */
  gave(node: NodeId, parent: NodeId, name: string): void {
    const given = this.#given.get(node);
    if (given) given.push({ parent, name });
    else this.#given.set(node, [{ parent, name }]);
  }

  /** An operation takes this name from the node, and the index does not show it. */
  took(node: NodeId, parent: NodeId, name: string): void {
    this.#taken.add(node);
    const given = this.#given.get(node);
    const at = given?.findIndex((other) => other.parent === parent && other.name === name) ?? -1;
    if (at >= 0) given!.splice(at, 1);
  }

  /** What an operation did to the node may not be in the index. */
  look(node: NodeId): void {
    this.#looked.add(node);
  }

  /** Nodes of which the index may show something else than the tree, now that all operations of a transaction were done. */
  beyond(updates: readonly Updated[]): Set<NodeId> {
    const beyond = new Set(this.#looked);
    const before = this.#conflicted ??= new Set(this.#tree.conflicted());
    let areOthers = false;
    for (const { rows } of updates) {
      for (const row of rows.edges) {
        if (row.version) areOthers = true;
        if (!isContended(row) && this.#isDone(row)) continue;
        beyond.add(row.node);
        // Of directories that are one, one is shown; the times of what they are in are told by all.
        beyond.add(row.shown?.parent ?? row.parent);
      }
      for (const { node, version } of rows.removed) {
        if (version) areOthers = true;
        if (version || !this.#taken.has(node)) beyond.add(node);
      }
      // Conflict files have the attributes of their file.
      if (before.size > 0) { for (const { id } of rows.nodes) if (before.has(id)) beyond.add(id); }
    }
    // What others removed and is back for what was written since has more in it once it is there for good.
    for (const { rows } of updates) {
      for (const { id, attributes, content, nlink } of rows.nodes) {
        if (attributes?.kind === "file" && nlink > 0 && !this.#hasContent(id, content)) beyond.add(id);
      }
    }
    this.#clear();
    if (areOthers) this.#conflicted = undefined;
    return beyond;
  }

  /** Changes of others came: what has conflict files may be something else. */
  forget(): void {
    this.#clear();
    this.#conflicted = undefined;
  }

  #clear(): void {
    this.#given.clear();
    this.#taken.clear();
    this.#looked.clear();
  }

  /** Whether the index has these contents of the node. */
  #hasContent(node: NodeId, content: Version | undefined): boolean {
    const ino = this.#index.inoOf(node);
    const row = ino === undefined ? undefined : this.#index.node(ino);
    const size = content?.size ?? 0;
    return row !== undefined && row.size === size &&
      (size === 0 || Buffer.compare(row.content!, content!.descriptor) === 0);
  }

  /** Whether the index shows this, as an operation said. */
  #isDone({ node, shown }: EdgeRow): boolean {
    if (!shown) return this.#taken.has(node);
    const { parent, name } = shown;
    return this.#given.get(node)?.some((given) => given.parent === parent && given.name === name) ?? false;
  }
}

/** Whether it is not simply there or not. */
function isContended({ version, conflict, displaced, directory, removed, alive }: EdgeRow): boolean {
  return version !== undefined || conflict || displaced || directory && removed && alive;
}
