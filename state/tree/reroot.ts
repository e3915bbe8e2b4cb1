import type { DocumentCore, TreeDocument } from "./document.ts";

/**
 * A document with the same values, and without those that its keys had before, all of which Automerge keeps. What copies tell each other is not
 * Automerge's, so each may do this whenever it likes.
 */
export function reroot(core: DocumentCore, old: TreeDocument, actor: string): TreeDocument {
  const next = core.create(old.id, actor);
  for (const key of old.keys().sort()) next.set(key, old.get(key));
  next.commit();
  return next;
}
