/**
 * The replicated tree: names, attributes and contents of files in documents that copies change apart and that come together again, and the tree that they show. Pure:
 * no clock, no randomness, no disk and no network.
 *
 * @module
 */
export {
  type AttributeGroup,
  type Attributes,
  type AttributesRecord,
  type Kind,
  PRINCIPAL_BYTES_MAX,
  TARGET_BYTES_MAX,
} from "./attributes.ts";
export { Malformed, Packer, type Time, Unpacker } from "./bytes.ts";
export { type Base, type Content, DESCRIPTOR_BYTES_MAX, unpackVersion, type Version } from "./content.ts";
export { BadDocument, type DocumentCore, type TreeDocument } from "./document.ts";
export { type Documents, MemoryDocuments } from "./documents.ts";
export { type Dot, packValue, payloadOf, unpackValue } from "./dot.ts";
export type { Problem } from "./facts.ts";
export {
  type Author,
  AUTHOR_BYTES,
  authorBytes,
  authorOf,
  creatorOf,
  type DocId,
  type NodeId,
  nodeId,
  numberOf,
  parseAuthor,
  parseNodeId,
  ROOT,
} from "./id.ts";
export { indexTree } from "./index_tree.ts";
export { type Key, type KeyParts, parseKey, type Slot, TOUCHED_KEY } from "./key.ts";
export { edgeKeyOf, MemoryIndex } from "./memory_index.ts";
export { MERGE_DEFAULT, MergeRules } from "./merge_rules.ts";
export { isMergeable, MERGE_BYTES_MAX, mergeableText } from "./mergeable.ts";
export { conflictName, isName, lostName, NAME_BYTES_MAX } from "./name.ts";
export type { At } from "./node_writer.ts";
export type { Changes } from "./open_batch.ts";
export { directoryOf, documentOf, parseDocId } from "./placement.ts";
export { KEY_BYTES_MAX, newestIn, packPuts, PAYLOAD_BYTES_MAX, type Put, unpackPuts } from "./puts.ts";
export { Renaming } from "./rename.ts";
export { reroot } from "./reroot.ts";
export type { EdgeKey, EdgeRow, NodeRow, RowChanges, TreeIndex } from "./rows.ts";
export { isOnlyIn } from "./records.ts";
export { type ShownNode, type ShownTree, shownTree } from "./shown_tree.ts";
export { XATTR_BYTES_MAX } from "./small_records.ts";
export type { Merger, MergeRequest } from "./standing.ts";
export {
  compareBytes,
  compareStamps,
  parseVersionId,
  type Stamp,
  type VersionId,
  versionId,
} from "./stamp.ts";
export { type Updated, View } from "./view.ts";
export { type Batch, type Incoming, type Received, TreeWriter, type WriterOptions } from "./writer.ts";
