import { createHash } from "node:crypto";
import { join } from "node:path";
import { closeSync, fstatSync, openSync, readSync } from "node:fs";
import { Slice } from "../../9p/mod.ts";
import { Result } from "./result.ts";
import { type About, decodeTrailer, encodeTrailer, TRAILER_BYTES_MAX } from "./trailer.ts";

export interface CacheOptions {
  /** Bytes of all files together; 1 GiB. */
  readonly bytesMax?: number;
  /** Files; 100,000. */
  readonly filesMax?: number;
}

/** Results up to this size also stay in memory. */
const SMALL_BYTES = 64 * 1024;
export const SMALL_TOTAL_MAX = 16 * 1024 * 1024;
/** Checked at once when it is first used after a start; a longer one in pieces. */
const CHECKED_BYTES = 1024 * 1024;
/** How long nothing new has come when writing begins. */
const WRITE_AFTER_MS = 20;
const TRAILER_BYTES = 160;
/** What a result in memory takes beside its bytes: most results are short. */
const HELD_BYTES = 1024;
/** Of results in memory, those that still have no file included. */
const UNWRITTEN_BYTES_MAX = 4 * SMALL_TOTAL_MAX;
const UNWRITTEN_FILES_MAX = 10_000;
const KEY = /^[0-9a-f]{64}$/;

interface Entry {
  bytes: number;
  result: Result | undefined;
  /** Read from the file by `peek`. */
  about?: About | undefined;
}

/**
 * Results by key, on disk and, where they are small, in memory; what was used least recently goes first. A file that was
 * not written whole, or has changed since, is no result.
 */
export class ResultCache {
  /** In the order of use. */
  readonly #entries = new Map<string, Entry>();
  readonly #bytesMax: number;
  readonly #filesMax: number;
  #bytes = 0;
  #smallBytes = 0;
  #temporary = 0;
  /** Results whose files are still to be written, one after the other. */
  readonly #unwritten = new Map<string, Result>();
  #writing: Promise<void> | undefined;
  /** Long results that are being checked, one after the other: each is read whole. */
  readonly #checking = new Map<string, Promise<Result | undefined>>();
  #lastCheck: Promise<unknown> = Promise.resolve();
  /** When the last result came. */
  #putAtMs = 0;
  #isClosing = false;

  /** Takes up what an earlier run has left in the folder, which is made where it is missing. */
  constructor(readonly folder: string, options: CacheOptions = {}) {
    this.#bytesMax = options.bytesMax ?? 1024 ** 3;
    this.#filesMax = options.filesMax ?? 100_000;
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
    for (const { key, bytes } of found.sort((a, b) => a.usedAt - b.usedAt)) this.#add(key, bytes, undefined);
    this.#evict();
  }

  get bytes(): number {
    return this.#bytes;
  }
  get files(): number {
    return this.#entries.size;
  }
  /** Bytes that results in memory take. */
  get smallBytes(): number {
    return this.#smallBytes;
  }

  /** What is known of the result of that key, without a look at its bytes. It counts as a use. */
  peek(key: string): About | undefined {
    const entry = this.#entries.get(key);
    if (!entry) return undefined;
    this.#entries.delete(key);
    this.#entries.set(key, entry);
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
    this.#entries.delete(key);
    this.#entries.set(key, entry);
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

  #loaded(key: string, entry: Entry | undefined, result: Result | undefined): Result | undefined {
    if (!result) this.#remove(key);
    else if (entry) {
      entry.result = result;
      this.#smallBytes += heldBytes(result);
      this.#shrink();
    }
    return result;
  }

  /**
   * A name in the folder for an output that is being written; the file is made by whoever writes it. The folder may have
   * been removed from outside, as what can be made again.
   */
  temporary(): string {
    Deno.mkdirSync(this.folder, { recursive: true, mode: 0o700 });
    return join(this.folder, `tmp.${Deno.pid}.${++this.#temporary}`);
  }

