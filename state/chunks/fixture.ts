import { type Disk, type Random, seeded, SimulatedDisk } from "../disk/mod.ts";
import { hex } from "./chunk_id.ts";
import {
  type ChunkPlace,
  ChunkReader,
  ChunkStore,
  type PackContents,
  PackWriter,
  type PlacedChunk,
} from "./mod.ts";

/** An index in memory, as a test can copy it to have what a crash leaves. */
export class MemoryIndex implements PackContents {
  readonly chunks = new Map<string, PlacedChunk>();
  finds = 0;

  constructor(from?: MemoryIndex) {
    if (from !== undefined) { for (const [key, chunk] of from.chunks) this.chunks.set(key, chunk); }
  }

  find(id: Uint8Array): PlacedChunk | undefined {
    this.finds++;
    return this.chunks.get(hex(id));
  }

  add(id: Uint8Array, place: ChunkPlace): void {
    this.chunks.set(hex(id), { ...place, id: id.slice() });
  }

  *inPack(pack: number): Generator<PlacedChunk> {
    for (const chunk of this.chunks.values()) if (chunk.pack === pack) yield chunk;
  }
}

export const KEY = new Uint8Array(32).map((_, i) => i * 5);

/** A store, and a reader that knows nothing yet. */
export function chunkStore(
  { disk = new SimulatedDisk() as Disk, index = new MemoryIndex(), packBytes = 1 << 20 } = {},
): { disk: Disk; index: MemoryIndex; store: ChunkStore; reader: ChunkReader; packs: PackWriter } {
  const packs = new PackWriter(disk, "packs", { packBytes });
  const store = new ChunkStore({ packs, index, key: KEY });
  return { disk, index, packs, store, reader: new ChunkReader({ packs, index, key: KEY }) };
}

export function randomBytes(length: number, random: Random = seeded(1)): Uint8Array {
  const words = new Uint32Array(Math.ceil(length / 4));
  for (let i = 0; i < words.length; i++) words[i] = random.below(2 ** 32);
  return new Uint8Array(words.buffer, 0, length);
}
