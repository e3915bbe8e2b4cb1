import { type DocId, type NodeId, parseNodeId } from "./id.ts";

/**
 * Which document of a directory a new name goes into.
 *
 * A directory starts with one document, named as the directory. Once that holds KEYS_MAX keys, it is full, and new names go one level down, into the one of
 * 16 shards that the hash of the name says, `DIR.3`; once that is full, a further level down, `DIR.3a`. Nothing that is there ever moves: a reader takes
 * the edges of all of a directory's documents together, so where an edge lies decides nothing but speed. That is why copies need not agree on when a
 * document is full, and why two that make `DIR.3` at the same time make the same document.
 *
 * Taking in a change takes Automerge a time in proportion to the keys of the document: 0.2 ms at 2,048, and 1 ms at 8,192 (`deno task bench-tree`).
 */
export const KEYS_MAX = 2048;
/** 16^6 shards hold more names than a volume does. */
const LEVELS_MAX = 6;

export function documentOf(directory: NodeId): DocId {
  return directory as string as DocId;
}

/** The directory that a document is of. */
export function directoryOf(doc: DocId): NodeId {
  const dot = doc.indexOf(".");
  return (dot < 0 ? doc : doc.slice(0, dot)) as NodeId;
}

/** A text that is a document's id, or undefined. */
export function parseDocId(text: string): DocId | undefined {
  const [directory, path, ...rest] = text.split(".");
  if (parseNodeId(directory) === undefined || rest.length > 0) return undefined;
  if (path !== undefined && !/^[0-9a-f]{1,6}$/.test(path)) return undefined;
  return text as DocId;
}

/** The first document on the name's way down that is not full. `keysIn` tells how many keys a document has; 0 for one that is not there. */
export function placeFor(directory: NodeId, name: string, keysIn: (doc: DocId) => number): DocId {
  let doc = documentOf(directory);
  let hash = 0;
  for (let level = 0; level < LEVELS_MAX && keysIn(doc) >= KEYS_MAX; level++) {
    if (level === 0) hash = hashOf(name);
    doc = `${directory}.${(hash >>> 8).toString(16).padStart(6, "0").slice(0, level + 1)}` as DocId;
  }
  return doc;
}

/** FNV-1a over the code units, with a last mix so that its upper bits depend on all of them. */
function hashOf(name: string): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < name.length; i++) hash = Math.imul(hash ^ name.charCodeAt(i), 0x01000193);
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  return (hash ^ (hash >>> 13)) >>> 0;
}
