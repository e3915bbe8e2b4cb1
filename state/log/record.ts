import { crc32 } from "node:zlib";

/**
 * A record in a segment, numbers little-endian:
 *
 *     crc32[4] length[4] number[8] type[1] payload[length]
 *
 * The CRC is of everything after itself and starts from the segment's salt plus the record's offset, so that a record
 * counts only where it was written: a client may well store a copy of a log in a file, whose bytes are then payload.
 */
export const RECORD_HEADER = 17;
/** Longest payload in bytes: the largest 9P message (8 MiB) with all that an operation says besides. */
export const PAYLOAD_MAX = 16 << 20;

const TWO32 = 0x1_0000_0000;

/** Writes a record's header for the payload that stands after it in `into`, or goes on in `body`. */
export function seal(
  into: Uint8Array,
  { salt, offset, number, type, head, body }: {
    salt: number;
    /** Of the record in its segment. */
    offset: number;
    number: number;
    type: number;
    /** Bytes of payload in `into`. */
    head: number;
    /** The rest of the payload, in a buffer of its own. */
    body: Uint8Array | undefined;
  },
): void {
  const length = head + (body === undefined ? 0 : body.length);
  put32(into, 4, length);
  put32(into, 8, number % TWO32);
  put32(into, 12, Math.floor(number / TWO32));
  into[16] = type;
  let crc = crc32(into.subarray(4, RECORD_HEADER + head), salt + offset >>> 0);
  if (body !== undefined) crc = crc32(body, crc);
  put32(into, 0, crc);
}

/** The length that a header claims, unchecked. */
export function lengthAt(bytes: Uint8Array, at: number): number {
  return get32(bytes, at + 4);
}

/** The number that a header claims, unchecked; beyond 2^53 it is not exact, and never what is expected. */
export function numberAt(bytes: Uint8Array, at: number): number {
  return get32(bytes, at + 8) + get32(bytes, at + 12) * TWO32;
}

/** Whether the whole record at `at` of `bytes`, which is at `offset` of its segment, is as it was written. */
export function isWhole(
  bytes: Uint8Array,
  at: number,
  length: number,
  salt: number,
  offset: number,
): boolean {
  return crc32(bytes.subarray(at + 4, at + RECORD_HEADER + length), salt + offset >>> 0) === get32(bytes, at);
}

export function get32(bytes: Uint8Array, at: number): number {
  return (bytes[at] | bytes[at + 1] << 8 | bytes[at + 2] << 16 | bytes[at + 3] << 24) >>> 0;
}

export function put32(bytes: Uint8Array, at: number, value: number): void {
  bytes[at] = value;
  bytes[at + 1] = value >>> 8;
  bytes[at + 2] = value >>> 16;
  bytes[at + 3] = value >>> 24;
}
