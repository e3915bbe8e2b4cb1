import { NineError } from "../error.ts";
import type { U64 } from "../qid.ts";

/** fcntl(2) lock types, as 9P2000.L carries them. */
export const LockType = { READ: 0, WRITE: 1, UNLOCK: 2 } as const;
export type LockType = typeof LockType[keyof typeof LockType];

/** A byte range `[start, end)`; `end` is Infinity for "to the end, however far it grows". */
export interface Lock {
  readonly type: typeof LockType.READ | typeof LockType.WRITE;
  readonly start: number;
  readonly end: number;
  readonly owner: LockOwner;
  /** The fid that it was taken through: it ends with that fid. */
  readonly through: object;
}

/** Locks of one owner never conflict: a process of a client, whose names of both count within its session only. */
export interface LockOwner {
  readonly session: object;
  readonly procId: number;
  readonly clientId: string;
}

/** Locks that may be held on one file: each is looked at when another is asked for. */
const LOCKS_MAX = 10_000;

/** POSIX byte-range locks by file, fcntl(2): overlapping ranges of one owner are split and replaced. */
export class LockTable {
  readonly #files = new Map<U64, Lock[]>();

  /** Takes the lock, or returns the one that is in the way and changes nothing. */
  take(file: U64, lock: Lock): Lock | undefined {
    const conflict = this.conflict(file, lock);
    if (conflict) return conflict;
    const rest = without(this.#files.get(file) ?? [], lock);
    this.#keep(file, [...rest, lock]);
    return undefined;
  }

  /** The first lock of another owner that keeps this one from being taken. */
  conflict(file: U64, lock: Lock): Lock | undefined {
    return this.#files.get(file)?.find((held) =>
      !sameOwner(held, lock) && overlaps(held, lock) &&
      (held.type === LockType.WRITE || lock.type === LockType.WRITE)
    );
  }

  /** Gives back the owner's locks in the range; one in the middle of a lock makes it two. */
  release(file: U64, range: { start: number; end: number; owner: LockOwner }): void {
    const held = this.#files.get(file);
    if (held) this.#keep(file, without(held, range));
  }

  /** Gives back all that was taken through one fid. */
  releaseThrough(file: U64, through: object): void {
    const held = this.#files.get(file);
    if (held) this.#keep(file, held.filter((lock) => lock.through !== through));
  }

  #keep(file: U64, locks: Lock[]): void {
    if (locks.length > LOCKS_MAX) {
      throw new NineError(
        "ENOLCK",
        `${locks.length} locks would be held on the file, allowed are ${LOCKS_MAX}: give some back`,
      );
    }
    if (locks.length === 0) this.#files.delete(file);
    else this.#files.set(file, locks);
  }

  /** How many locks are held on all files. */
  get size(): number {
    let count = 0;
    for (const locks of this.#files.values()) count += locks.length;
    return count;
  }
}

function sameOwner(a: { owner: LockOwner }, b: { owner: LockOwner }): boolean {
  return a.owner.session === b.owner.session && a.owner.procId === b.owner.procId &&
    a.owner.clientId === b.owner.clientId;
}

/** What is held without what the owner of the range has in it. */
function without(held: readonly Lock[], range: { start: number; end: number; owner: LockOwner }): Lock[] {
  return held.flatMap((lock) => sameOwner(lock, range) ? cut(lock, range) : [lock]);
}

function overlaps(a: { start: number; end: number }, b: { start: number; end: number }): boolean {
  return a.start < b.end && b.start < a.end;
}

/** What is left of `held` outside `range`: none, one or two pieces. */
function cut(held: Lock, range: { start: number; end: number }): Lock[] {
  if (!overlaps(held, range)) return [held];
  const pieces: Lock[] = [];
  if (held.start < range.start) pieces.push({ ...held, end: range.start });
  if (held.end > range.end) pieces.push({ ...held, start: range.end });
  return pieces;
}
