import { NineError } from "../../9p/mod.ts";
import { ID_BYTES } from "./chunk_id.ts";
import { Cutter } from "./cutter.ts";
import type { Descriptor } from "./descriptor.ts";
import { ListBuilder } from "./list.ts";
import type { Content } from "./reader.ts";
import type { ChunkStore } from "./store.ts";

/** Bytes taken from the source at once. */
const STEP = 131072;

/** Of a content that is changed: half a TiB of what is cut here, and of what others cut as little as they like. */
const PIECES_MAX = 2 ** 23;
const PIECES_FIRST = 256;

/** What a content has become. */
export interface ChangedContent {
  readonly size: number;
  /** Fills `into` from `offset` on, which is within `size`. */
  read(offset: number, into: Uint8Array): void;
  /** How many bytes from `offset` on are known to be zeros without reading them; 0 where nothing is known. */
  zerosAt?(offset: number): number;
}

/** Bytes of a content that may not be what they were. */
export interface Change {
  readonly offset: number;
  readonly length: number;
}

/**
 * The descriptor of a content that was changed in some places: the same as if it were cut anew as a whole, but what is
 * read and hashed is only what is around the changes. `changes` are in any order, and may overlap; that the size
 * is another need not be among them.
 *
 * What comes behind a border of pieces depends on the bytes behind it alone: cutting begins anew there, and a run of
 * zeros that goes across it is shorter than a hole, so that its rest is no hole either. Hence cutting may stop where old
 * and new have the same border behind a change. It may start at an old border before a change that is also one of the
 * new: between two chunks, if the byte before is not zero, as otherwise a run of zeros may have become a hole that goes
 * across; at the end of a hole, if the byte behind is unchanged; and at the start. It needs 40 bytes of memory a
 * chunk, and throws EFBIG where there are more than PIECES_MAX.
 */
export function recut(
  store: ChunkStore,
  old: Content,
  now: ChangedContent,
  changes: readonly Change[],
): Descriptor {
  const pieces = piecesOf(old);
  const { starts } = pieces;
  const keep = (piece: number) => lists.add(starts[piece + 1] - starts[piece], pieces.id(piece));
  const ranges = merged(changes, old.descriptor.size, now.size);
  const lists = new ListBuilder((bytes) => store.put(bytes));
  const byte = new Uint8Array(1);
  const isZeroBefore = (offset: number) => {
    now.read(offset - 1, byte);
    return byte[0] === 0;
  };
  const isHole = (piece: number) => pieces.id(piece) === undefined;

  // The first change that ends behind what is being read.
  let near = 0;
  // An old hole is not read where it is unchanged: it may be larger than any disk.
  const zerosAt = (offset: number) => {
    const known = Math.min(now.size - offset, now.zerosAt?.(offset) ?? 0);
    if (known > 0 || offset >= old.descriptor.size) return known;
    const within = pieceAt(starts, offset);
    if (!isHole(within)) return 0;
    while (near < ranges.length && ranges[near].end <= offset) near++;
    return Math.max(0, Math.min(starts[within + 1], ranges[near]?.offset ?? Infinity) - offset);
  };

  let piece = 0;
  for (let range = 0; range < ranges.length;) {
    const changedAt = ranges[range].offset;
    // The last border before the change from which cutting gives what it would from the beginning.
    let start = piece;
    while (start < pieces.length && starts[start + 1] <= changedAt) start++;
    for (; start > piece; start--) {
      if (start === pieces.length || isHole(start)) continue;
      if (isHole(start - 1) ? starts[start] < changedAt : !isZeroBefore(starts[start])) break;
    }
    for (; piece < start; piece++) keep(piece);

    near = range;
    let end = -1;
    let stop = -1;
    const cutter = new Cutter(store.gear, {
      data: (bytes) => take(bytes.length, () => store.put(bytes)),
      hole: (length) => take(length, () => undefined),
    });
    const take = (length: number, idOf: () => Uint8Array | undefined) => {
      if (stop >= 0) return;
      const id = idOf();
      lists.add(length, id);
      const border = lists.size;
      while (range < ranges.length && ranges[range].offset < border) end = ranges[range++].end;
      while (piece < pieces.length && starts[piece] < border) piece++;
      if (border >= end && starts[piece] === border) stop = border;
    };
    const block = new Uint8Array(STEP);
    for (let at = starts[start]; at < now.size && stop < 0;) {
      const zeros = zerosAt(at);
      if (zeros > 0) {
        cutter.zeros(zeros);
        at += zeros;
        continue;
      }
      const part = block.subarray(0, Math.min(STEP, now.size - at));
      now.read(at, part);
      cutter.write(part);
      at += part.length;
    }
    if (stop < 0) {
      cutter.finish();
      if (stop < 0) return lists.finish();
    }
  }
  for (; piece < pieces.length; piece++) keep(piece);
  return lists.finish();
}

interface Pieces {
  readonly length: number;
  /** Where each begins, and where the last one ends. */
  readonly starts: Float64Array;
  /** Undefined for a hole. */
  id(piece: number): Uint8Array | undefined;
}

function piecesOf(content: Content): Pieces {
  let starts = new Float64Array(PIECES_FIRST + 1);
  let ids = new Uint8Array(PIECES_FIRST * ID_BYTES);
  let length = 0;
  for (const piece of content.entries()) {
    if (length === PIECES_MAX) {
      throw new NineError(
        "EFBIG",
        `A content of ${content.descriptor.size} bytes consists of more than ${PIECES_MAX} pieces, and cannot be changed: write it anew`,
      );
    }
    if (length === starts.length - 1) {
      [starts, ids] = [
        grown(starts, new Float64Array(2 * length + 1)),
        grown(ids, new Uint8Array(2 * ids.length)),
      ];
    }
    // No chunk has an id of zeros (list.ts).
    if (piece.id) ids.set(piece.id, length * ID_BYTES);
    starts[length + 1] = starts[length] + piece.length;
    length++;
  }
  return {
    length,
    starts: starts.subarray(0, length + 1),
    id(piece) {
      const id = ids.subarray(piece * ID_BYTES, (piece + 1) * ID_BYTES);
      return id.some((byte) => byte !== 0) ? id : undefined;
    },
  };
}

function grown<Numbers extends Float64Array | Uint8Array>(from: Numbers, to: Numbers): Numbers {
  to.set(from);
  return to;
}

/** The piece that holds the byte at `offset`. */
function pieceAt(starts: Float64Array, offset: number): number {
  let low = 0;
  let high = starts.length - 2;
  while (low < high) {
    const middle = low + high + 1 >>> 1;
    if (starts[middle] <= offset) low = middle;
    else high = middle - 1;
  }
  return low;
}

/** The changes in order, apart from each other; what one size has more than the other is the last. */
function merged(
  changes: readonly Change[],
  oldSize: number,
  size: number,
): { offset: number; end: number }[] {
  const sorted = changes.filter(({ offset, length }) => length > 0 && offset < size)
    .map(({ offset, length }) => ({ offset, end: offset + length }));
  if (oldSize !== size) sorted.push({ offset: Math.min(oldSize, size), end: Infinity });
  sorted.sort((a, b) => a.offset - b.offset);
  const apart: { offset: number; end: number }[] = [];
  for (const change of sorted) {
    const last = apart.at(-1);
    if (last !== undefined && change.offset <= last.end) last.end = Math.max(last.end, change.end);
    else apart.push(change);
  }
  return apart;
}
