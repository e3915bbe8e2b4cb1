/**
 * The database of a volume: the index of the tree as it is and as it was.
 *
 * @module
 */
export { type EdgeRow, IndexReader } from "./index_reader.ts";
export { IndexWriter } from "./index_writer.ts";
export { type NodeRow, packNode, unpackNode } from "./node_row.ts";
export { FORMAT, formatOf, openDatabase } from "./schema.ts";
