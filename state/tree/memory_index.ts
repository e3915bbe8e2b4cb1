import type { NodeId } from "./id.ts";
import type { EdgeKey, EdgeRow, NodeRow, RowChanges, TreeIndex } from "./rows.ts";
import { versionId } from "./stamp.ts";

/** Rows in memory: what tests use, and what the buffer of an update is made of. */
export class MemoryIndex implements TreeIndex {
  readonly #nodes = new Map<NodeId, NodeRow>();
  readonly #edges = new Map<NodeId, readonly EdgeRow[]>();
  readonly #named = new Bags<EdgeRow>();
  readonly #inside = new Bags<EdgeRow>();
  readonly #conflicts = new Bags<EdgeRow>();
  readonly #aliases = new Bags<NodeId>();
  readonly #displaced = new Set<NodeId>();

  node(id: NodeId): NodeRow | undefined {
    return this.#nodes.get(id);
  }

  /** All nodes that there are rows of, removed ones too. */
  nodes(): Iterable<NodeRow> {
    return this.#nodes.values();
  }

  edges(node: NodeId): readonly EdgeRow[] {
    return this.#edges.get(node) ?? [];
  }

  named(parent: NodeId, name: string): readonly EdgeRow[] {
    return [...this.#named.get(parent + "/" + name)];
  }

  inside(parent: NodeId): Iterable<EdgeRow> {
    return this.#inside.get(parent);
  }

  conflicts(parent: NodeId): readonly EdgeRow[] {
    return [...this.#conflicts.get(parent)];
  }

  aliases(node: NodeId): readonly NodeId[] {
    return [...this.#aliases.get(node)];
  }

  displaced(): readonly NodeId[] {
    return [...this.#displaced];
  }

  write({ nodes, forgotten, edges, removed }: RowChanges): void {
    for (const key of removed) this.removeEdge(key);
    for (const id of forgotten) this.#nodes.delete(id);
    for (const node of nodes) this.setNode(node);
    for (const edge of edges) this.setEdge(edge);
  }

  setNode(row: NodeRow): void {
    const old = this.#nodes.get(row.id);
    if (old?.alias !== row.alias) {
      if (old?.alias !== undefined) this.#aliases.remove(old.alias, row.id);
      if (row.alias !== undefined) this.#aliases.add(row.alias, row.id);
    }
    this.#nodes.set(row.id, row);
  }

  setEdge(row: EdgeRow): void {
    const key = edgeKeyOf(row);
    this.removeEdge(key);
    this.#edges.set(row.node, [...this.edges(row.node), row]);
    this.#named.add(row.parent + "/" + row.name, row);
    this.#inside.add(row.parent, row);
    if (row.conflict && row.shown) this.#conflicts.add(row.shown.parent, row);
    if (row.displaced) this.#displaced.add(row.node);
  }

  removeEdge(key: EdgeKey): void {
    const rows = this.edges(key.node);
    const row = rows.find((other) => sameEdge(edgeKeyOf(other), key));
    if (!row) return;
    if (rows.length === 1) this.#edges.delete(row.node);
    else this.#edges.set(row.node, rows.filter((other) => other !== row));
    this.#named.remove(row.parent + "/" + row.name, row);
    this.#inside.remove(row.parent, row);
    if (row.conflict && row.shown) this.#conflicts.remove(row.shown.parent, row);
    if (row.displaced) this.#displaced.delete(row.node);
  }
}

export function edgeKeyOf({ node, slot, version }: EdgeRow): EdgeKey {
  return { node, slot, version: version && versionId(version.stamp) };
}

export function sameEdge(a: EdgeKey, b: EdgeKey): boolean {
  return a.node === b.node && a.slot === b.slot && a.version === b.version;
}

/** Several things under one key. */
class Bags<T> {
  readonly #bags = new Map<string, Set<T>>();

  get(key: string): ReadonlySet<T> {
    return this.#bags.get(key) ?? EMPTY as Set<T>;
  }

  add(key: string, thing: T): void {
    const bag = this.#bags.get(key);
    if (bag) bag.add(thing);
    else this.#bags.set(key, new Set([thing]));
  }

  remove(key: string, thing: T): void {
    const bag = this.#bags.get(key);
    if (bag?.delete(thing) && bag.size === 0) this.#bags.delete(key);
  }
}

const EMPTY: Set<unknown> = new Set();
