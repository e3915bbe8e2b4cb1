import type { DatabaseSync, StatementSync } from "node:sqlite";
import { reasonOf } from "../../9p/mod.ts";
import {
  type EdgeRow,
  type NodeId,
  type NodeRow,
  type RowChanges,
  type TreeIndex,
  type Version,
  versionId,
} from "../tree/mod.ts";
import {
  packTreeEdge,
  packTreeNode,
  type TreeEdgeColumns,
  unpackTreeEdge,
  unpackTreeNode,
} from "./tree_rows.ts";

/** The rows of the shown tree in the database. They are written in whatever transaction is open. */
export class SqliteTreeIndex implements TreeIndex {
  readonly #sql: Record<keyof typeof SQL, StatementSync>;

  constructor(db: DatabaseSync) {
    this.#sql = Object.fromEntries(
      Object.entries(SQL).map(([name, text]) => [name, db.prepare(text)]),
    ) as Record<keyof typeof SQL, StatementSync>;
  }

  node(id: NodeId): NodeRow | undefined {
    const row = this.#sql.node.get(id) as { alias: string | null; data: Uint8Array } | undefined;
    return row && unpackTreeNode(id, (row.alias ?? undefined) as NodeId | undefined, row.data);
  }

  edges(node: NodeId): readonly EdgeRow[] {
    return this.#edges(this.#sql.edges, node);
  }

  named(parent: NodeId, name: string): readonly EdgeRow[] {
    return this.#edges(this.#sql.named, parent, name);
  }

  inside(parent: NodeId): readonly EdgeRow[] {
    return this.#edges(this.#sql.inside, parent);
  }

  conflicts(parent: NodeId): readonly EdgeRow[] {
    return this.#edges(this.#sql.conflicts, parent);
  }

  /** Rows with `conflict`, wherever they are shown. */
  allConflicts(): readonly EdgeRow[] {
    return this.#edges(this.#sql.allConflicts);
  }

  countConflicts(): number {
    return (this.#sql.countConflicts.get() as { count: number }).count;
  }

  aliases(node: NodeId): readonly NodeId[] {
    return (this.#sql.aliases.all(node) as { id: NodeId }[]).map(({ id }) => id);
  }

  displaced(): readonly NodeId[] {
    return (this.#sql.displaced.all() as { node: NodeId }[]).map(({ node }) => node);
  }

  /** Contents that are needed to merge, or where another copy brings a file back, whether anything shows them or not; without others, none of files that are gone. */
  *kept(isAlone: boolean): Generator<Pick<Version, "size" | "descriptor">> {
    for (
      const { id, data } of this.#sql.kept.iterate() as unknown as Iterable<{ id: NodeId; data: Uint8Array }>
    ) {
      const { kept, nlink } = unpackTreeNode(id, undefined, data);
      if (nlink > 0 || !isAlone) yield* kept;
    }
  }

  /** At most so many nodes after this one, in the order of their ids. */
  after(id: string, max: number): NodeId[] {
    return (this.#sql.after.all(id, max) as { id: NodeId }[]).map((row) => row.id);
  }

  /** Nodes with versions that are shown as conflict files. */
  conflicted(): NodeId[] {
    return (this.#sql.conflicted.all() as { node: NodeId }[]).map(({ node }) => node);
  }

  /** The first thing that is wrong with a row, if anything. */
  firstDamage(): string | undefined {
    try {
      const nodes = this.#sql.allNodes.iterate() as Iterable<{ id: NodeId; data: Uint8Array }>;
      for (const { id, data } of nodes) unpackTreeNode(id, undefined, data);
      for (const row of this.#sql.allEdges.iterate() as unknown as Iterable<TreeEdgeColumns>) {
        unpackTreeEdge(row);
      }
      return undefined;
    } catch (thrown) {
      return reasonOf(thrown);
    }
  }

  /** All rows go, to be written anew. */
  clear(): void {
    this.#sql.clearEdges.run();
    this.#sql.clearNodes.run();
  }

  write({ nodes, forgotten, edges, removed }: RowChanges): void {
    for (const id of forgotten) this.#sql.removeNode.run(id);
    for (const { node, slot, version } of removed) this.#sql.removeEdge.run(node, slot, version ?? "");
    for (const row of nodes) {
      const kept = row.kept.length > 0 ? 1 : null;
      this.#sql.putNode.run(row.id, row.alias ?? null, packTreeNode(row), kept);
    }
    for (const row of edges) {
      const conflictIn = row.conflict && row.shown ? row.shown.parent : null;
      const version = row.version ? versionId(row.version.stamp) : "";
      const { node, slot, parent, name, displaced } = row;
      this.#sql.putEdge.run(
        node,
        slot,
        version,
        parent,
        name,
        conflictIn,
        displaced ? 1 : null,
        packTreeEdge(row),
      );
    }
  }

  #edges(statement: StatementSync, ...words: string[]): EdgeRow[] {
    return (statement.all(...words) as unknown as TreeEdgeColumns[]).map(unpackTreeEdge);
  }
}

const COLUMNS = "SELECT node, slot, parent, name, data FROM tree_edge";

const SQL = {
  node: "SELECT alias, data FROM tree_node WHERE id = ?",
  putNode: "INSERT OR REPLACE INTO tree_node(id, alias, data, kept) VALUES(?, ?, ?, ?)",
  removeNode: "DELETE FROM tree_node WHERE id = ?",
  edges: `${COLUMNS} WHERE node = ?`,
  named: `${COLUMNS} WHERE parent = ? AND name = ?`,
  inside: `${COLUMNS} WHERE parent = ?`,
  conflicts: `${COLUMNS} WHERE conflictIn = ?`,
  allConflicts: `${COLUMNS} WHERE conflictIn IS NOT NULL`,
  countConflicts: "SELECT count(*) AS count FROM tree_edge WHERE conflictIn IS NOT NULL",
  aliases: "SELECT id FROM tree_node WHERE alias = ?",
  displaced: "SELECT DISTINCT node FROM tree_edge WHERE displaced = 1",
  after: "SELECT id FROM tree_node WHERE id > ? ORDER BY id LIMIT ?",
  conflicted: "SELECT DISTINCT node FROM tree_edge WHERE conflictIn IS NOT NULL AND version <> ''",
  removeEdge: "DELETE FROM tree_edge WHERE node = ? AND slot = ? AND version = ?",
  kept: "SELECT id, data FROM tree_node WHERE kept IS NOT NULL",
  allNodes: "SELECT id, data FROM tree_node",
  allEdges: COLUMNS,
  clearNodes: "DELETE FROM tree_node",
  clearEdges: "DELETE FROM tree_edge",
  putEdge:
    "INSERT OR REPLACE INTO tree_edge(node, slot, version, parent, name, conflictIn, displaced, data) " +
    "VALUES(?, ?, ?, ?, ?, ?, ?, ?)",
} as const;
