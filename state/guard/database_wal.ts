import type { DiskFile } from "../disk/mod.ts";

/**
 * SQLite's write-ahead log, as its documentation has it (https://www.sqlite.org/fileformat2.html#walformat):
 *
 *     magic[4] version[4] pageSize[4] sequence[4] salt[8] checksum[8]           once
 *     page[4] commit[4] salt[8] checksum[8] and the page                        for each frame
 *
 * Numbers are big-endian. The checksum of a frame covers all that is before it, so that the first bad one ends the log.
 */
const HEADER = 32;
const FRAME_HEADER = 24;
const MAGIC = 0x377f0682;
/** Pages of 512 bytes to 64 KiB. */
const PAGE_MIN = 512;
const PAGE_MAX = 65_536;

export interface DatabaseWal {
  /** Tells one filling of the file from the next; empty where the file is none that SQLite would read. */
  readonly salt: string;
  /** How many frames SQLite would take: up to the last commit before the first bad one. */
  readonly frames: number;
  /** How many frames of this filling follow each other, good or bad. */
  readonly found: number;
  /** Whether a frame is bad that others follow: what a killed process left unfinished is the last one. */
  readonly isDamaged: boolean;
  /** How many pages the database has with those SQLite would take; 0 where there are none. */
  readonly size: number;
  /** The pages that are in those SQLite would take. */
  readonly pages: ReadonlySet<number>;
}

const NONE: DatabaseWal = { salt: "", frames: 0, found: 0, isDamaged: false, size: 0, pages: new Set() };

/** Reads the log as SQLite does when it opens the database; without `checks` every frame of this filling counts as good. */
export function readWal(file: DiskFile, checks: boolean): DatabaseWal {
  const end = file.size();
  const header = new Uint8Array(HEADER);
  if (file.pread(header, 0) < HEADER) return { ...NONE, isDamaged: end > 0 };
  const view = new DataView(header.buffer);
  const magic = view.getUint32(0);
  const pageSize = view.getUint32(8);
  const isLog = (magic & ~1) === MAGIC && pageSize >= PAGE_MIN && pageSize <= PAGE_MAX;
  const sum = new WalSum((magic & 1) === 0);
  if (!isLog || !sum.add(header.subarray(0, 24)).is(view, 24)) return { ...NONE, isDamaged: true };
  const salt = saltAt(view, 16);

  const bytes = FRAME_HEADER + pageSize;
  const frame = new Uint8Array(checks ? bytes : FRAME_HEADER);
  const frameView = new DataView(frame.buffer);
  const pages = new Set<number>();
  let open: number[] = [];
  let [frames, found, bad, size] = [0, 0, 0, 0];
  for (let at = HEADER; at + bytes <= end; at += bytes) {
    file.pread(frame, at);
    // Where the salt of a frame alone is wrong, others of this filling follow.
    if (saltAt(frameView, 8) !== salt && !isOf(file, at + bytes, salt)) break;
    found++;
    if (bad > 0) continue;
    if (checks) {
      sum.add(frame.subarray(0, 8)).add(frame.subarray(FRAME_HEADER));
      if (saltAt(frameView, 8) !== salt || !sum.is(frameView, 16)) {
        bad = found;
        continue;
      }
    }
    open.push(frameView.getUint32(0));
    if (frameView.getUint32(4) === 0) continue;
    frames = found;
    size = frameView.getUint32(4);
    for (const page of open) pages.add(page);
    open = [];
  }
  return { salt, frames, found, isDamaged: bad > 0 && bad < found, size, pages };
}

function isOf(file: DiskFile, at: number, salt: string): boolean {
  const next = new Uint8Array(FRAME_HEADER);
  return file.pread(next, at) === FRAME_HEADER && saltAt(new DataView(next.buffer), 8) === salt;
}

function saltAt(view: DataView, at: number): string {
  return `${view.getUint32(at)}.${view.getUint32(at + 4)}`;
}

/** Two running sums over words of four bytes, in whichever order of bytes the log was begun. */
class WalSum {
  #first = 0;
  #second = 0;
  readonly #isLittle: boolean;

  constructor(isLittle: boolean) {
    this.#isLittle = isLittle;
  }

  add(bytes: Uint8Array): this {
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    let [first, second] = [this.#first, this.#second];
    for (let at = 0; at < bytes.byteLength; at += 8) {
      first = first + view.getUint32(at, this.#isLittle) + second | 0;
      second = second + view.getUint32(at + 4, this.#isLittle) + first | 0;
    }
    this.#first = first;
    this.#second = second;
    return this;
  }

  /** Whether the sums are those at a place. */
  is(view: DataView, at: number): boolean {
    return view.getInt32(at) === this.#first && view.getInt32(at + 4) === this.#second;
  }
}
