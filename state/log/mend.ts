import { crc32 } from "node:zlib";
import type { DiskFile } from "../disk/mod.ts";
import { get32, isWhole, lengthAt, numberAt, PAYLOAD_MAX, put32, RECORD_HEADER } from "./record.ts";

/**
 * Records up to this length are looked through bit by bit, and of longer ones the beginning, where an operation says what it is about. A record in which more
 * than one bit is wrong passes for one with another bit wrong once in 2^32 tries, and there are 2^15 of them.
 */
const TRIED_MAX = 4096;
const TRIED_OF_LONGER = RECORD_HEADER + 512;

/**
 * Turns the one bit back that makes the record at `at` what was written, and says whether there is one. `expected` is its number. Of a
 * long record bits behind its beginning are left: it is known what is lost then.
 */
export function mend(file: DiskFile, at: number, salt: number, expected: number): boolean {
  const size = file.size();
  const header = new Uint8Array(RECORD_HEADER);
  if (file.pread(header, at) < RECORD_HEADER) return false;
  const claimed = lengthAt(header, 0);
  for (let bit = -1; bit < 32; bit++) {
    const length = bit < 0 ? claimed : (claimed ^ 1 << bit) >>> 0;
    if (length > PAYLOAD_MAX || at + RECORD_HEADER + length > size) continue;
    const record = new Uint8Array(RECORD_HEADER + length);
    if (file.pread(record, at) < record.length) continue;
    put32(record, 4, length);
    const isMended = bit < 0 ? mendBit(record, salt, at, expected) : isWhole(record, 0, length, salt, at);
    if (!isMended || numberAt(record, 0) !== expected) continue;
    file.pwrite(record, at);
    file.syncBlocking();
    return true;
  }
  return false;
}

/** The same in memory, for a record of the right length. */
function mendBit(record: Uint8Array, salt: number, at: number, expected: number): boolean {
  const sumOf = () => crc32(record.subarray(4), salt + at >>> 0);
  const isRight = () => sumOf() === get32(record, 0);
  const found = record.slice(8, 16);
  put32(record, 8, expected % 2 ** 32);
  put32(record, 12, Math.floor(expected / 2 ** 32));
  if (isRight()) return true;
  record.set(found, 8);
  if (bits(sumOf() ^ get32(record, 0)) === 1) {
    put32(record, 0, sumOf());
    return true;
  }
  const end = record.length <= TRIED_MAX ? record.length : TRIED_OF_LONGER;
  for (let byte = 16; byte < end; byte++) {
    for (let bit = 1; bit < 256; bit <<= 1) {
      record[byte] ^= bit;
      if (isRight()) return true;
      record[byte] ^= bit;
    }
  }
  return false;
}

function bits(word: number): number {
  let count = 0;
  for (let left = word >>> 0; left > 0; left >>>= 1) count += left & 1;
  return count;
}
