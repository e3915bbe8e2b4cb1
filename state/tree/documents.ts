import type { DocumentCore, TreeDocument } from "./document.ts";
import type { DocId } from "./id.ts";

/** Where the documents of a volume are. A store loads them when they are asked for, and lets go of those that were not used for long. */
export interface Documents {
  /** A document, or undefined where there is none. One that was changed must stay the same object until its change is committed. */
  get(id: DocId): TreeDocument | undefined;
  /** Makes a document that there is none of. */
  create(id: DocId): TreeDocument;
  /** How many keys a document has, 0 where there is none; without loading it, where that is known. */
  keysIn(id: DocId): number;
}

/** Documents in memory. */
export class MemoryDocuments implements Documents {
  readonly #core: DocumentCore;
  readonly #actor: string;
  readonly #documents = new Map<DocId, TreeDocument>();

  constructor(core: DocumentCore, actor: string) {
    this.#core = core;
    this.#actor = actor;
  }

  get(id: DocId): TreeDocument | undefined {
    return this.#documents.get(id);
  }

  create(id: DocId): TreeDocument {
    const document = this.#core.create(id, this.#actor);
    this.#documents.set(id, document);
    return document;
  }

  keysIn(id: DocId): number {
    return this.#documents.get(id)?.size ?? 0;
  }

  put(document: TreeDocument): void {
    this.#documents.set(document.id, document);
  }

  all(): Iterable<TreeDocument> {
    return this.#documents.values();
  }
}
