import { type Attr, type Entry, Errno, GRAIN_MS, NineError, S, type U64 } from "../../9p/mod.ts";
import type { Handle } from "./handle.ts";
import { SEEK_SET } from "./libc/constants.ts";
import { DIRENTS, eachDirent } from "./libc/dirent.ts";
import { c, errno, failure, interrupted } from "./libc/libc.ts";
import { stat, statAt, statFd } from "./libc/statx.ts";
import { component } from "./libc/cstring.ts";
import type { Place } from "./place.ts";
import type { Tree } from "./tree.ts";

/** The entries of a directory as they were at one time, or those of them that have been read so far. */
class Listing {
  entries: Entry[] = [];
  complete = false;
  /** Whether it starts at the directory's start, and so may become the cached one. */
  readonly whole: boolean;
  /** Given up to save memory, or because the directory has changed: go on from the cookie. */
  dead = false;
  /** How many of its entries are counted as those of a handle. */
  reserved = 0;
  /** The directory's time of change when the reading began. No program can set it, and every other change shows in it. */
  readonly #ctimeSec = stat.ctimeSec;
  readonly #ctimeNsec = stat.ctimeNsec;

  constructor(whole: boolean) {
    this.whole = whole;
  }

  /** Whether the directory that was looked at last still has that time. */
  isCurrent(): boolean {
    return stat.ctimeNsec === this.#ctimeNsec && stat.ctimeSec === this.#ctimeSec;
  }

  /** Whether the directory had been at rest before the reading began, so that its time tells of any later change. */
  isAtRest(beganMs: number): boolean {
    return this.#ctimeSec * 1000 + this.#ctimeNsec / 1e6 < beganMs - GRAIN_MS;
  }
}

/** Where a handle's listing is: before `entries[at]`. */
export interface Cursor {
  listing: Listing;
  at: number;
  /** When the reading of `listing` began. */
  beganMs: number;
}

/**
 * Listings that are remembered, by the directory's qid.path, up to a number of entries. One is served again as long as
 * the directory has the same time of change.
 */
export class Listings {
  readonly #entriesMax: number;
  readonly #cached = new Map<number, Listing>();
  #entries = 0;

  constructor(entriesMax: number) {
    this.#entriesMax = entriesMax;
  }

  /** The listing of the directory that was looked at last. */
  get(path: number): Listing | undefined {
    const listing = this.#cached.get(path);
    if (listing === undefined) return undefined;
    if (!listing.isCurrent()) return this.drop(path), undefined;
    this.#cached.delete(path);
    this.#cached.set(path, listing);
    return listing;
  }

  add(path: number, listing: Listing): void {
    this.drop(path);
    this.#cached.set(path, listing);
    this.#entries += listing.entries.length;
    this.#shrink();
  }

  /** The directory has changed. */
  drop(path: number): void {
    const listing = this.#cached.get(path);
    if (listing === undefined) return;
    this.#cached.delete(path);
    this.#entries -= listing.entries.length;
    listing.dead = true;
    listing.entries = [];
  }

