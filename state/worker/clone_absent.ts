import type { DatabaseSync } from "node:sqlite";
import { decodeDescriptor } from "../chunks/mod.ts";
import {
  AbsentRows,
  SqliteTreeIndex,
  type TreeEdgeColumns,
  unpackNode,
  unpackTreeEdge,
  unpackTreeNode,
} from "../store/mod.ts";
import { type Content, MERGE_BYTES_MAX, type NodeId } from "../tree/mod.ts";

/** Notes, of a copy that came without any, that all contents are elsewhere, and which of them are to come whether somebody reads them or not: those that merges need. */
export function noteContents(db: DatabaseSync): void {
  const absent = new AbsentRows(db);
  const note = (descriptor: Uint8Array, isLater: boolean) => {
    const { id, depth, size } = decodeDescriptor(descriptor);
    if (id !== undefined) absent.add({ id, depth, size }, isLater);
  };
  for (const content of fileContents(db)) note(content, true);
  for (const { size, descriptor } of new SqliteTreeIndex(db).kept(false)) {
    if (size > 0) note(descriptor, size > MERGE_BYTES_MAX);
  }
  for (const content of shownIn(db)) {
    if (content.text && content.size > 0) note(content.descriptor, content.size > MERGE_BYTES_MAX);
  }
}

/** The contents of files, as they are and as they were. */
export function* fileContents(db: DatabaseSync): Generator<Uint8Array> {
  for (const table of ["node", "node_past"]) {
    const rows = db.prepare(`SELECT ino, data FROM ${table}`).iterate();
    for (const { ino, data } of rows as Iterable<{ ino: number; data: Uint8Array }>) {
      const { content } = unpackNode(ino, data);
      if (content !== null) yield content;
    }
  }
}

/** What documents show as the contents of files and of conflict files. */
function* shownIn(db: DatabaseSync): Generator<Content> {
  const nodes = db.prepare("SELECT id, data FROM tree_node").iterate();
  for (const { id, data } of nodes as unknown as Iterable<{ id: NodeId; data: Uint8Array }>) {
    const { content } = unpackTreeNode(id, undefined, data);
    if (content) yield content;
  }
  const edges = db.prepare("SELECT node, slot, parent, name, data FROM tree_edge WHERE version <> ''")
    .iterate();
  for (const row of edges as unknown as Iterable<TreeEdgeColumns>) {
    const { version } = unpackTreeEdge(row);
    if (version) yield version;
  }
}
