import { Errno, NineError, type User } from "../../9p/mod.ts";
import { F_DUPFD_CLOEXEC, OPEN, RLIMIT_NOFILE } from "./libc/constants.ts";
import { component } from "./libc/cstring.ts";
import { c, errno, failure } from "./libc/libc.ts";
import { statAt, statFd } from "./libc/statx.ts";
import type { Place } from "./place.ts";

/** For how long a descriptor is used without looking whether its name still leads to it. */
const TRUST_MS = 1000;
/** A descriptor unused for this long is closed, so that deleted files give their space back. */
const IDLE_MS = 4000;
const SWEEP_MS = 1000;

/**
 * The O_PATH descriptors of places: found from the root one component at a time, so that neither `..` nor a symlink nor
 * a race leads elsewhere, and each step ends at the inode that the place had, or in ESTALE. They are kept in a bounded
 * cache, asked again for their name after a second, and closed after some seconds without use.
 */
export class Descriptors {
  readonly #sizeMax: number;
  readonly #limit = descriptorLimit();
  readonly #reserve = Math.min(this.#limit / 2, Math.max(32, Math.floor(this.#limit / 16)));
  readonly #cached = new Set<Place>();
  /** Of removed places, outside the bound: they cannot be found again. */
  readonly #pinned = new Set<Place>();
  #operation = 0;
  #sweep: ReturnType<typeof setInterval> | undefined;

  constructor(sizeMax: number) {
    this.#sizeMax = sizeMax;
  }

  /** How many are open. */
  get size(): number {
    return this.#cached.size + this.#pinned.size;
  }

  /** Starts an operation: descriptors got from now on are not closed before the next one starts. */
  begin(): void {
    this.#operation++;
  }

  /** The place's descriptor, or -1 if there is none that can be trusted without asking the system. */
  ready(place: Place): number {
    if (place.fd < 0) return -1;
    const now = Date.now();
    if (!isTrusted(place, now)) return -1;
    place.usedMs = now;
    place.usedIn = this.#operation;
    return place.fd;
  }

  /** A descriptor that stands for the place's inode, valid until the operation ends. */
  of(place: Place): number {
    const ready = this.ready(place);
    return ready >= 0 ? ready : this.#find(place);
  }

  /** The place's name is about to go through us: its descriptor stays open until `release`. */
  pin(place: Place): void {
    this.#cached.delete(place);
    this.#pinned.add(place);
  }

  /** Closes the place's descriptor, if it has one. */
  release(place: Place): void {
    if (place.fd < 0 || place.isRoot) return;
    c.close(place.fd);
    place.fd = -1;
    this.#cached.delete(place);
    this.#pinned.delete(place);
  }

  /** openat(2); if there are no descriptors left, once more after closing what can be found again. */
  openat(dirfd: number, name: Uint8Array<ArrayBuffer>, flags: number, mode: number): number {
    for (let relieved = false;;) {
      const fd = c.openat(dirfd, name, flags | OPEN.CLOEXEC, mode);
      if (fd >= 0) return fd;
      const number = errno();
      if (number === Errno.EINTR) continue;
      if (relieved || (number !== Errno.EMFILE && number !== Errno.ENFILE) || !this.#relieve()) {
        errnoOfOpen = number;
        return -1;
      }
      relieved = true;
    }
  }

  /**
   * Files that clients open leave some descriptors to the node, for new clients and for finding files; the owner may
   * have half of those. The kernel gives the lowest that is free, so the number says how many are left. Returns the
   * file's descriptor from now on, or throws EMFILE, with `fd` still open.
   */
  lower(fd: number, user: User): number {
    const end = this.#limit - (user.standing === "owner" ? this.#reserve / 2 : this.#reserve);
    if (fd < end) return fd;
    this.#relieve();
    const lower = c.fcntl(fd, F_DUPFD_CLOEXEC, 0);
    if (lower >= 0) c.close(lower < end ? fd : lower);
    if (lower >= 0 && lower < end) return lower;
    throw new NineError(
      "EMFILE",
      `Descriptor ${fd} of ${this.#limit}: from ${end} on they are kept for others, close some files`,
    );
  }

