import type { DatabaseSync } from "node:sqlite";
import type { Disk } from "../disk/mod.ts";
import { DATABASE_LOG, type DatabaseGuard } from "../guard/mod.ts";

/** The database's own log is brought into it after so many bytes or transactions, if not before; then log segments go. */
const BYTES_MAX = 64 * 1024 * 1024;
const TRANSACTIONS_MAX = 2000;

export interface CheckpointsOptions {
  readonly disk: Disk;
  readonly db: DatabaseSync;
  readonly guard: DatabaseGuard;
  /** After so many operations one is due. */
  readonly operationsMax: number;
  /** The last operation that is applied. */
  applied(): number;
}

/**
 * How far the database is durable without the log of operations, and when its own log, SQLite's, is brought over into it. A page that only SQLite's log has may be
 * lost by one flipped bit there, so the log of operations goes on to have what it came of.
 */
export class Checkpoints {
  readonly #options: CheckpointsOptions;
  /** What the database holds on disk without its own log. */
  #durable: number;
  #isAllOver = false;
  #needless = 0;
  /** What was applied since the last one. */
  #bytes = 0;
  #operations = 0;
  #transactions = 0;

  constructor(options: CheckpointsOptions) {
    this.#options = options;
    this.#durable = options.guard.applied ?? options.applied();
  }

  /** Operations up to this number are durable in the database: the log need not have them. */
  get needless(): number {
    return this.#needless;
  }

  /** Whether so much was applied since the last one that another is due. */
  get isDue(): boolean {
    return this.#bytes > BYTES_MAX || this.#operations > this.#options.operationsMax ||
      this.#transactions > TRANSACTIONS_MAX;
  }

  /** A transaction was made, of so many operations with so many bytes. */
  note(bytes: number, operations: number): void {
    this.#bytes += bytes;
    this.#operations += operations;
    this.#transactions++;
  }

  /** Whether the database had everything without its own log when that was last brought over. */
  get isAllOver(): boolean {
    return this.#isAllOver;
  }

  /** Makes one; the log needs to have operations from `first` on. */
  make(first: number): void {
    this.makeDurable();
    this.bringOver();
    this.#bytes = this.#operations = this.#transactions = 0;
    this.need(first);
  }

  /** The log needs to have operations from `first` on, and those that the database has in its own log alone. */
  need(first: number): void {
    this.#needless = Math.min(this.#durable, first - 1);
  }

  /** Empties the database's own log, after everything was brought over. False where somebody looks at an older state. */
  empty(): boolean {
    const { busy } = this.#options.db.prepare("PRAGMA wal_checkpoint(TRUNCATE)").get() as { busy: number };
    return busy === 0;
  }

  /** SQLite syncs its log only where it has something to bring over; what counts here is every commit so far. */
  makeDurable(): void {
    const { disk } = this.#options;
    const wal = disk.open(DATABASE_LOG, { create: true });
    wal.syncBlocking();
    wal.close();
    disk.syncFolderBlocking("");
  }

  /** Brings over what there is to. */
  bringOver(): void {
    const { guard, db } = this.#options;
    const applied = this.#options.applied();
    guard.before();
    const { log, checkpointed } = db.prepare("PRAGMA wal_checkpoint(PASSIVE)").get() as {
      log: number;
      checkpointed: number;
    };
    this.#isAllOver = log === checkpointed;
    // Somebody looks at an older state.
    if (!this.#isAllOver) return;
    guard.broughtOver(applied);
    this.#durable = applied;
  }
}
