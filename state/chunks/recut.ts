import { Cutter } from "./cutter.ts";
import type { Descriptor } from "./descriptor.ts";
import { ListBuilder } from "./list.ts";
import type { Content } from "./reader.ts";
import type { ChunkStore } from "./store.ts";

/** Bytes taken from the source at once. */
const STEP = 131072;

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
 * across; at the end of a hole, if the byte behind is unchanged; and at the start. It needs some 50 bytes of memory a chunk.
 */
export function recut(
  store: ChunkStore,
  old: Content,
  now: ChangedContent,
  changes: readonly Change[],
): Descriptor {
  const pieces = [...old.entries()].map(({ length, id }) => ({ length, id: id?.slice() }));
  const starts = new Float64Array(pieces.length + 1);
  for (let i = 0; i < pieces.length; i++) starts[i + 1] = starts[i] + pieces[i].length;
  const ranges = merged(changes, old.descriptor.size, now.size);
  const lists = new ListBuilder((bytes) => store.put(bytes));
  const byte = new Uint8Array(1);
  const isZeroBefore = (offset: number) => {
    now.read(offset - 1, byte);
    return byte[0] === 0;
  };
  const isHole = (piece: number) => pieces[piece].id === undefined;

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
    for (; piece < start; piece++) lists.add(pieces[piece].length, pieces[piece].id);

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
  for (; piece < pieces.length; piece++) lists.add(pieces[piece].length, pieces[piece].id);
  return lists.finish();
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
