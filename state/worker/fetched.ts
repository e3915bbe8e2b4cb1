import type { ChunkPlace } from "../chunks/mod.ts";
import type { ContentWriter } from "./content_writer.ts";

/** Chunks are made known to the database after so many bytes, if no record does so before. */
const PENDING_BYTES = 16 * 1024 * 1024;

/**
 * Chunks of another copy, on their way into the database: their bytes are in a pack at once, and a row is only written once these are durable. What is fetched for
 * contents that come later is spared by collecting.
 */
export class FetchedChunks {
  readonly #contents: ContentWriter;
  /** Writes rows, in a transaction of its own. */
  readonly #write: (rows: readonly { id: Uint8Array; place: ChunkPlace }[]) => void;
  readonly #pending = new Map<string, { readonly id: Uint8Array; readonly place: ChunkPlace }>();
  #pendingBytes = 0;
  /** Ids of all that were fetched and that no row may refer to yet. */
  readonly #spared = new Map<string, Uint8Array>();

  constructor(
    contents: ContentWriter,
    write: (rows: readonly { id: Uint8Array; place: ChunkPlace }[]) => void,
  ) {
    this.#contents = contents;
    this.#write = write;
  }

  has(id: Uint8Array): boolean {
    return this.#pending.has(nameOf(id));
  }

  /** False where these are not the bytes of that id. `isSpared`: no row refers to it yet. */
  put(id: Uint8Array, bytes: Uint8Array, isSpared = true): boolean {
    const { store } = this.#contents;
    const name = nameOf(id);
    if (nameOf(store.idOf(bytes)) !== name) return false;
    if (this.#pending.has(name)) return true;
    const place = { ...store.packs.append(bytes), length: bytes.length, keyId: 0 };
    this.#pending.set(name, { id: id.slice(), place });
    if (isSpared) this.#spared.set(name, id.slice());
    this.#pendingBytes += bytes.length;
    if (this.#pendingBytes >= PENDING_BYTES) this.flush();
    return true;
  }

  /** Makes them durable, and known. */
  flush(): void {
    if (this.#pending.size === 0) return;
    this.#contents.store.packs.syncBlocking();
    this.#write([...this.#pending.values()]);
    this.#pending.clear();
    this.#pendingBytes = 0;
  }

  /** What refers to them is in the database, or will never be. */
  release(): void {
    this.#spared.clear();
  }

  spared(): Iterable<Uint8Array> {
    return this.#spared.values();
  }
}

function nameOf(id: Uint8Array): string {
  return String.fromCharCode(...id);
}
