import { crc32 } from "node:zlib";
import { NineError } from "../../9p/mod.ts";
import type { Disk, DiskFile } from "../disk/mod.ts";
import { DATABASE, DATABASE_LOG, GUARD, PACKS } from "./layout.ts";
import { readWal } from "./database_wal.ts";

/**
 * The guard, numbers little-endian:
 *
 *     magic[8] pageSize[4] pages[4] applied[8] salt[4+4] frames[4] crc32[4]      at 0, and again at 2048
 *
 * and from 4096 on for each group of 16 pages of the database
 *
 *     crc32[4] whole[4] sums[16*4] parityCrc32[4] parity[pageSize]
 *
 * `whole` is the CRC-32 of all pages of the group together, `sums` are those of each, `parity` is all of them XORed. The first CRC is of `whole` and
 * `sums`. Pages behind the end are zeros.
 */
const MAGIC = "LUX9GRD1";
const HEADER_BYTES = 40;
const HEADER_AT = [0, 2048];
const GROUPS_AT = 4096;
const GROUP = 16;
const SUMS_BYTES = 4 + 4 + GROUP * 4;
const PARITY_AT = SUMS_BYTES + 4;
const PAGE_SIZE = 4096;

/** Who only looks waits so often, and so long, for a node that may be writing. */
const TRIES_MAX = 3;
const TRY_MS = 100;

interface Sums {
  readonly whole: number;
  readonly pages: readonly number[];
}

interface Header {
  readonly pageSize: number;
  /** Of the database, as far as it is guarded. */
  readonly pages: number;
  /** The last operation that the database has without its own log. */
  readonly applied: number;
  /** The filling of that log which was brought over, and how many frames it had then. */
  readonly salt: string;
  readonly frames: number;
}

/**
 * Tells whether the pages of the database are what was written, and mends what is not: SQLite itself takes any page for what it finds, and a flipped bit in an
 * index makes it answer that a name is not there. A page may change only when it is brought over from the database's log, which happens
 * here alone, and the log has it until the guard knows it.
 *
 * 1. Before SQLite opens the database, each page that its log does not have is what the guard says, or is made so from the
 *    others of its group.
 * 2. What the log of operations has lost is in these pages: whatever is wrong with the database's log, it can be done without.
 * 3. No frame of the database's log is written over before the guard knows its page.
 *
 * The database's descriptor stays open as long as this is: closing it would take SQLite's locks from it.
 */
export class DatabaseGuard implements Disposable {
  readonly #disk: Disk;
  #database: DiskFile | undefined;
  #guard: DiskFile | undefined;
  #header: Header | undefined;
  /** Pages that are or were in the database's log and that the guard does not know. */
  #owed = new Set<number>();
  /** What the database holds since everything was brought over, until the guard knows it. */
  #due: { readonly applied: number; readonly salt: string; readonly frames: number } | undefined;
  /** Whether what the database's log had was lost since it was last said that nothing was. */
  hasLost = false;
  /** The next group that was not checked since start, Infinity when all were. */
  #next = 0;
  #group = new Uint8Array(GROUP * PAGE_SIZE);

  constructor(disk: Disk) {
    this.#disk = disk;
  }

  /** The last operation that the database has without its own log; undefined where nobody knows. */
  get applied(): number | undefined {
    return this.#header?.applied;
  }

  /** Whether every page was checked since start. */
  get isChecked(): boolean {
    return this.#next === Infinity;
  }

  /**
   * To be called once, before SQLite opens the database: puts its log away where it is not to be relied on, and checks pages for
   * some time. Says what was wrong and is mended; EIO for what cannot be.
   */
  open(millisecondsMax: number): string[] {
    const problems: string[] = [];
    const pages = this.#pagesInFile();
    this.#header = this.#readHeader(problems);
    if (this.#header === undefined) {
      this.#checkThere(pages);
      // Power may go before the guard was written for the first time: the log has all pages until then, but for the first,
      // which is all that there is of an empty database.
      const inWal = this.#inWal();
      if (pages <= 1 || Array.from({ length: pages }, (_, i) => i + 1).every((page) => inWal.has(page))) {
        problems.length = 0;
      } else if (problems.length === 0) problems.push(`${GUARD} was not there, and was made`);
      this.remake();
      return problems;
    }
    this.#checkWal(problems);
    this.check(millisecondsMax, problems);
    return problems;
  }

