import type { ChunkPlace } from "../chunks/mod.ts";
import type { ContentWriter } from "./content_writer.ts";

/** Chunks are made known to the database after so many bytes, if no record does so before. */
const PENDING_BYTES = 16 * 1024 * 1024;

interface Fetched {
  readonly id: Uint8Array;
  readonly place: ChunkPlace;
}

/**
 * Chunks of another copy, on their way into the database: their bytes are in a pack at once, and a row is only written once these are durable. What is fetched for
 * contents that come later is spared by collecting.
 */
export class FetchedChunks {
  readonly #contents: ContentWriter;
  /** Writes rows, in a transaction of its own, and durably if need be. */
  readonly #write: (rows: readonly Fetched[], isDurable: boolean) => void;
  readonly #pending = new Map<string, Fetched>();
  #pendingBytes = 0;
  /** All that were fetched and that no row may refer to yet, and which exchanges count on them. */
  readonly #spared = new Map<string, { readonly id: Uint8Array; readonly by: Set<object> }>();

  constructor(
    contents: ContentWriter,
    write: (rows: readonly Fetched[], isDurable: boolean) => void,
  ) {
    this.#contents = contents;
    this.#write = write;
  }

  /** Whether it waits to be made known. What was fetched for another exchange is spared for that of `by` as well from now on. */
  has(id: Uint8Array, by: object): boolean {
    const name = nameOf(id);
    this.#spared.get(name)?.by.add(by);
    return this.#pending.has(name);
  }

  /** False where these are not the bytes of that id. `by`: the exchange that counts on it; undefined where a row refers to it already. */
  put(id: Uint8Array, bytes: Uint8Array, by: object | undefined): boolean {
    const { store } = this.#contents;
    const name = nameOf(id);
    if (nameOf(store.idOf(bytes)) !== name) return false;
    const spared = this.#spared.get(name);
    if (by && spared) spared.by.add(by);
    else if (by) this.#spared.set(name, { id: id.slice(), by: new Set([by]) });
    if (this.#pending.has(name)) return true;
    const place = { ...store.packs.append(bytes), length: bytes.length, keyId: 0 };
    this.#pending.set(name, { id: id.slice(), place });
    this.#pendingBytes += bytes.length;
    if (this.#pendingBytes >= PENDING_BYTES) this.flush();
    return true;
  }

  /** Makes them known, durably: what is written over them at once is durable in the log of operations, and could not become a version without them. */
  flush(): void {
    this.#enter(true);
  }

  /** The same for who makes durable what comes next, before anybody writes over them. */
  enter(): void {
    this.#enter(false);
  }

  #enter(isDurable: boolean): void {
    if (this.#pending.size === 0) return;
    this.#contents.store.packs.syncBlocking();
    this.#write([...this.#pending.values()], isDurable);
    this.#pending.clear();
    this.#pendingBytes = 0;
  }

  /** What refers to those that this exchange counts on is in the database, or will never be. */
  release(by: object): void {
    for (const [name, spared] of this.#spared) {
      if (spared.by.delete(by) && spared.by.size === 0) this.#spared.delete(name);
    }
  }

  *spared(): Generator<Uint8Array> {
    for (const { id } of this.#spared.values()) yield id;
  }
}

function nameOf(id: Uint8Array): string {
  return String.fromCharCode(...id);
}
