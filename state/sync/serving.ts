import { Malformed } from "../tree/mod.ts";
import { type Chunks, FILL_BYTES, type Want, WANT_MAX } from "./messages.ts";
import type { SyncStore } from "./sync_store.ts";

/** Chunks that the other side asked for. */
export class Serving {
  readonly #store: Pick<SyncStore, "chunk">;
  #owed: Uint8Array[] = [];

  constructor(store: Pick<SyncStore, "chunk">) {
    this.#store = store;
  }

  get isIdle(): boolean {
    return this.#owed.length === 0;
  }

  /** Throws Malformed where the other side asks for more than it may wait for. */
  receive({ ids }: Want): void {
    if (this.#owed.length + ids.length > 2 * WANT_MAX) {
      throw new Malformed(`${this.#owed.length + ids.length} chunks are wanted, and at most ${2 * WANT_MAX}`);
    }
    this.#owed.push(...ids);
  }

  next(): Chunks | undefined {
    const chunks: Chunks["chunks"][number][] = [];
    let filled = 0;
    while (this.#owed.length > chunks.length && chunks.length < WANT_MAX) {
      const id = this.#owed[chunks.length];
      const bytes = this.#store.chunk(id);
      if (chunks.length > 0 && filled + (bytes?.length ?? 0) > FILL_BYTES) break;
      filled += bytes?.length ?? 0;
      chunks.push({ id, bytes });
    }
    this.#owed = this.#owed.slice(chunks.length);
    return chunks.length > 0 ? { kind: "chunks", chunks } : undefined;
  }
}