  /**
   * Whether the database was closed whole, with nothing in its log, and has every page as it was written: then it can be
   * opened at once. One that is larger than `bytesMax` is not looked at, and counts as one that was not.
   */
  isWhole(bytesMax: number): boolean {
    if (!this.#exists(DATABASE) || !this.#exists(GUARD)) return false;
    const problems: string[] = [];
    const header = this.#header = this.#readHeader(problems);
    const pages = this.#pagesInFile();
    if (header === undefined || problems.length > 0 || header.pages !== pages) return false;
    if (pages * PAGE_SIZE > bytesMax || !this.#isLogEmpty()) return false;
    for (let group = 0; group * GROUP < pages; group++) if (!this.#isGood(group)) return false;
    return true;
  }

  /** Goes on checking pages where it was; adds to `problems` what is mended. EIO for what cannot be. */
  check(millisecondsMax: number, problems: string[]): void {
    const groups = Math.ceil((this.#header?.pages ?? 0) / GROUP);
    const end = performance.now() + millisecondsMax;
    let inWal: ReadonlySet<number> | undefined;
    const hopeless: number[] = [];
    for (; this.#next < groups; this.#next++) {
      if (performance.now() > end && hopeless.length === 0) return;
      if (this.#isGood(this.#next)) continue;
      inWal ??= this.#inWal();
      hopeless.push(...this.#mend(this.#next, inWal, problems));
    }
    this.#next = Infinity;
    if (hopeless.length > 0) throw beyond(hopeless);
  }

  /** Takes all pages for good as they are. */
  remake(): void {
    const pages = this.#pagesInFile();
    for (let group = 0; group * GROUP < pages; group++) this.#note(group, pages);
    if (this.#header !== undefined) this.#writeHeader({ ...this.#header, pages });
    this.#next = Infinity;
  }

  /** Checks all pages again from now on. */
  again(): void {
    this.#next = 0;
  }

  /** To be called before the database's log is brought over. ENOSPC where there is no room for what will have to be known. */
  before(): void {
    this.pay();
    let highest = 0;
    for (const page of this.#inWal()) {
      this.#owed.add(page);
      highest = Math.max(highest, page);
    }
    const [end, size] = [this.#groupAt(Math.ceil(highest / GROUP)), this.#guardFile().size()];
    // What is only made longer has no room of its own yet.
    if (size < end) this.#guardFile().pwrite(new Uint8Array(end - size), size);
  }

  /** All that is in the log was brought over, and with it every operation up to `applied`. */
  broughtOver(applied: number): void {
    const { salt, found } = this.#wal(false);
    this.#due = { applied, salt, frames: found };
    this.pay();
  }

  /** To be called around `close`, with which SQLite brings the log over if nobody else has the database open. */
  closing(close: () => void, applied: number): void {
    let isRoom = true;
    try {
      this.before();
    } catch {
      isRoom = false;
    }
    close();
    if (this.#owed.size === 0 || this.#exists(DATABASE_LOG)) return;
    this.#due = { applied, salt: "", frames: 0 };
    try {
      if (isRoom) return this.pay();
    } catch {
      // What follows is for both.
    }
    // On a full disk the next start makes it anew, rather than hold pages against what they were.
    this.#disk.remove(GUARD);
  }

  /** To be called before anything is written to the database's log, which may begin anew then. */
  pay(): void {
    if (this.#due === undefined) return;
    const pages = this.#pagesInFile();
    const before = this.#header?.pages ?? 0;
    const groups = new Set<number>();
    for (const page of this.#owed) groups.add(Math.floor((page - 1) / GROUP));
    // Where the database grew, its last group before has other pages.
    if (before !== pages) groups.add(Math.floor((Math.min(before, pages) - 1) / GROUP));
    for (const group of groups) {
      if (group >= 0 && group * GROUP < Math.max(pages, 1)) this.#note(group, pages);
    }
    this.#guardFile().syncBlocking();
    this.#writeHeader({ pageSize: PAGE_SIZE, pages, ...this.#due });
    this.#owed = new Set();
    this.#due = undefined;
  }

  /** What is wrong now, for who only looks; a node may be writing meanwhile. */
  *damage(): Generator<string> {
    if (!this.#exists(GUARD)) return yield `There is no ${GUARD}: it is made when a node opens the volume`;
    const problems: string[] = [];
    this.#header = this.#readHeader(problems);
    if (this.#header === undefined) return yield `The head of ${GUARD} is damaged`;
    if (this.#exists(DATABASE_LOG) && this.#wal(true).isDamaged) {
      yield `${DATABASE_LOG} is damaged: what it has and cannot be read is still in the log of operations`;
    }
    let suspects: number[] = [];
    for (let group = 0; group * GROUP < this.#header.pages; group++) {
      if (!this.#isGood(group)) suspects.push(group);
    }
    // A node that is writing puts it right a moment later.
    for (let tries = 0; tries < TRIES_MAX && suspects.length > 0; tries++) {
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, TRY_MS);
      this.#header = this.#readHeader([]) ?? this.#header;
      suspects = suspects.filter((group) => !this.#isGood(group));
    }
    const inWal = this.#inWal();
    for (const group of suspects) yield* this.#wrongIn(group, inWal);
  }

  [Symbol.dispose](): void {
    this.#database?.close();
    this.#guard?.close();
    this.#database = this.#guard = undefined;
  }

  /** A database that is not there, where there is what belongs to one, is not to be begun anew. */
  #checkThere(pages: number): void {
    if (pages > 0 || !this.#disk.list(PACKS).length) return;
    throw new NineError(
      "EIO",
      `${DATABASE} is gone or empty, and packs/ has contents that it knew: bring it back from a copy`,
    );
  }

  /** Where frames are bad the log is done without, unless what is before them is newer than the pages. */
  #checkWal(problems: string[]): void {
    if (!this.#exists(DATABASE_LOG)) return;
    const { salt, frames, found, isDamaged } = this.#wal(true);
    const isOld = salt === this.#header!.salt && frames < this.#header!.frames;
    if (isDamaged || isOld) {
      this.hasLost = true;
      problems.push(
        `${DATABASE_LOG} was good up to frame ${frames} of ${found}: what it lacked came from the log of operations`,
      );
    }
    // The pages that it has are older than those in the database.
    if (isOld) this.#disk.remove(DATABASE_LOG);
  }

  /** Whether the pages, the sums and the parity of a group are what was written. */
  #isGood(group: number): boolean {
    const { sums, parity } = this.#record(group);
    return sums !== undefined && parity !== undefined && crc32(this.#read(group)) === sums.whole;
  }

  /** Mends a group that is not good, but for pages that the database's log has. Returns those that it could not. */
  #mend(group: number, inWal: ReadonlySet<number>, problems: string[]): number[] {
    const pages = this.#read(group);
    const { sums, parity } = this.#record(group);
    const first = group * GROUP + 1;
    const wrong = wrongPages(pages, sums);
    const bad = wrong.filter((i) => !inWal.has(first + i)).map((i) => first + i);
    if (wrong.length === 0) {
      // What has pages in the log may be half written, as power went meanwhile. It is noted anew once they are brought over.
      if (hasAny(inWal, first)) return [];
      // Damage is one thing at a time: where the sums are not to be had, the pages are taken as they are.
      this.#note(group, this.#header!.pages);
      problems.push(`${GUARD} was damaged for pages ${first} to ${first + GROUP - 1}, and was made anew`);
      return [];
    }
    if (bad.length === 0) return [];
    const mended = wrong.length === 1 && parity !== undefined ? without(pages, wrong[0], parity) : undefined;
    if (mended === undefined || crc32(mended) !== sums!.pages[wrong[0]]) return bad;
    const file = this.#databaseFile();
    file.pwrite(mended, (bad[0] - 1) * PAGE_SIZE);
    file.syncBlocking();
    problems.push(`Page ${bad[0]} of ${DATABASE} was damaged, and is mended`);
    return [];
  }

  /** What is wrong with a group, but for pages that the database's log has. */
  *#wrongIn(group: number, inWal: ReadonlySet<number>): Generator<string> {
    const first = group * GROUP + 1;
    const { sums, parity } = this.#record(group);
    const wrong = wrongPages(this.#read(group), sums).map((i) => first + i);
    const bad = wrong.filter((page) => !inWal.has(page));
    if (bad.length === 0 && hasAny(inWal, first)) return;
    for (const page of bad) yield `Page ${page} of ${DATABASE} does not match its checksum in ${GUARD}`;
    if (sums === undefined || parity === undefined) {
      yield `${GUARD} is damaged for pages ${first} to ${first + GROUP - 1}`;
    }
  }

  /** Takes the pages of a group for good as they are. */
  #note(group: number, pages: number): void {
    const bytes = this.#read(group, pages);
    const record = new Uint8Array(PARITY_AT + PAGE_SIZE);
    const view = new DataView(record.buffer);
    view.setUint32(4, crc32(bytes), true);
    for (let i = 0; i < GROUP; i++) {
      view.setUint32(8 + i * 4, crc32(bytes.subarray(i * PAGE_SIZE, (i + 1) * PAGE_SIZE)), true);
    }
    view.setUint32(0, crc32(record.subarray(4, SUMS_BYTES)), true);
    const parity = xorOf(bytes);
    record.set(parity, PARITY_AT);
    view.setUint32(SUMS_BYTES, crc32(parity), true);
    this.#guardFile().pwrite(record, this.#groupAt(group));
  }

  /** What the guard has of a group, each part of it undefined where that is not as it was written. */
  #record(group: number): { readonly sums: Sums | undefined; readonly parity: Uint8Array | undefined } {
    const bytes = new Uint8Array(PARITY_AT + PAGE_SIZE);
    const view = new DataView(bytes.buffer);
    this.#guardFile().pread(bytes, this.#groupAt(group));
    const isSums = crc32(bytes.subarray(4, SUMS_BYTES)) === view.getUint32(0, true);
    const pages = Array.from({ length: GROUP }, (_, i) => view.getUint32(8 + i * 4, true));
    const parity = bytes.subarray(PARITY_AT);
    return {
      sums: isSums ? { whole: view.getUint32(4, true), pages } : undefined,
      parity: crc32(parity) === view.getUint32(SUMS_BYTES, true) ? parity : undefined,
    };
  }

  /** A view that goes with the next one; pages that are not there are zeros. */
  #read(group: number, pages = this.#header?.pages ?? 0): Uint8Array {
    const first = group * GROUP;
    const wanted = Math.max(0, Math.min(GROUP, pages - first)) * PAGE_SIZE;
    const got = this.#databaseFile().pread(this.#group.subarray(0, wanted), first * PAGE_SIZE);
    this.#group.fill(0, got);
    return this.#group;
  }

  #groupAt(group: number): number {
    return GROUPS_AT + group * (PARITY_AT + PAGE_SIZE);
  }

  #pagesInFile(): number {
    return Math.ceil(this.#databaseFile().size() / PAGE_SIZE);
  }

  #isLogEmpty(): boolean {
    if (!this.#exists(DATABASE_LOG)) return true;
    const file = this.#disk.open(DATABASE_LOG);
    try {
      return file.size() === 0;
    } finally {
      file.close();
    }
  }

  #wal(checks: boolean): ReturnType<typeof readWal> {
    const file = this.#disk.open(DATABASE_LOG, { create: true });
    try {
      return readWal(file, checks);
    } finally {
      file.close();
    }
  }

  /** The pages that are in the database's log, and those that go when it is brought over. */
  #inWal(): ReadonlySet<number> {
    if (!this.#exists(DATABASE_LOG)) return new Set();
    const { pages, size } = this.#wal(true);
    const inWal = new Set(pages);
    if (size > 0) { for (let page = size + 1; page <= (this.#header?.pages ?? 0); page++) inWal.add(page); }
    return inWal;
  }

  #exists(name: string): boolean {
    return this.#disk.list("").includes(name);
  }

  /** Undefined where there is none, or none that can be read. */
  #readHeader(problems: string[]): Header | undefined {
    const bytes = new Uint8Array(GROUPS_AT);
    if (this.#guardFile().pread(bytes, 0) === 0) return undefined;
    for (const at of HEADER_AT) {
      const copy = bytes.subarray(at, at + HEADER_BYTES);
      const view = new DataView(bytes.buffer, at, HEADER_BYTES);
      if (crc32(copy.subarray(0, HEADER_BYTES - 4)) !== view.getUint32(HEADER_BYTES - 4, true)) continue;
      const magic = String.fromCharCode(...copy.subarray(0, MAGIC.length));
      const pageSize = view.getUint32(8, true);
      if (magic !== MAGIC || pageSize !== PAGE_SIZE) {
        throw new NineError(
          "EINVAL",
          `${GUARD} has the format ${magic} and pages of ${pageSize} bytes; this version knows ${MAGIC} and ` +
            `${PAGE_SIZE}: use the newer one`,
        );
      }
      return {
        pageSize,
        pages: view.getUint32(12, true),
        applied: view.getFloat64(16, true),
        salt: saltText(view.getUint32(24, true), view.getUint32(28, true)),
        frames: view.getUint32(32, true),
      };
    }
    problems.push(`The head of ${GUARD} was damaged, and was made anew with all the rest of it`);
    return undefined;
  }

  #writeHeader(header: Header): void {
    const bytes = new Uint8Array(HEADER_BYTES);
    const view = new DataView(bytes.buffer);
    new TextEncoder().encodeInto(MAGIC, bytes);
    view.setUint32(8, header.pageSize, true);
    view.setUint32(12, header.pages, true);
    view.setFloat64(16, header.applied, true);
    const [one = 0, two = 0] = header.salt === "" ? [] : header.salt.split(".").map(Number);
    view.setUint32(24, one, true);
    view.setUint32(28, two, true);
    view.setUint32(32, header.frames, true);
    view.setUint32(HEADER_BYTES - 4, crc32(bytes.subarray(0, HEADER_BYTES - 4)), true);
    // The second copy waits for the next sync, which comes before the first one is written over.
    this.#guardFile().pwrite(bytes, HEADER_AT[0]);
    this.#guardFile().syncBlocking();
    this.#guardFile().pwrite(bytes, HEADER_AT[1]);
    this.#header = header;
  }

  #databaseFile(): DiskFile {
    return this.#database ??= this.#disk.open(DATABASE, { create: true });
  }

  #guardFile(): DiskFile {
    return this.#guard ??= this.#disk.open(GUARD, { create: true });
  }
}

function beyond(pages: readonly number[]): NineError {
  const some = pages.slice(0, 20).join(", ") + (pages.length > 20 ? ` and ${pages.length - 20} more` : "");
  return new NineError(
    "EIO",
    `${DATABASE} is damaged in pages ${some}, and what ${GUARD} has is not enough to mend them: ` +
      "bring the volume back from a copy (or, if another program wrote to the database, remove the guard)",
  );
}

/** Which pages of a group are not what their sums say, from 0 on; none where there are no sums. */
function wrongPages(group: Uint8Array, sums: Sums | undefined): number[] {
  return sums?.pages.flatMap((sum, i) =>
    crc32(group.subarray(i * PAGE_SIZE, (i + 1) * PAGE_SIZE)) === sum ? [] : [i]
  ) ??
    [];
}

function saltText(one: number, two: number): string {
  return one === 0 && two === 0 ? "" : `${one}.${two}`;
}

function hasAny(pages: ReadonlySet<number>, first: number): boolean {
  for (let page = first; page < first + GROUP; page++) if (pages.has(page)) return true;
  return false;
}

/** All pages of a group XORed. */
function xorOf(group: Uint8Array): Uint8Array {
  const words = new Uint32Array(group.buffer, group.byteOffset, GROUP * PAGE_SIZE / 4);
  const parity = new Uint32Array(PAGE_SIZE / 4);
  for (let from = 0; from < words.length; from += parity.length) {
    for (let i = 0; i < parity.length; i++) parity[i] ^= words[from + i];
  }
  return new Uint8Array(parity.buffer);
}

/** The page that the others and the parity say. */
function without(group: Uint8Array, page: number, parity: Uint8Array): Uint8Array {
  const others = group.slice();
  others.fill(0, page * PAGE_SIZE, (page + 1) * PAGE_SIZE);
  const found = xorOf(others);
  for (let i = 0; i < PAGE_SIZE; i++) found[i] ^= parity[i];
  return found;
}
