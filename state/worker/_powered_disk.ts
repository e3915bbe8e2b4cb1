import { join } from "node:path";
import { NineError } from "../../9p/mod.ts";
import {
  type Disk,
  type DiskFile,
  type OpenOptions,
  type Random,
  realDisk,
  seeded,
  type SimulatedDisk,
} from "../disk/mod.ts";
import { DATABASE, DATABASE_LOG } from "../volume/mod.ts";

const PAGE = 4096;
/** SQLite makes it durable when it begins its log anew. */
const WAL_HEADER = 32;

/** What such a disk does not sync, to see who notices. */
export type Negligence = "database" | "packs" | "log";

/**
 * The disk of one copy, whose power can go. Of the volume's files the database and its log are real ones, as SQLite opens no others; all else is simulated. SQLite itself
 * makes the database durable whenever it writes to it, which is when it brings its log over; of that log, what was not synced may be there or not, page by page.
 */
export class PoweredDisk implements Disk {
  readonly #folder: string;
  readonly #real: Disk;
  readonly #simulated: SimulatedDisk;
  /** One of `Negligence`, or anything else. */
  readonly #neglects: string | undefined;
  /** The database's log as it is durably. */
  #wal: Uint8Array;
  /** What was there when the power went. */
  #left: { readonly database: Uint8Array; readonly wal: Uint8Array | undefined } | undefined;
  /** So many calls that write or sync are done before the power goes by itself. */
  callsLeft = Infinity;

  constructor(folder: string, simulated: SimulatedDisk, neglects?: string) {
    this.#folder = folder;
    this.#real = realDisk(folder);
    this.#simulated = simulated;
    this.#neglects = neglects;
    this.#wal = this.#read(DATABASE_LOG) ?? new Uint8Array(0);
  }

  get isOff(): boolean {
    return this.#left !== undefined;
  }

  /** From now on every call is EIO. What is there stays as it is, whatever SQLite does when it is closed. */
  turnOff(): void {
    this.#left ??= { database: this.#read(DATABASE) ?? new Uint8Array(0), wal: this.#read(DATABASE_LOG) };
  }

  /**
   * The disk as it is after that; nobody may have the database open. Without a seed nothing is lost, as where a process was killed; with one, what was not synced is lost
   * or not.
   */
  turnOn(lossSeed?: number): PoweredDisk {
    const { database, wal } = this.#left!;
    const found = lossSeed === undefined ? wal : wal && this.#afterLoss(wal, seeded(lossSeed));
    // In place: a file of another inode would be that of another copy.
    this.#write(DATABASE, database);
    for (const name of [DATABASE_LOG, `${DATABASE}-shm`]) {
      try {
        Deno.removeSync(join(this.#folder, name));
      } catch (thrown) {
        if (!(thrown instanceof Deno.errors.NotFound)) throw thrown;
      }
    }
    if (found) this.#write(DATABASE_LOG, found);
    const simulated = lossSeed === undefined ? this.#simulated : this.#simulated.powerLoss(lossSeed);
    const next = new PoweredDisk(this.#folder, simulated, this.#neglects);
    if (lossSeed === undefined) next.#wal = this.#wal;
    return next;
  }

  open(path: string, options?: OpenOptions): DiskFile {
    this.check();
    const file = this.#disk(path).open(path, options);
    const neglected = path === DATABASE_LOG ? "database" : path.slice(0, path.indexOf("/"));
    const isNeglected = neglected === this.#neglects;
    const synced = path === DATABASE_LOG && !isNeglected
      ? () => this.#wal = this.#read(DATABASE_LOG) ?? this.#wal
      : () => {};
    return new PoweredFile(this, file, synced, isNeglected);
  }

  list(folder: string): string[] {
    this.check();
    const names = this.#simulated.list(folder);
    if (folder !== "") return names;
    return [...names, ...this.#real.list("").filter((name) => name === DATABASE || name === DATABASE_LOG)]
      .sort();
  }

  rename(from: string, to: string): void {
    this.change();
    this.#simulated.rename(from, to);
  }

  remove(path: string): void {
    this.change();
    this.#disk(path).remove(path);
  }

  makeFolder(path: string): void {
    // Nothing happens to one that is there.
    this.check();
    this.#simulated.makeFolder(path);
  }

  async syncFolder(path: string): Promise<void> {
    this.change();
    await this.#simulated.syncFolder(path);
    this.check();
  }

  syncFolderBlocking(path: string): void {
    this.change();
    this.#simulated.syncFolderBlocking(path);
  }

  /** For files: something is about to be written or synced. */
  change(): void {
    this.check();
    if (this.callsLeft-- > 0) return;
    this.turnOff();
    this.check();
  }

  check(): void {
    if (this.isOff) throw new NineError("EIO", "The disk of this copy has lost its power");
  }

  #disk(path: string): Disk {
    return path === DATABASE || path === DATABASE_LOG ? this.#real : this.#simulated;
  }

  /** All that was synced, and of the rest all, nothing, a beginning, or some pages. */
  #afterLoss(wal: Uint8Array, random: Random): Uint8Array {
    const durable = this.#wal;
    const how = random.below(4);
    // SQLite cuts it when nothing in it is needed any more.
    if (how === 0 || wal.length < durable.length) return wal;
    const after = new Uint8Array(wal.length);
    after.set(durable);
    after.set(wal.subarray(0, WAL_HEADER));
    if (how === 1) return after.slice(0, Math.max(durable.length, Math.min(WAL_HEADER, wal.length)));
    const end = how === 2 ? random.below(wal.length + 1) : wal.length;
    for (let at = 0; at < end; at += PAGE) {
      const page = wal.subarray(at, Math.min(at + PAGE, end));
      if (how === 2 || random.chance(0.7)) after.set(page, at);
    }
    return after;
  }

  #read(name: string): Uint8Array | undefined {
    try {
      return Deno.readFileSync(join(this.#folder, name));
    } catch (thrown) {
      if (thrown instanceof Deno.errors.NotFound) return undefined;
      throw thrown;
    }
  }

  #write(name: string, bytes: Uint8Array): void {
    Deno.writeFileSync(join(this.#folder, name), bytes);
  }
}

class PoweredFile implements DiskFile {
  readonly #disk: PoweredDisk;
  readonly #file: DiskFile;
  readonly #synced: () => void;
  readonly #isNeglected: boolean;

  constructor(disk: PoweredDisk, file: DiskFile, synced: () => void, isNeglected: boolean) {
    this.#disk = disk;
    this.#file = file;
    this.#synced = synced;
    this.#isNeglected = isNeglected;
  }

  size(): number {
    this.#disk.check();
    return this.#file.size();
  }

  pread(into: Uint8Array, offset: number): number {
    this.#disk.check();
    return this.#file.pread(into, offset);
  }

  pwrite(bytes: Uint8Array, offset: number): void {
    this.#disk.change();
    this.#file.pwrite(bytes, offset);
  }

  truncate(size: number): void {
    this.#disk.change();
    this.#file.truncate(size);
  }

  async sync(): Promise<void> {
    this.#disk.change();
    if (!this.#isNeglected) await this.#file.sync();
    this.#disk.check();
    this.#synced();
  }

  syncBlocking(): void {
    this.#disk.change();
    if (!this.#isNeglected) this.#file.syncBlocking();
    this.#synced();
  }

  close(): void {
    this.#file.close();
  }
}
