/**
 * The database of a volume: the index of the tree as it is and as it was.
 *
 * @module
 */
export { ChangeReader, type Named, type Span } from "./change_reader.ts";
export { type ChunkRow, ChunkRows, ChunkRowsWriter } from "./chunk_rows.ts";
export { type AbsentRow, AbsentRows, type FoundRow } from "./absent_rows.ts";
export { Copies, type CopyRow, type StatementRow } from "./copies.ts";
export { copiesSeen, type CopySeen } from "./copies_seen.ts";
export { type Difference, differences, sameAttributes, sameContents } from "./difference.ts";
export type { EdgeRow } from "./edge_row.ts";
export { IndexReader } from "./index_reader.ts";
export { KEPT, type Kept, packKept, unpackKept } from "./kept.ts";
export { type Led, type PastNode, PastReader, type SnapshotRow } from "./past_reader.ts";
export { type EdgeFound, IndexWriter } from "./index_writer.ts";
export {
  checkJournal,
  type Entry,
  Journal,
  JOURNAL_BOUNDS,
  type JournalBounds,
  type Writer,
} from "./journal.ts";
export { Moments } from "./moments.ts";
export { type Extent, StoredDocuments } from "./stored_documents.ts";
export { type TreeEdgeColumns, treeRecords, unpackTreeEdge, unpackTreeNode } from "./tree_rows.ts";
export { SqliteTreeIndex } from "./tree_index.ts";
export { type Known, knownIn } from "./known.ts";
export { type Standing, standingOf, volumeIdIn } from "./standing.ts";
export { edgeSum, type NodeRow, packNode, unpackNode, xattrSum } from "./node_row.ts";
export { columnsOf, packRows, RowsReader, type Value } from "./rows_stream.ts";
export { Untrimmed } from "./untrimmed.ts";
export { FORMAT, formatOf, openDatabase, run } from "./schema.ts";
