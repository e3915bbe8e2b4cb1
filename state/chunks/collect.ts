import { hex, isSameId } from "./chunk_id.ts";
import type { PackContents, PlacedChunk } from "./chunk_index.ts";
import type { PackWriter } from "./packs.ts";
import type { ChunkStore } from "./store.ts";

/**
 * Collecting garbage, a pack at a time. It is safe against a crash at every step if they are done in this order:
 *
 * 1. `copyLive` copies what is live to the pack that grows. The index knows nothing of it: a crash leaves dead bytes.
 * 2. `packs.sync`, then one transaction of the index: the moved chunks' new places, and the dead chunks go.
 * 3. When that is durable, `packs.remove`. A crash before it leaves a pack that `orphanPacks` finds at the next start.
 *
 * Between the look at what is live and the transaction no content may be built: `put` relies on chunks that are there.
 */
export interface Collected {
  /** The live chunks, at their new places. */
  readonly moved: PlacedChunk[];
  /** The dead ones, to be taken out of the index. There may be millions, so they are looked for when they are asked for. */
  readonly dead: Iterable<PlacedChunk>;
  /** Live ones that are not what they should be: they stay where they are, and so does the pack. */
  readonly damaged: { readonly chunk: PlacedChunk; readonly reason: string }[];
}

/** How many bytes of a pack are of live chunks; `packs.bytes` tells how many it has. */
export function liveBytes(contents: PackContents, pack: number, isLive: (id: Uint8Array) => boolean): number {
  let bytes = 0;
  for (const { id, length } of contents.inPack(pack)) if (isLive(id)) bytes += length;
  return bytes;
}

/** Copies the live chunks of a pack, which is not the one that grows, in the order in which they lie there. */
export function copyLive(
  store: ChunkStore,
  contents: PackContents,
  pack: number,
  isLive: (id: Uint8Array) => boolean,
): Collected {
  const chunks: PlacedChunk[] = [];
  for (const chunk of contents.inPack(pack)) if (isLive(chunk.id)) chunks.push(chunk);
  chunks.sort((a, b) => a.offset - b.offset);
  const dead = {
    *[Symbol.iterator]() {
      for (const chunk of contents.inPack(pack)) if (!isLive(chunk.id)) yield chunk;
    },
  };
  const collected: Collected = { moved: [], dead, damaged: [] };
  for (const chunk of chunks) {
    const bytes = new Uint8Array(chunk.length);
    const reason = damageOf(store, chunk, bytes);
    if (reason !== undefined) {
      collected.damaged.push({ chunk, reason });
      continue;
    }
    const place = { ...store.packs.append(bytes), length: chunk.length, keyId: chunk.keyId };
    collected.moved.push({ id: chunk.id, ...place });
  }
  return collected;
}

/** Packs of which the index names no chunk, as a crash leaves them; not the one that grows. */
export function orphanPacks(packs: PackWriter, contents: PackContents): number[] {
  return packs.list().filter((pack) => pack !== packs.current && isEmpty(contents.inPack(pack)));
}

function damageOf(
  store: ChunkStore,
  { id, pack, offset, keyId }: PlacedChunk,
  into: Uint8Array,
): string | undefined {
  try {
    store.packs.read(pack, offset, into);
  } catch (thrown) {
    return thrown instanceof Error ? thrown.message : String(thrown);
  }
  // Encrypted bytes are checked by whoever has the key; their id is of the plain ones.
  if (keyId !== 0 || isSameId(store.idOf(into), id)) return undefined;
  return `Chunk ${hex(id)} is damaged: the ${into.length} bytes at ${offset} of ${
    store.packs.path(pack)
  } are not what was written`;
}

function isEmpty(things: Iterable<unknown>): boolean {
  for (const _ of things) return false;
  return true;
}
