import { Malformed } from "../tree/mod.ts";
import { ChunkWalk } from "./chunk_walk.ts";
import { type Chunks, type Want, WANT_MAX } from "./messages.ts";
import type { Piece, SyncStore } from "./sync_store.ts";

/** Chunks that some contents need, on their way from the other side. */
export class Fetching {
  readonly #store: Pick<SyncStore, "hasChunk" | "piecesOf" | "putChunk">;
  readonly #walk: ChunkWalk;
  /** What was asked for, and of which contents it is. */
  readonly #asked = new Map<string, Set<number>>();
  #isThrough = false;

  constructor(
    store: Pick<SyncStore, "hasChunk" | "piecesOf" | "putChunk">,
    roots: readonly (Piece | undefined)[],
  ) {
    this.#store = store;
    this.#walk = new ChunkWalk(store, roots);
  }

  /** What to ask for next; nothing while enough is under way. */
  ask(): Want | undefined {
    if (this.#asked.size > WANT_MAX / 2) return undefined;
    const needed = this.#walk.next(WANT_MAX - this.#asked.size);
    const ids: Uint8Array[] = [];
    for (const { id, root } of needed) {
      const roots = this.#asked.get(nameOf(id));
      if (roots) roots.add(root);
      else {
        this.#asked.set(nameOf(id), new Set([root]));
        ids.push(id);
      }
    }
    this.#isThrough = needed.length === 0 && this.#asked.size === 0;
    return ids.length > 0 ? { kind: "want", ids } : undefined;
  }

  /** Everything is here that the other side has. */
  get isThrough(): boolean {
    return this.#isThrough;
  }

  /** Numbers of roots of which something is missing. */
  get absent(): ReadonlySet<number> {
    return this.#walk.givenUp;
  }

  /** Throws Malformed for what was not asked for, or is not what was asked for. */
  receive({ chunks }: Chunks): void {
    for (const { id, bytes } of chunks) {
      const roots = this.#asked.get(nameOf(id));
      if (!roots) throw new Malformed(`Chunk ${hex(id)} came, and nobody asked for it`);
      if (bytes && !this.#store.putChunk(id, bytes)) {
        throw new Malformed(`Chunk ${hex(id)} came with ${bytes.length} bytes that are not its own`);
      }
      this.#asked.delete(nameOf(id));
      if (!bytes) { for (const root of roots) this.#walk.giveUp(root); }
    }
  }
}

function nameOf(id: Uint8Array): string {
  return String.fromCharCode(...id);
}

function hex(id: Uint8Array): string {
  return Array.from(id, (byte) => byte.toString(16).padStart(2, "0")).join("");
}
