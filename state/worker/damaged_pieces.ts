import { ChunkReader, decodeDescriptor } from "../chunks/mod.ts";
import type { IndexWriter } from "../store/mod.ts";
import type { Piece } from "../sync/mod.ts";
import type { ContentWriter } from "./content_writer.ts";
import type { DocumentKeeper } from "./documents.ts";

export interface DamagedPiecesOptions {
  readonly index: IndexWriter;
  readonly contents: ContentWriter;
  readonly documents: DocumentKeeper;
}

/** Chunks that the tree of today and its merges need, that are here and that cannot be read, at most `max`: all of them are read, from the disk. */
export function* damagedPieces(
  { index, contents: { store }, documents }: DamagedPiecesOptions,
  max: number,
): Generator<Piece> {
  // One that remembers nothing of what was in order before.
  const reader = new ChunkReader({
    packs: store.packs,
    index: store.index,
    key: index.meta("key") as Uint8Array,
  });
  const seen = new Set<string>();
  let left = max;

  function* look(piece: Piece): Generator<Piece> {
    const name = String.fromCharCode(...piece.id);
    if (seen.has(name) || left <= 0) return;
    seen.add(name);
    if (reader.isAbsent(piece.id)) return;
    try {
      if (piece.depth === 0) return void reader.chunk(piece.id);
      const { list } = reader.list(piece.id, piece.size);
      for (let i = 0; i < list.count; i++) {
        const id = list.id(i);
        if (id) yield* look({ id: id.slice(), depth: piece.depth - 1, size: list.ends[i] - list.start(i) });
      }
    } catch {
      left--;
      yield piece;
    }
  }

  function* needed(): Generator<Uint8Array> {
    yield* index.contents();
    for (const { size, descriptor } of documents.tree.kept(false)) if (size > 0) yield descriptor;
  }

  for (const content of needed()) {
    const { id, depth, size } = decodeDescriptor(content);
    if (id !== undefined) yield* look({ id, depth, size });
  }
}