  closeAll(): void {
    for (const place of [...this.#cached, ...this.#pinned]) this.release(place);
    this.#rest();
  }

  #find(place: Place): number {
    const now = Date.now();
    const below: Place[] = [];
    let at = place;
    while (!isTrusted(at, now)) {
      if (at.isRoot) throw new NineError("EIO", "The host server has been closed");
      if (at.removed) throw new NineError("ESTALE", `${at.path} was removed and is held by nobody`);
      below.push(at);
      at = at.parent;
    }
    let usedBefore = at.usedIn;
    this.#use(at, now);
    for (let next = below.pop(); next !== undefined; next = below.pop()) {
      const usedNext = next.usedIn;
      // Before there is too much: what is closed then must not be what was just opened.
      this.#use(next, now);
      this.#step(at.fd, next, now);
      // From here on only `next` is needed, unless the operation had `at` before: a path may be longer than the cache.
      at.usedIn = usedBefore;
      at = next;
      usedBefore = usedNext;
    }
    return place.fd;
  }

  #step(parentFd: number, place: Place, now: number): void {
    const name = component(place.name);
    if (place.fd >= 0) {
      if (statAt(parentFd, name) && place.inode.isLastStat()) {
        place.checkedMs = now;
        return;
      }
      const number = errno();
      this.release(place);
      throw number === Errno.EACCES ? failure(number, `Look at ${place.path}`) : stale(place);
    }
    const fd = this.openat(parentFd, name, OPEN.PATH | OPEN.NOFOLLOW, 0);
    if (fd < 0) {
      const number = openErrno();
      throw number === Errno.ENOENT ? stale(place) : failure(number, `Find ${place.path}`);
    }
    if (!statFd(fd) || !place.inode.isLastStat()) {
      c.close(fd);
      throw stale(place);
    }
    place.fd = fd;
    place.checkedMs = place.queuedMs = now;
    this.#cached.add(place);
    // Where files leave none below it, the cache must not fill the reserve.
    if (fd >= this.#limit - this.#reserve / 2) this.#relieve();
    else if (this.#cached.size > this.#sizeMax) this.#evict();
    this.#sweep ??= this.#startSweep();
  }

  #use(place: Place, now: number): void {
    place.usedMs = now;
    place.usedIn = this.#operation;
  }

  /** Closes one descriptor: the oldest that has not been used since it was queued, as in the clock algorithm. */
  #evict(): void {
    for (const place of this.#cached) {
      if (place.usedIn === this.#operation) continue;
      if (place.usedMs <= place.queuedMs) return this.release(place);
      place.queuedMs = place.usedMs;
      this.#cached.delete(place);
      this.#cached.add(place);
    }
  }

  #relieve(): boolean {
    const before = this.#cached.size;
    for (const place of [...this.#cached]) if (place.usedIn !== this.#operation) this.release(place);
    return this.#cached.size < before;
  }

  #startSweep(): ReturnType<typeof setInterval> {
    const timer = setInterval(() => {
      const before = Date.now() - IDLE_MS;
      for (const place of [...this.#cached]) if (place.usedMs < before) this.release(place);
      if (this.#cached.size === 0) this.#rest();
    }, SWEEP_MS);
    if (typeof timer === "number") Deno.unrefTimer(timer);
    return timer;
  }

  #rest(): void {
    clearInterval(this.#sweep);
    this.#sweep = undefined;
  }
}

function isTrusted(place: Place, now: number): boolean {
  if (place.fd < 0) return false;
  const age = now - place.checkedMs;
  return (age >= 0 && age < TRUST_MS) || place.removed || place.isRoot;
}

let errnoOfOpen = 0;

/** Why the last `openat` of any Descriptors failed: closing others in between loses libc's errno. */
export function openErrno(): number {
  return errnoOfOpen;
}

/** What a place answers whose name no longer leads to its file. */
export function stale(place: Place): NineError {
  return new NineError(
    "ESTALE",
    `${place.path} was replaced, moved or removed by another program; walk to it again`,
  );
}

/** The bound for a cache: a quarter of what the process may open, at most 4096. */
export function descriptorsMax(): number {
  return Math.max(8, Math.min(4096, Math.floor(descriptorLimit() / 4)));
}

/** How many descriptors the process may have. */
function descriptorLimit(): number {
  const rlimit = new BigUint64Array(2);
  return c.getrlimit(RLIMIT_NOFILE, new Uint8Array(rlimit.buffer)) < 0 ? 1024 : Number(rlimit[0]);
}
