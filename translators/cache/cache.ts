import { renameSync } from "node:fs";
import { join } from "node:path";
import { Result } from "./result.ts";
import { aboutOf, isWhole, readResult, removeFile } from "./result_file.ts";
import { RoomBeside } from "./room_beside.ts";
import { type Share, Shares } from "./shares.ts";
import { Spool } from "./spool.ts";
import { type About, encodeTrailer } from "./trailer.ts";
import { WriteBehind } from "./write_behind.ts";

export interface CacheOptions {
  /** Bytes of all files that are kept; 1 GiB. */
  readonly bytesMax?: number;
  /** Files that are kept; 100,000. */
  readonly filesMax?: number;
  /** Bytes of files that are on the disk beside those, of which one user may have half; 2 GiB. */
  readonly besideBytesMax?: number;
}

/** Results up to this size also stay in memory. */
const SMALL_BYTES = 64 * 1024;
export const SMALL_TOTAL_MAX = 16 * 1024 * 1024;
/** Checked at once when it is first used after a start; a longer one in pieces. */
const CHECKED_BYTES = 1024 * 1024;
const TRAILER_BYTES = 160;
/** What a result in memory takes beside its bytes: most results are short. */
const HELD_BYTES = 1024;
/** Of results in memory, those that still have no file included. */
const UNWRITTEN_BYTES_MAX = 4 * SMALL_TOTAL_MAX;
const KEY = /^[0-9a-f]{64}$/;
/** Whose the results are that an earlier run has left. */
const NOBODY = "";

interface Entry {
  readonly bytes: number;
  /** Of the user for whom it was made. */
  readonly share: Share;
  result: Result | undefined;
  /** Read from the file by `peek`. */
  about?: About | undefined;
}

/**
 * Results by key, on disk and, where they are small, in memory. When there are too many, what was used least recently goes,
 * of the user who has the most. A file that was not written whole, or has changed since, is no result.
 */
