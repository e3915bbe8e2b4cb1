import type { Random } from "./random.ts";

/** A write of bytes, or, with none, a cut or growth to `size`. */
interface Change {
  readonly offset: number;
  readonly bytes?: Uint8Array;
  /** How long the file was after it. */
  readonly size: number;
}

/** What is in a file of the simulated disk: as it is, as it is durably, and each change between the two. */
export class SimulatedContent {
  readonly #current: Bytes;
  readonly #durable: Bytes;
  #changes: Change[] = [];
  /** How many changes are durable or given up; the first in `#changes` has this number. */
  #kept = 0;

  constructor(durable: Bytes = new Bytes()) {
    this.#durable = durable;
    this.#current = durable.copy();
  }

  /** One that has these bytes durably. */
  static of(bytes: Uint8Array): SimulatedContent {
    const durable = new Bytes();
    durable.write(bytes, 0);
    return new SimulatedContent(durable);
  }

  get size(): number {
    return this.#current.size;
  }

  read(into: Uint8Array, offset: number): number {
    const found = this.#current.view(offset, into.length);
    into.set(found);
    return found.length;
  }

  /** `bytes` stay with the content. */
  write(bytes: Uint8Array, offset: number): void {
    this.#change({ offset, bytes, size: Math.max(this.size, offset + bytes.length) });
  }

  truncate(size: number): void {
    this.#change({ offset: Math.min(size, this.size), size });
  }

  /** The changes up to now, for `keep` and `lose`. */
  mark(): number {
    return this.#kept + this.#changes.length;
  }

  /** The changes up to `mark` are durable. */
  keep(mark: number): void {
    for (; this.#kept < mark; this.#kept++) apply(this.#durable, this.#changes.shift()!);
  }

  /** The changes up to `mark` will never be durable, as after a sync that failed. */
  lose(mark: number): void {
    for (; this.#kept < mark; this.#kept++) this.#changes.shift();
  }

  /** What is left after a loss of power that takes or leaves `unit` bytes at a time. */
  afterLoss(random: Random, unit: number): SimulatedContent {
    const after = this.#durable.copy();
    const sizes = [after.size, ...this.#changes.map(({ size }) => size)];
    // Some losses take nearly all, some nearly nothing.
    const kept = [0, 0.5, 0.9, 1][random.below(4)];
    const size = random.chance(kept) ? sizes.at(-1)! : sizes[random.below(sizes.length)];
    const end = Math.max(...sizes);
    const touched = touches(this.#changes, unit, end);
    const torn = random.chance(0.5) ? [...touched.keys()][random.below(touched.size)] : -1;
    for (const [at, changes] of touched) {
      const count = random.chance(kept) ? changes.length : random.below(changes.length + 1);
      for (let i = 0; i < count; i++) {
        const limit = at === torn && i === count - 1 ? 1 + random.below(unit - 1) : unit;
        applyWithin(after, changes[i], at * unit, at * unit + limit);
      }
    }
    after.resize(size);
    return new SimulatedContent(after);
  }

  #change(change: Change): void {
    apply(this.#current, change);
    this.#changes.push(change);
  }
}

/** By number of the unit, the changes that touch it, in order. */
function touches(changes: readonly Change[], unit: number, end: number): Map<number, Change[]> {
  const touched = new Map<number, Change[]>();
  for (const change of changes) {
    const until = change.bytes === undefined ? end : change.offset + change.bytes.length;
    for (let at = Math.floor(change.offset / unit); at * unit < until; at++) {
      const those = touched.get(at);
      if (those === undefined) touched.set(at, [change]);
      else those.push(change);
    }
  }
  return touched;
}

function apply(bytes: Bytes, change: Change): void {
  if (change.bytes !== undefined) bytes.write(change.bytes, change.offset);
  else bytes.resize(change.size);
}

function applyWithin(bytes: Bytes, change: Change, from: number, to: number): void {
  const start = Math.max(from, change.offset);
  const end = Math.min(to, change.bytes === undefined ? bytes.size : change.offset + change.bytes.length);
  if (start >= end) return;
  if (change.bytes === undefined) bytes.write(new Uint8Array(end - start), start);
  else bytes.write(change.bytes.subarray(start - change.offset, end - change.offset), start);
}

/** Bytes that grow; what was never written is zero. */
class Bytes {
  size = 0;
  #room = new Uint8Array(0);

  copy(): Bytes {
    const copy = new Bytes();
    copy.#room = this.#room.slice(0, this.size);
    copy.size = this.size;
    return copy;
  }

  view(offset: number, length: number): Uint8Array {
    return this.#room.subarray(Math.min(offset, this.size), Math.min(offset + length, this.size));
  }

  write(bytes: Uint8Array, offset: number): void {
    if (offset + bytes.length > this.size) this.resize(offset + bytes.length);
    this.#room.set(bytes, offset);
  }

  resize(size: number): void {
    if (size > this.#room.length) {
      const room = new Uint8Array(Math.max(size, 2 * this.#room.length));
      room.set(this.#room.subarray(0, this.size));
      this.#room = room;
    } else if (size < this.size) {
      this.#room.fill(0, size, this.size);
    }
    this.size = size;
  }
}
