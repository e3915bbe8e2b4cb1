import { compareTimes } from "./bytes.ts";
import type { NodeId } from "./id.ts";
import { edgeKeyOf, MemoryIndex, sameEdge } from "./memory_index.ts";
import type { EdgeKey, EdgeRow, NodeRow, RowChanges, TreeIndex } from "./rows.ts";
import { compareBytes, compareStamps } from "./stamp.ts";

/** The rows that an update changes, in front of the index that it will write them to in one go. */
export class RowBuffer {
  readonly #index: TreeIndex;
  readonly #changed = new MemoryIndex();
  /** The rows of a node were all taken over from the index, as they were then. */
  readonly #before = new Map<NodeId, readonly EdgeRow[]>();
  readonly #nodes = new Set<NodeId>();

  constructor(index: TreeIndex) {
    this.#index = index;
  }

  node(id: NodeId): NodeRow | undefined {
    return this.#nodes.has(id) ? this.#changed.node(id) : this.#index.node(id);
  }

  setNode(row: NodeRow): void {
    this.#nodes.add(row.id);
    this.#changed.setNode(row);
  }

  edges(node: NodeId): readonly EdgeRow[] {
    return this.#before.has(node) ? this.#changed.edges(node) : this.#index.edges(node);
  }

  setEdge(row: EdgeRow): void {
    this.#takeOver(row.node);
    this.#changed.setEdge(row);
  }

  removeEdge(row: EdgeRow): void {
    this.#takeOver(row.node);
    this.#changed.removeEdge(edgeKeyOf(row));
  }

  named(parent: NodeId, name: string): EdgeRow[] {
    return this.#both(this.#index.named(parent, name), this.#changed.named(parent, name));
  }

  inside(parent: NodeId): EdgeRow[] {
    return this.#both(this.#index.inside(parent), this.#changed.inside(parent));
  }

  conflicts(parent: NodeId): EdgeRow[] {
    return this.#both(this.#index.conflicts(parent), this.#changed.conflicts(parent));
  }

  aliases(node: NodeId): NodeId[] {
    const changed = this.#changed.aliases(node);
    const others = this.#index.aliases(node);
    return others.length === 0 ? [...changed] : [...others.filter((id) => !this.#nodes.has(id)), ...changed];
  }

  displaced(): NodeId[] {
    return [...this.#index.displaced().filter((id) => !this.#before.has(id)), ...this.#changed.displaced()];
  }

  /** What is to be written; rows that ended as they began are left out. */
  changes(): RowChanges {
    const changed = [...this.#nodes].map((id) => this.#changed.node(id) as NodeRow);
    const isForgotten = (row: NodeRow) => isEmpty(row) && this.edges(row.id).length === 0;
    const forgotten = changed.filter(isForgotten).map(({ id }) => id);
    const nodes = changed.filter((row) => row !== this.#index.node(row.id) && !isForgotten(row));
    const edges: EdgeRow[] = [];
    const removed: EdgeKey[] = [];
    for (const [node, before] of this.#before) {
      const after = this.#changed.edges(node);
      for (const row of after) if (!before.some((old) => sameRow(old, row))) edges.push(row);
      for (const old of before) {
        const key = edgeKeyOf(old);
        if (!after.some((row) => sameEdge(edgeKeyOf(row), key))) removed.push(key);
      }
    }
    return { nodes, forgotten, edges, removed };
  }

  #takeOver(node: NodeId): void {
    if (this.#before.has(node)) return;
    const rows = this.#index.edges(node);
    this.#before.set(node, rows);
    for (const row of rows) this.#changed.setEdge(row);
  }

  #both(before: Iterable<EdgeRow>, changed: Iterable<EdgeRow>): EdgeRow[] {
    const rows = [...changed];
    for (const row of before) if (!this.#before.has(row.node)) rows.push(row);
    return rows;
  }
}

function isEmpty({ records, shows, alias, touched }: NodeRow): boolean {
  return records === "" && shows === 0 && alias === undefined && touched === undefined;
}

/** Whether two rows say the same. */
export function sameRow(a: EdgeRow, b: EdgeRow): boolean {
  return a === b ||
    a.node === b.node && a.slot === b.slot && a.parent === b.parent && a.name === b.name &&
      a.counter === b.counter && a.author === b.author && a.directory === b.directory &&
      a.removed === b.removed &&
      a.displaced === b.displaced && a.alive === b.alive && a.conflict === b.conflict &&
      a.shown?.parent === b.shown?.parent && a.shown?.name === b.shown?.name &&
      sameVersion(a.version, b.version);
}

/** Everything of it is compared: only a copy that lies gives one stamp to two contents, and its rows are to be right as well. */
function sameVersion(a: EdgeRow["version"], b: EdgeRow["version"]): boolean {
  return a === b ||
    a !== undefined && b !== undefined && compareStamps(a.stamp, b.stamp) === 0 && a.size === b.size &&
      a.text === b.text && compareTimes(a.mtime, b.mtime) === 0 &&
      compareBytes(a.descriptor, b.descriptor) === 0;
}
