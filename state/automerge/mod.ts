/**
 * Automerge as the tree uses it: documents, and texts that are merged. Apart from the tree, so that an isolate which only reads
 * the index does without it: it takes some 16 MB.
 *
 * @module
 */
export { automerge, loadWithChanges } from "./automerge_document.ts";
export { mergeText } from "./merge_text.ts";
