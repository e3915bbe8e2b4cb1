/** Where a chunk is. */
export interface ChunkPlace {
  /** Number of the pack. */
  readonly pack: number;
  /** Of its first byte in the pack. */
  readonly offset: number;
  /** Its bytes in the pack. */
  readonly length: number;
  /** With which key it is encrypted; 0: with none. */
  readonly keyId: number;
}

/** Who knows where chunks are: state/store keeps it in SQLite. */
export interface ChunkIndex {
  find(id: Uint8Array): ChunkPlace | undefined;
  /** Whether it is known why one is not here: no copy that was met had it, or nobody read it yet. */
  isAbsent?(id: Uint8Array): boolean;
  /** Whether there is any of which that is known. */
  readonly hasAbsent?: boolean;
  /** Says where a chunk is from now on, whatever was known of it. The id is the caller's again after the call. */
  add(id: Uint8Array, place: ChunkPlace): void;
}

/** A chunk and where it is. */
export interface PlacedChunk extends ChunkPlace {
  readonly id: Uint8Array;
}

/** For collecting garbage: the chunks that the index has in one pack, in any order. */
export interface PackContents {
  inPack(pack: number): Iterable<PlacedChunk>;
}
