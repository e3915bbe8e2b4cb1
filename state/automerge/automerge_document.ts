import { createHash } from "node:crypto";
import { getBackend, init } from "@automerge/automerge";
import { BadDocument, type DocId, type DocumentCore, type Key, type TreeDocument } from "../tree/mod.ts";

type Backend = ReturnType<typeof getBackend>;

/** Counting keys takes time in their number, so it is done after so many new ones only. */
const PUTS_UNCOUNTED = 512;

/**
 * Documents as Automerge keeps them. Its backend is used directly: through a proxy a change of a map of 100,000 keys takes 121 ms, and this way 0.1 ms.
 * Times in changes are 0: who wrote when is in the packed values.
 */
export const automerge: DocumentCore = {
  create: (id, actor) => new AutomergeDocument(id, getBackend(init({ actor }))),
  load(id, saved, actor) {
    // Automerge's own `load` makes a JavaScript object of every entry, and takes four times as long.
    const backend = getBackend(init({ actor }));
    try {
      backend.loadIncremental(saved);
    } catch (thrown) {
      throw new BadDocument(`Document ${id} of ${saved.length} bytes does not load: ${reasonOf(thrown)}`);
    }
    return new AutomergeDocument(id, backend);
  },
};

/** A document as it was kept up to format 3 of volumes: what was saved, and Automerge's own changes since. */
export function loadWithChanges(
  id: DocId,
  saved: Uint8Array,
  changes: readonly Uint8Array[],
  actor: string,
): TreeDocument {
  const backend = getBackend(init({ actor }));
  try {
    if (saved.length > 0) backend.loadIncremental(saved);
    backend.applyChanges([...changes]);
  } catch (thrown) {
    throw new BadDocument(`Document ${id} does not load: ${reasonOf(thrown)}`);
  }
  return new AutomergeDocument(id, backend);
}

class AutomergeDocument implements TreeDocument {
  readonly id: DocId;
  readonly #backend: Backend;
  #size: number;
  #putsSince = 0;
  #pending = false;
  /** What was set since the last commit: what a key was just set to, it has. */
  readonly #set = new Map<Key, readonly Uint8Array[]>();
  /** Of these, what Automerge does not have yet. It would keep for ever what is set again within one change. */
  readonly #unwritten = new Map<Key, Uint8Array | undefined>();

  constructor(id: DocId, backend: Backend) {
    this.id = id;
    this.#backend = backend;
    this.#size = backend.length("/");
  }

  get size(): number {
    if (this.#putsSince > PUTS_UNCOUNTED) {
      this.#write();
      this.#size = this.#backend.length("/");
      this.#putsSince = 0;
    }
    return this.#size + this.#putsSince;
  }

  get operations(): number {
    return this.#backend.stats().numOps + this.#unwritten.size;
  }

  keys(): string[] {
    this.#write();
    return this.#backend.keys("/");
  }

  get(key: Key): readonly Uint8Array[] {
    return this.#set.get(key) ?? valuesOf(this.#backend.getAll("/", key));
  }

  set(key: Key, values: readonly Uint8Array[]): void {
    if (values.length > 1) return this.#setSeveral(key, values);
    const [value] = values;
    const isThere = this.#set.has(key) || this.#backend.get("/", key) !== undefined;
    if (value === undefined && !isThere) return;
    if (!isThere) this.#putsSince++;
    this.#set.set(key, values);
    this.#unwritten.set(key, value);
    this.#pending = true;
  }

  commit(): void {
    if (!this.#pending) return;
    this.#pending = false;
    this.#write();
    this.#backend.commit(null, 0);
    this.#set.clear();
  }

  save(): Uint8Array {
    this.#write();
    return this.#backend.save();
  }

  free(): void {
    this.#backend.free();
  }

  /** One of the values is set as any, and each other as if by a copy that has seen nothing: then they stand next to each other. */
  #setSeveral(key: Key, [first, ...others]: readonly Uint8Array[]): void {
    this.set(key, [first]);
    this.commit();
    for (const value of others) {
      const seen = this.#backend.getHeads();
      const actor = createHash("sha256").update(seen.join()).update(key).update(value).digest("hex");
      const lone = getBackend(init({ actor: actor.slice(0, 32) }));
      lone.put("/", key, value);
      lone.commit(null, 0);
      this.#backend.applyChanges([lone.getLastLocalChange()!]);
      lone.free();
    }
  }

  #write(): void {
    for (const [key, value] of this.#unwritten) {
      if (value !== undefined) this.#backend.put("/", key, value);
      else if (this.#backend.get("/", key) !== undefined) this.#backend.delete("/", key);
    }
    this.#unwritten.clear();
  }
}

function valuesOf(values: ReturnType<Backend["getAll"]>): Uint8Array[] {
  return values.map((value) => value[0] === "bytes" ? value[1] : new Uint8Array());
}

function reasonOf(thrown: unknown): string {
  return thrown instanceof Error ? thrown.message.split("\n")[0] : String(thrown);
}
