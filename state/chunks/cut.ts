import { createHash } from "node:crypto";

/** Bounds of a chunk in bytes. The last one of a run of data may be shorter. */
export const CHUNK_MIN = 16384;
export const CHUNK_AVERAGE = 65536;
export const CHUNK_MAX = 262144;

/**
 * A cut is where the top bits of the rolling hash are all zero: two bits more than log2 of the average before it, two
 * fewer behind it ("normalized chunking", level 2), which draws the lengths together. The hash has 32 bits and moves up
 * one a byte, so the lowest bit asked depends on 15 bytes, and the highest on 32.
 */
const BITS_BEFORE = 14;
const BITS_BEHIND = 18;

/** 256 numbers of 32 bits, one a byte value, from the volume's key: where a file is cut tells an outsider nothing. */
export type GearTable = Int32Array;

export function gearTable(key: Uint8Array): GearTable {
  const bytes = new Uint8Array(1024);
  for (let i = 0; i < 32; i++) {
    bytes.set(createHash("sha256").update("lux9 gear").update(key).update(Uint8Array.of(i)).digest(), i * 32);
  }
  const view = new DataView(bytes.buffer);
  return Int32Array.from({ length: 256 }, (_, i) => view.getInt32(i * 4, true));
}

/**
 * Where the chunk that starts at `from` ends: FastCDC (Xia et al., "FastCDC: a Fast and Efficient Content-Defined
 * Chunking Approach for Data Deduplication", USENIX ATC 2016). It depends on the bytes of that chunk alone, so that
 * after a change the cuts are soon the same as before. `to` is where the data ends, or at least CHUNK_MAX further.
 */
export function cutPoint(gear: GearTable, bytes: Uint8Array, from: number, to: number): number {
  if (to - from <= CHUNK_MIN) return to;
  const middle = Math.min(to, from + CHUNK_AVERAGE);
  const end = Math.min(to, from + CHUNK_MAX);
  return find(gear, bytes, from + CHUNK_MIN, middle, BITS_BEFORE) ||
    find(gear, bytes, middle, end, BITS_BEHIND) || end;
}

/** How many bytes the hash knows of. */
const MEMORY = 32;

/** The first cut behind a byte in from…end, or 0. Small, for the compiler: more bytes a turn are slower (cut_bench.ts). */
function find(gear: GearTable, bytes: Uint8Array, from: number, end: number, shift: number): number {
  let hash = 0;
  for (let at = from - MEMORY; at < from; at++) hash = (hash << 1) + gear[bytes[at]] | 0;
  for (let at = from; at < end; at++) {
    hash = (hash << 1) + gear[bytes[at]] | 0;
    if (hash >>> shift === 0) return at + 1;
  }
  return 0;
}