  /** Makes room for more entries in a listing that a handle is reading; false if there is none. */
  reserve(listing: Listing, more: number): boolean {
    this.#shrink(more);
    if (this.#entries + more > this.#entriesMax) return false;
    this.#entries += more;
    listing.reserved += more;
    return true;
  }

  unreserve(listing: Listing): void {
    this.#entries -= listing.reserved;
    listing.reserved = 0;
  }

  #shrink(more = 0): void {
    for (const path of this.#cached.keys()) {
      if (this.#entries + more <= this.#entriesMax) return;
      this.drop(path);
    }
  }
}

/**
 * The entries after `cookie`. Without attributes they may come from the cache, are then shared (not to be changed), and
 * their qid.version is that of when the directory was read; all else about them is current. With attributes, everything
 * is current.
 */
export function list(
  tree: Tree,
  place: Place,
  handle: Handle,
  cookie: U64,
  max: number,
  withAttr: boolean,
): Entry[] {
  if (handle.kind !== "directory") throw new NineError("ENOTDIR", `${tree.pathOf(place)} is not a directory`);
  // A directory that was moved out of the folder is not served any longer.
  if (!place.removed) tree.descriptors.of(place);
  const cursor = cookie === 0 ? start(tree, place, handle) : resume(tree, place, handle, cookie);
  for (;;) {
    const { listing } = cursor;
    if (cursor.at >= listing.entries.length) {
      if (listing.complete) return [];
      readMore(tree, place, handle, cursor);
      continue;
    }
    const entries = listing.entries.slice(cursor.at, cursor.at + Math.max(1, max));
    cursor.at += entries.length;
    if (!withAttr) return entries;
    const filled = fill(tree, handle.fd, entries);
    if (filled.length > 0) return filled;
  }
}

/** The handle's listing ends, and with it its claim to memory. */
export function endListing(tree: Tree, handle: Handle): void {
  if (handle.cursor !== undefined) tree.listings.unreserve(handle.cursor.listing);
  handle.cursor = undefined;
}

function start(tree: Tree, place: Place, handle: Handle): Cursor {
  endListing(tree, handle);
  const beganMs = Date.now();
  if (!statFd(handle.fd)) throw failure(errno(), `Look at ${tree.pathOf(place)}`);
  const cached = tree.listings.get(place.inode.path);
  if (cached !== undefined) return handle.cursor = { listing: cached, at: 0, beganMs };
  const listing = new Listing(true);
  seek(tree, place, handle, 0);
  return handle.cursor = { listing, at: 0, beganMs };
}

function resume(tree: Tree, place: Place, handle: Handle, cookie: U64): Cursor {
  const cursor = handle.cursor;
  if (cursor !== undefined && !cursor.listing.dead) {
    const { entries } = cursor.listing;
    if (cursor.at > 0 && entries[cursor.at - 1].cookie === cookie) return cursor;
    const found = entries.findIndex((entry) => entry.cookie === cookie);
    if (found >= 0) {
      cursor.at = found + 1;
      return cursor;
    }
  }
  endListing(tree, handle);
  seek(tree, place, handle, cookie);
  return handle.cursor = { listing: new Listing(false), at: 0, beganMs: 0 };
}

function seek(tree: Tree, place: Place, handle: Handle, cookie: U64): void {
  if (c.lseek(handle.fd, cookie, SEEK_SET) < 0) {
    throw failure(errno(), `Go to cookie ${cookie} of ${tree.pathOf(place)}`);
  }
}

/** Reads the next piece of the directory into the cursor's listing, which may then be complete. */
function readMore(tree: Tree, place: Place, handle: Handle, cursor: Cursor): void {
  let length;
  do length = c.getdents64(handle.fd, DIRENTS, DIRENTS.length); while (interrupted(length));
  if (length < 0) {
    const number = errno();
    // What a directory answers that has been removed while it was open.
    if (place.removed) length = 0;
    else throw failure(number, `List ${tree.pathOf(place)}`);
  }
  const { listing } = cursor;
  if (length === 0) return complete(tree, place, handle, cursor);

  const entries: Entry[] = [];
  const { number: dev } = place.inode.device;
  eachDirent(length, (record) => {
    if (record.name === null) return tree.onHidden?.(tree.pathOf(place));
    const name = component(record.name);
    if (statAt(handle.fd, name)) {
      const qid = tree.inodes.qid(handle.fd, name, false);
      entries.push({ name: record.name, qid, cookie: record.next, mode: stat.mode & S.IFMT });
    } else if (errno() !== Errno.ENOENT) {
      // A directory that may be read but not searched: its names cannot be walked to, only seen.
      const qid = tree.inodes.guess(record.inoLow, record.inoHigh, dev, record.type << 12);
      entries.push({ name: record.name, qid, cookie: record.next, mode: record.type << 12 });
    }
  });

  if (listing.whole && tree.listings.reserve(listing, entries.length)) {
    listing.entries.push(...entries);
    return;
  }
  if (!listing.whole) {
    listing.entries = entries;
    cursor.at = 0;
    return;
  }
  // Too many to remember: only this piece, from here on.
  endListing(tree, handle);
  const piece = new Listing(false);
  piece.entries = entries;
  cursor.listing = piece;
  cursor.at = 0;
  handle.cursor = cursor;
}

function complete(tree: Tree, place: Place, handle: Handle, cursor: Cursor): void {
  const { listing } = cursor;
  listing.complete = true;
  if (!listing.whole || place.removed || !listing.isAtRest(cursor.beganMs)) return;
  if (!statFd(handle.fd) || !listing.isCurrent()) return;
  tree.listings.unreserve(listing);
  tree.listings.add(place.inode.path, listing);
}

/** The entries with attributes of now, without those that have gone. */
function fill(tree: Tree, dirfd: number, entries: Entry[]): Entry[] {
  const filled: Entry[] = [];
  for (const { name, cookie } of entries) {
    const child = component(name);
    if (!statAt(dirfd, child)) continue;
    const qid = tree.inodes.qid(dirfd, child, true);
    const attr: Attr = tree.attr(qid);
    filled.push({ name, qid, cookie, mode: attr.mode, attr });
  }
  return filled;
}
