import type { Logged, VolumeStore } from "./store.ts";

/** A change of contents that is in the log and in no version yet. */
interface Change {
  readonly number: number;
  /** Where a write begins; undefined for a cut. */
  readonly start: number | undefined;
  /** Where a write ends, or what the file was cut or extended to. */
  readonly end: number;
  readonly segment: number;
  readonly position: number;
}

/** Bytes of the file that are in the log. */
interface Extent {
  start: number;
  end: number;
  readonly segment: number;
  /** Of the byte at `start`. */
  position: number;
}

/** The contents of a regular file: the settled version, and over it what was written since, which is read from the log. */
export class Contents {
  size: number;
  /** The settled version; undefined where the index has a newer one than is known here. */
  #base: Uint8Array | null | undefined;
  /** How much of the settled version shows. */
  #baseEnd: number;
  #changes: Change[] = [];
  /** In order, and apart from each other. */
  #extents: Extent[] = [];
  /** Bytes of the log that are held for this file. */
  bytesLogged = 0;

  constructor(readonly ino: number, base: Uint8Array | null, size: number) {
    this.#base = base;
    this.size = this.#baseEnd = size;
  }

  /** Whether something is in no version yet. */
  get isUnsettled(): boolean {
    return this.#changes.length > 0;
  }

  get changes(): number {
    return this.#changes.length;
  }

  write({ number, segment, position }: Logged, start: number, end: number): void {
    const change = { number, start, end, segment, position };
    this.#changes.push(change);
    this.bytesLogged += end - start;
    this.#put(change);
  }

  cut({ number, segment, position }: Logged, size: number): void {
    const change = { number, start: undefined, end: size, segment, position };
    this.#changes.push(change);
    this.#put(change);
  }

  /** What was done up to that operation is the settled version now, and no longer in the log. */
  settled(number: number): void {
    this.#base = undefined;
    this.#extents = [];
    this.#changes = this.#changes.filter((change) => change.number > number);
    this.bytesLogged = this.#changes.reduce((sum, { start, end }) => sum + end - (start ?? end), 0);
  }

  /** Fills `into` from `offset` and returns how many bytes there were. */
  read(store: VolumeStore, offset: number, into: Uint8Array): number {
    if (this.#base === undefined) this.#reload(store);
    const count = Math.max(0, Math.min(into.byteLength, this.size - offset));
    const end = offset + count;
    let at = offset;
    for (let i = this.#extents.length === 0 ? 0 : this.#after(offset); at < end; i++) {
      const extent = i < this.#extents.length ? this.#extents[i] : undefined;
      const gapEnd = Math.min(end, extent?.start ?? end);
      if (at < gapEnd) this.#readBase(store, at, into.subarray(at - offset, gapEnd - offset));
      at = Math.max(at, gapEnd);
      if (extent === undefined || at >= end) continue;
      const partEnd = Math.min(end, extent.end);
      const part = into.subarray(at - offset, partEnd - offset);
      store.readLogged(extent.segment, extent.position + at - extent.start, part);
      at = partEnd;
    }
    return count;
  }

  #readBase(store: VolumeStore, at: number, into: Uint8Array): void {
    const stored = Math.max(0, Math.min(into.byteLength, this.#baseEnd - at));
    if (stored > 0) {
      store.readContent(this.#base!, at, stored === into.byteLength ? into : into.subarray(0, stored));
    }
    if (stored < into.byteLength) into.fill(0, stored);
  }

  /** Takes the settled version from the index, and puts over it what came later. */
  #reload(store: VolumeStore): void {
    const row = store.index.node(this.ino);
    this.#base = row?.content ?? null;
    this.#baseEnd = this.#base === null ? 0 : row!.size;
    this.#extents = [];
    this.size = row?.size ?? 0;
    for (const change of this.#changes) this.#put(change);
  }

  #put({ start, end, segment, position }: Change): void {
    if (start === undefined) {
      this.#cutExtents(end);
      this.#baseEnd = Math.min(this.#baseEnd, end);
      this.size = end;
      return;
    }
    const added = { start, end, segment, position };
    const last = this.#extents.at(-1);
    if (last === undefined || last.end <= start) this.#extents.push(added);
    else this.#insert(added);
    this.size = Math.max(this.size, end);
  }

  #insert(added: Extent): void {
    const from = this.#after(added.start);
    let to = from;
    const pieces: Extent[] = [];
    while (to < this.#extents.length && this.#extents[to].start < added.end) {
      const { start, end, segment, position } = this.#extents[to++];
      if (start < added.start) pieces.push({ start, end: added.start, segment, position });
      if (end > added.end) {
        pieces.push({ start: added.end, end, segment, position: position + added.end - start });
      }
    }
    pieces.push(added);
    pieces.sort((a, b) => a.start - b.start);
    this.#extents.splice(from, to - from, ...pieces);
  }

  #cutExtents(size: number): void {
    while (this.#extents.length > 0 && this.#extents.at(-1)!.start >= size) this.#extents.pop();
    const last = this.#extents.at(-1);
    if (last !== undefined && last.end > size) last.end = size;
  }

  /** The index of the first extent that ends after `offset`. */
  #after(offset: number): number {
    let low = 0;
    let high = this.#extents.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.#extents[middle].end <= offset) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}
