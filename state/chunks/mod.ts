/**
 * The chunk store of a volume: contents are cut where they say so themselves, and equal pieces are kept once.
 *
 * @module
 */
export { Checked } from "./checked.ts";
export { chunkIds, ID_BYTES, type IdOf } from "./chunk_id.ts";
export type { ChunkIndex, ChunkPlace, PackContents, PlacedChunk } from "./chunk_index.ts";
export { type Collected, copyLive, liveBytes, orphanPacks } from "./collect.ts";
export { CHUNK_AVERAGE, CHUNK_MAX, CHUNK_MIN, cutPoint, type GearTable, gearTable } from "./cut.ts";
export { Cutter, HOLE_MIN, type Pieces } from "./cutter.ts";
export { decodeDescriptor, type Descriptor, EMPTY, encodeDescriptor, isDescriptorOf } from "./descriptor.ts";
export { PACK_BYTES, type PackMark, packName, Packs, PackWriter } from "./packs.ts";
export { ChunkReader, type ChunkReaderOptions, Content } from "./reader.ts";
export { type Change, type ChangedContent, recut } from "./recut.ts";
export { ChunkStore, ContentBuilder } from "./store.ts";