  /** Keeps an output that is in memory. It can be read at once; its file follows. */
  putBytes(key: string, bytes: Uint8Array, about: About): Result {
    if (bytes.byteLength + TRAILER_BYTES > this.#bytesMax) {
      return new Result(key, about, "", bytes, "passing");
    }
    const result = new Result(key, about, join(this.folder, key), bytes);
    // The disk is slower than the modules: who waits has the result, and nobody keeps it.
    if (this.#smallBytes > UNWRITTEN_BYTES_MAX || this.#unwritten.size > UNWRITTEN_FILES_MAX) return result;
    this.#putAtMs = performance.now();
    this.#unwritten.set(key, result);
    // As much as a trailer is, give or take: it is made when the file is.
    this.#add(key, bytes.byteLength + TRAILER_BYTES, result);
    this.#evict(key);
    this.#writing ??= this.#writeAll();
    return result;
  }

  /**
   * Begins when nothing new has come for a while, or when too much waits: making a file takes longer than a small run, and
   * whoever waits for results is answered first. What a killed node had not written yet is computed again.
   */
  async #writeAll(): Promise<void> {
    for (const [key, result] of this.#unwritten) {
      while (this.#mayWait()) {
        await new Promise((wake) => setTimeout(wake, this.#putAtMs + WRITE_AFTER_MS - performance.now()));
      }
      // It may have been let go meanwhile.
      if (this.#entries.get(key)?.result === result) await write(result);
      this.#unwritten.delete(key);
      this.#shrink();
    }
    this.#writing = undefined;
  }

  #mayWait(): boolean {
    return !this.#isClosing && this.#unwritten.size < UNWRITTEN_FILES_MAX / 2 &&
      performance.now() - this.#putAtMs < WRITE_AFTER_MS;
  }

  /** Keeps an output that was written to a `temporary` file, unless the cache is smaller: that goes with its readers. */
  async putFile(key: string, temporary: string, about: About): Promise<Result> {
    const trailer = encodeTrailer(about);
    if (about.size + trailer.byteLength > this.#bytesMax) {
      return new Result(key, about, temporary, undefined, "passing");
    }
    const result = new Result(key, about, join(this.folder, key));
    await Deno.writeFile(temporary, trailer, { append: true });
    await Deno.rename(temporary, result.path);
    this.#add(key, about.size + trailer.byteLength, result);
    this.#evict(key);
    return result;
  }

  /** Ends what is being written, and writes down when results were last used, for the next start. */
  async close(): Promise<void> {
    this.#isClosing = true;
    await this.#writing;
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

  #add(key: string, bytes: number, result: Result | undefined): void {
    this.#forget(key);
    this.#entries.set(key, { bytes, result });
    this.#bytes += bytes;
    this.#smallBytes += heldBytes(result);
    this.#shrink();
  }

  #forget(key: string): void {
    const entry = this.#entries.get(key);
    if (!entry) return;
    this.#entries.delete(key);
    this.#bytes -= entry.bytes;
    this.#smallBytes -= heldBytes(entry.result);
  }

  #remove(key: string): void {
    this.#forget(key);
    removeQuietly(join(this.folder, key));
  }

  /** Lets go what is too much, but not what was just `added`: somebody waits for it. */
  #evict(added?: string): void {
    for (const key of this.#entries.keys()) {
      if (this.#bytes <= this.#bytesMax && this.#entries.size <= this.#filesMax) return;
      if (key !== added) this.#remove(key);
    }
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
    let fd: number;
    try {
      fd = openSync(path, "r");
    } catch {
      return undefined;
    }
    try {
      const about = trailerOf(fd);
      if (!about) return undefined;
      if (about.size > CHECKED_BYTES) return this.#checkLong(about, path, key);
      const bytes = new Uint8Array(about.size);
      readSync(fd, bytes, 0, bytes.byteLength, 0);
      if (createHash("sha256").update(bytes).digest("hex") !== about.hash) return undefined;
      return new Result(key, about, path, about.size <= SMALL_BYTES ? bytes : undefined);
    } catch {
      return undefined;
    } finally {
      closeSync(fd);
    }
  }

  /** Once for all who ask at the same time. */
  #checkLong(about: About, path: string, key: string): Promise<Result | undefined> {
    let check = this.#checking.get(key);
    if (!check) {
      check = this.#lastCheck.then(() => checked(about, path, key)).finally(() => this.#checking.delete(key));
      this.#checking.set(key, check);
      this.#lastCheck = check;
    }
    return check;
  }
}

/** The result of a long file, read in pieces; undefined where it is damaged or gone. */
async function checked(about: About, path: string, key: string): Promise<Result | undefined> {
  let fd: number;
  try {
    fd = openSync(path, "r");
  } catch {
    return undefined;
  }
  try {
    const hash = createHash("sha256");
    const slice = new Slice();
    const piece = new Uint8Array(CHECKED_BYTES / 4);
    for (let at = 0; at < about.size;) {
      const count = readSync(fd, piece, 0, Math.min(piece.byteLength, about.size - at), at);
      if (count === 0) return undefined;
      hash.update(piece.subarray(0, count));
      at += count;
      const turn = slice.breathe();
      if (turn) await turn;
    }
    return hash.digest("hex") === about.hash ? new Result(key, about, path) : undefined;
  } catch {
    return undefined;
  } finally {
    closeSync(fd);
  }
}

/**
 * In its place, as a file that was not written whole shows it. A result whose file cannot be written stays in memory as
 * long as others do.
 */
async function write({ bytes, about, path }: Result): Promise<void> {
  const trailer = encodeTrailer(about);
  const whole = new Uint8Array(bytes!.byteLength + trailer.byteLength);
  whole.set(bytes!);
  whole.set(trailer, bytes!.byteLength);
  await Deno.writeFile(path, whole, { mode: 0o600 }).catch(() => removeQuietly(path));
}

function removeQuietly(path: string): void {
  try {
    Deno.removeSync(path);
  } catch { /* It was removed from outside. */ }
}

function heldBytes(result: Result | undefined): number {
  return result?.bytes ? result.bytes.byteLength + HELD_BYTES : 0;
}

function aboutOf(path: string): About | undefined {
  let fd: number;
  try {
    fd = openSync(path, "r");
  } catch {
    return undefined;
  }
  try {
    return trailerOf(fd);
  } catch {
    return undefined;
  } finally {
    closeSync(fd);
  }
}

function trailerOf(fd: number): About | undefined {
  const fileBytes = fstatSync(fd).size;
  const end = new Uint8Array(Math.min(TRAILER_BYTES_MAX, fileBytes));
  readSync(fd, end, 0, end.byteLength, fileBytes - end.byteLength);
  return decodeTrailer(end, fileBytes);
}