export class ResultCache {
  /** In the order of use. */
  readonly #entries = new Map<string, Entry>();
  readonly #shares = new Shares();
  readonly #beside: RoomBeside;
  readonly #bytesMax: number;
  readonly #filesMax: number;
  #bytes = 0;
  #smallBytes = 0;
  #spools = 0;
  readonly #unwritten = new WriteBehind(
    (result) => this.#entries.get(result.key)?.result === result,
    () => this.#shrink(),
  );
  /** Long results that are being checked, one after the other: each is read whole. */
  readonly #checking = new Map<string, Promise<Result | undefined>>();
  #lastCheck: Promise<unknown> = Promise.resolve();

  /** Takes up what an earlier run has left in the folder, which is made where it is missing. */
  constructor(readonly folder: string, options: CacheOptions = {}) {
    this.#bytesMax = options.bytesMax ?? 1024 ** 3;
    this.#filesMax = options.filesMax ?? 100_000;
    this.#beside = new RoomBeside(options.besideBytesMax ?? 2 * 1024 ** 3);
    Deno.mkdirSync(folder, { recursive: true, mode: 0o700 });
    const found: { key: string; bytes: number; usedAt: number }[] = [];
    for (const { name } of Deno.readDirSync(folder)) {
      const path = join(folder, name);
      // What a killed run was writing.
      if (!KEY.test(name)) {
        if (name.startsWith("tmp.")) Deno.removeSync(path);
        continue;
      }
      const { size, mtime } = Deno.statSync(path);
      found.push({ key: name, bytes: size, usedAt: mtime?.getTime() ?? 0 });
    }
    for (const { key, bytes } of found.sort((a, b) => a.usedAt - b.usedAt)) this.#add(key, bytes, NOBODY);
    this.#makeRoom(0, 0);
  }

  get bytes(): number {
    return this.#bytes;
  }
  get files(): number {
    return this.#entries.size;
  }
  /** Bytes of files on the disk beside those that are kept. */
  get besideBytes(): number {
    return this.#beside.bytes;
  }
  /** Bytes that results in memory take. */
  get smallBytes(): number {
    return this.#smallBytes;
  }

  /** What is known of the result of that key, without a look at its bytes. It counts as a use. */
  peek(key: string): About | undefined {
    const entry = this.#entries.get(key);
    if (!entry) return undefined;
    this.#use(key, entry);
    if (entry.result) return entry.result.about;
    entry.about ??= aboutOf(join(this.folder, key));
    if (!entry.about) this.#remove(key);
    return entry.about;
  }

  /**
   * The result of that key, held: who gets it releases it. Later where it is long and has not been checked since the
   * start; undefined where there is none, or its file was removed from outside.
   */
  get(key: string): Result | undefined | Promise<Result | undefined> {
    const found = this.#find(key);
    return found instanceof Promise
      ? found.then((result) => this.#held(key, result))
      : this.#held(key, found);
  }

  #held(key: string, result: Result | undefined): Result | undefined {
    try {
      result?.hold();
      return result;
    } catch {
      if (this.#entries.get(key)?.result === result) this.#remove(key);
      return undefined;
    }
  }

  #find(key: string): Result | undefined | Promise<Result | undefined> {
    const entry = this.#entries.get(key);
    if (!entry) return undefined;
    this.#use(key, entry);
    if (entry.result) return entry.result;
    const found = this.#load(key);
    if (found instanceof Promise) {
      return found.then((result) => {
        // Another reader may have been faster, and all shall share one.
        const now = this.#entries.get(key);
        if (now?.result) return now.result;
        return this.#loaded(key, now, result);
      });
    }
    return this.#loaded(key, entry, found);
  }

  #use(key: string, entry: Entry): void {
    this.#entries.delete(key);
    this.#entries.set(key, entry);
    this.#shares.use(entry.share, key);
  }

  #loaded(key: string, entry: Entry | undefined, result: Result | undefined): Result | undefined {
    if (!result) this.#remove(key);
    else if (entry) {
      entry.result = result;
      this.#smallBytes += heldBytes(result);
      this.#shrink();
    }
    return result;
  }

  /** For an output of that user's run, should it be long; its inputs take so much of the disk beside. */
  spool(user: string, inputBytes = 0): Spool {
    return new Spool(join(this.folder, `tmp.${Deno.pid}.${++this.#spools}`), user, this.#beside, inputBytes);
  }

  /** Keeps an output that is in memory, made for that user. It can be read at once; its file follows. */
  putBytes(key: string, bytes: Uint8Array, about: About, user: string): Result {
    const result = new Result(key, about, join(this.folder, key), bytes);
    // The disk is slower than the modules: who waits has the result, and nobody keeps it.
    if (this.#smallBytes > UNWRITTEN_BYTES_MAX || this.#unwritten.isFull) return result;
    // As much as a trailer is, give or take: it is made when the file is.
    const fileBytes = bytes.byteLength + TRAILER_BYTES;
    this.#forget(key);
    if (!this.#makeRoom(fileBytes)) return result;
    this.#unwritten.put(result);
    this.#add(key, fileBytes, user, result);
    return result;
  }

  /** Keeps an output that was written to a spool, made for that user; where there is no room, it goes with its readers. */
  async putFile(key: string, spool: Spool, about: About, user: string): Promise<Result> {
    const trailer = encodeTrailer(about);
    await Deno.writeFile(spool.path, trailer, { append: true });
    const fileBytes = about.size + trailer.byteLength;
    this.#forget(key);
    if (!this.#makeRoom(fileBytes)) return this.passing(key, spool, about);
    const result = new Result(key, about, join(this.folder, key));
    renameSync(spool.path, result.path);
    spool.end();
    this.#add(key, fileBytes, user, result);
    return result;
  }

  /** An output that was written to a spool and is not to be kept: it goes with its last reader. */
  passing(key: string, spool: Spool, about: About): Result {
    const result = new Result(key, about, spool.path);
    result.besideBytes = about.size;
    result.onClosed = () => spool.discard();
    return result;
  }

  /** Ends what is being written, and writes down when results were last used, for the next start. */
  async close(): Promise<void> {
    await this.#unwritten.close();
    // The order is what counts: a file gets the time of its place in it.
    const now = Date.now();
    let age = this.#entries.size;
    for (const [key, { result }] of this.#entries) {
      age--;
      if (!result) continue;
      try {
        Deno.utimeSync(join(this.folder, key), new Date(now), new Date(now - age));
      } catch { /* It was removed from outside. */ }
    }
  }

  /** There is nothing of that key, and room for it. */
  #add(key: string, bytes: number, user: string, result?: Result): void {
    this.#entries.set(key, { bytes, share: this.#shares.add(user, key, bytes), result });
    this.#bytes += bytes;
    this.#smallBytes += heldBytes(result);
    this.#shrink();
  }

  #forget(key: string): void {
    const entry = this.#entries.get(key);
    if (!entry) return;
    const { bytes, share, result } = entry;
    this.#entries.delete(key);
    this.#shares.remove(share, key, bytes);
    this.#bytes -= bytes;
    this.#smallBytes -= heldBytes(result);
    if (!result?.isOpen) return;
    // Its file is removed or replaced, and takes its room on the disk all the same.
    this.#beside.take(share.user, bytes);
    result.besideBytes = bytes;
    result.onClosed = () => this.#beside.give(share.user, bytes);
  }

  #remove(key: string): void {
    this.#forget(key);
    removeFile(join(this.folder, key));
  }

  /** Lets go what is too much for so many more; false where that is not enough. */
  #makeRoom(bytes: number, files = 1): boolean {
    if (bytes > this.#bytesMax || files > this.#filesMax) return false;
    for (;;) {
      const isLong = this.#bytes + bytes > this.#bytesMax;
      if (!isLong && this.#entries.size + files <= this.#filesMax) return true;
      const key = this.#shares.first(isLong ? "bytes" : "files", (key) => this.#mayGo(key));
      if (key === undefined) return false;
      this.#remove(key);
    }
  }

  /** What somebody has open takes no less room when it is let go, but other room. */
  #mayGo(key: string): boolean {
    const { share, result } = this.#entries.get(key)!;
    return !result?.isOpen || this.#beside.isLeft(share.user);
  }

  /** Lets small results go from memory, which stay on disk. */
  #shrink(): void {
    if (this.#smallBytes <= SMALL_TOTAL_MAX) return;
    for (const [key, entry] of this.#entries) {
      if (!entry.result?.bytes || this.#unwritten.has(key)) continue;
      this.#smallBytes -= heldBytes(entry.result);
      // Who reads it keeps it; the next one loads it again.
      entry.result = undefined;
      if (this.#smallBytes <= SMALL_TOTAL_MAX / 2) return;
    }
  }

  #load(key: string): Result | undefined | Promise<Result | undefined> {
    const path = join(this.folder, key);
    const about = aboutOf(path);
    if (!about) return undefined;
    if (about.size > CHECKED_BYTES) return this.#checkLong(about, path, key);
    const bytes = readResult(path, about);
    return bytes && new Result(key, about, path, about.size <= SMALL_BYTES ? bytes : undefined);
  }

  /** Once for all who ask at the same time. */
  #checkLong(about: About, path: string, key: string): Promise<Result | undefined> {
    let check = this.#checking.get(key);
    if (!check) {
      check = this.#lastCheck.then(() => isWhole(path, about))
        .then((isWhole) => isWhole ? new Result(key, about, path) : undefined)
        .finally(() => this.#checking.delete(key));
      this.#checking.set(key, check);
      this.#lastCheck = check;
    }
    return check;
  }
}

function heldBytes(result: Result | undefined): number {
  return result?.bytes ? result.bytes.byteLength + HELD_BYTES : 0;
}
