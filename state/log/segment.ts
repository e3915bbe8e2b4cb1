import { crc32 } from "node:zlib";
import { NineError } from "../../9p/mod.ts";
import type { Disk, DiskFile } from "../disk/mod.ts";
import { get32, put32 } from "./record.ts";

/**
 * The first bytes of a segment file, numbers little-endian:
 *
 *     magic[8] salt[4] crc32[4] first[8] zeros[8]    at 0, and again at 64: a flipped bit does not cost the segment
 *     synced[8] crc32[4]                             at 32
 *
 * `first` is the number of its first record. `synced` is a number up to which all records, here and in earlier
 * segments, were durable when it was written; it tells a tail that power took from a bit that flipped. It is written
 * after each sync and itself not waited for.
 */
export const SEGMENT_HEADER = 128;
const MARK_AT = 32;
const MARK_BYTES = 12;
const COPY_AT = 64;
const COPY_BYTES = 32;
/** The last character is the version of the format. */
const MAGIC = "LUX9LOG1";
const TWO32 = 0x1_0000_0000;

export interface SegmentHeader {
  readonly salt: number;
  readonly first: number;
}

/** `0000000001`: names sort as their numbers do. */
export function segmentName(index: number): string {
  return String(index).padStart(10, "0");
}

/** The segments in a folder, oldest first. */
export function segmentsIn(disk: Disk, folder: string): number[] {
  return disk.list(folder).filter((name) => /^\d{10,15}$/.test(name)).map(Number).sort((a, b) => a - b);
}

export function encodeHeader(salt: number, first: number): Uint8Array {
  const bytes = new Uint8Array(SEGMENT_HEADER);
  new TextEncoder().encodeInto(MAGIC, bytes);
  put32(bytes, 8, salt);
  put64(bytes, 16, first);
  put32(bytes, 12, crcOf(bytes));
  bytes.copyWithin(COPY_AT, 0, COPY_BYTES);
  return bytes;
}

/** What a segment says of itself; undefined where neither copy is whole. A newer format is ENOTSUP. */
export function readHeader(file: DiskFile, path: string): SegmentHeader | undefined {
  const bytes = new Uint8Array(SEGMENT_HEADER);
  if (file.pread(bytes, 0) < SEGMENT_HEADER) return undefined;
  for (const at of [0, COPY_AT]) {
    const copy = bytes.slice(at, at + COPY_BYTES);
    if (crcOf(copy) !== get32(copy, 12)) continue;
    const magic = String.fromCharCode(...copy.subarray(0, MAGIC.length));
    if (magic !== MAGIC) {
      throw new NineError("EOPNOTSUPP", `${path} has the format ${magic}; this program knows ${MAGIC}`);
    }
    const salt = get32(copy, 8);
    return { salt, first: get64(copy, 16) };
  }
  return undefined;
}

/** Notes in a segment that all records up to `number` are durable. */
export function writeMark(file: DiskFile, number: number): void {
  const bytes = new Uint8Array(MARK_BYTES);
  put64(bytes, 0, number);
  put32(bytes, 8, crc32(bytes.subarray(0, 8)));
  file.pwrite(bytes, MARK_AT);
}

/** The number that was noted last, or 0. It stands by itself, and is good where the rest of the header is not. */
export function readMark(file: DiskFile): number {
  const bytes = new Uint8Array(MARK_BYTES);
  if (file.pread(bytes, MARK_AT) < MARK_BYTES) return 0;
  return crc32(bytes.subarray(0, 8)) === get32(bytes, 8) ? get64(bytes, 0) : 0;
}

function crcOf(copy: Uint8Array): number {
  return crc32(copy.subarray(16, COPY_BYTES), crc32(copy.subarray(0, 12)));
}

function get64(bytes: Uint8Array, at: number): number {
  return get32(bytes, at) + get32(bytes, at + 4) * TWO32;
}

function put64(bytes: Uint8Array, at: number, value: number): void {
  put32(bytes, at, value % TWO32);
  put32(bytes, at + 4, Math.floor(value / TWO32));
}
