import { randomBytes } from "node:crypto";
import type { DatabaseSync } from "node:sqlite";
import { S, type Timestamp } from "../../9p/mod.ts";
import type { Disk } from "../disk/mod.ts";
import { type LogDamage, LogReader } from "../log/mod.ts";
import { decode, RECORD_TYPES } from "../operation/mod.ts";
import {
  ChangeReader,
  ChunkRowsWriter,
  IndexWriter,
  type NodeRow,
  openDatabase,
  PastReader,
} from "../store/mod.ts";
import { ROOT } from "../tree/mod.ts";
import { DATABASE, type KeeperOptions, LOG, type Owned, type Retention } from "../volume/mod.ts";
import { Applier } from "./applier.ts";
import { Collector } from "./collector.ts";
import { ContentWriter } from "./content_writer.ts";
import { DocumentKeeper } from "./documents.ts";
import { restore } from "./restore.ts";
import { Unsettled } from "./unsettled.ts";

const ROOT_INO = 1;
/** A transaction has at most so many operations, and so many bytes of contents. */
const OPERATIONS_MAX = 5000;
const BYTES_MAX = 64 * 1024 * 1024;
/** The database's own log is brought into it after so many bytes or transactions, if not before; then log segments go. */
const CHECKPOINT_BYTES = 64 * 1024 * 1024;
const CHECKPOINT_TRANSACTIONS = 2000;

/**
 * Brings operations from the log into the database and the contents into packs. The only writer of both. It blocks, so
 * it lives in a Worker.
 */
export class Keeper implements Disposable {
  readonly #checkpointOperations: number;
  readonly #disk: Disk;
  readonly #db: DatabaseSync;
  readonly #index: IndexWriter;
  readonly #log: LogReader;
  readonly #unsettled = new Unsettled();
  readonly #contents: ContentWriter;
  readonly #documents: DocumentKeeper;
  readonly #applier: Applier;
  readonly #past: PastReader;
  readonly #changes: ChangeReader;
  readonly #collector: Collector;
  /** What the database holds on disk, not just in the kernel. */
  #durable = 0;
  #needless = 0;
  /** Bytes of log that were applied since the last checkpoint. */
  #bytesSince = 0;
  #operationsSince = 0;
  #transactionsSince = 0;
  /** The segment of the last operation. */
  #segment = 0;
  /** What applying found, for who asked for it. */
  #damage: string[] = [];

  /** `folder` is that of the volume, which `disk` shows. */
  constructor(disk: Disk, folder: string, { owned, checkpointOperations }: KeeperOptions) {
    this.#checkpointOperations = checkpointOperations;
    this.#disk = disk;
    this.#db = openDatabase(`${folder}/${DATABASE}`);
    this.#index = new IndexWriter(this.#db);
    this.#log = new LogReader(disk, LOG);
    if (this.#index.meta("volume") === undefined) this.#name();
    const chunks = new ChunkRowsWriter(this.#db);
    this.#contents = new ContentWriter(disk, this.#log, chunks, this.#index.meta("key") as Uint8Array);
    this.#collector = new Collector(this.#db, chunks, this.#contents);
    this.#documents = new DocumentKeeper(this.#db, this.#index, this.#contents);
    this.#past = new PastReader(this.#db);
    this.#changes = new ChangeReader(this.#db);
    if (this.#index.node(ROOT_INO) === undefined) this.#found(owned);
    this.#applier = new Applier({
      index: this.#index,
      unsettled: this.#unsettled,
      documents: this.#documents,
      contents: (base, spans) => this.#contents.settle(base, spans),
      onDamage: (reason) => this.#damage.push(reason),
      restore: (operation, place) =>
        restore(
          {
            past: this.#past,
            changes: this.#changes,
            index: this.#index,
            applier: this.#applier,
            nextIno: () => this.#documents.nextIno(),
            onDamage: (reason) => this.#damage.push(reason),
          },
          operation,
          place,
        ),
    });
    const first = Math.min(...this.#index.unsettled().values(), Infinity);
    // What a process left that was killed may be in the kernel alone, and the log is about to lose what is said to be needless.
    // Nothing is written for it: it is done on a full disk, too.
    try {
      this.#makeDurable();
    } catch (thrown) {
      this[Symbol.dispose]();
      throw thrown;
    }
    this.#needless = Math.min(this.#durable, first - 1);
  }

  /** The last operation that is applied. */
  get applied(): number {
    return Number(this.#index.meta("applied") ?? 0);
  }

  /** Operations up to this number are durable in the database: the log need not have them. */
  get needless(): number {
    return this.#needless;
  }

  /** Applies what the log has up to `last`, then settles everything: nobody has it open. Says what was damaged. */
  recover(last: number): string[] {
    const damage: string[] = [];
    this.#damage = damage;
    this.resume(damage);
    while (this.applied < last) this.apply(last, damage);
    const orphans = this.#index.orphans();
    if (this.#unsettled.inos.length === 0 && orphans.length === 0) return damage;
    this.#transaction(() => {
      for (const ino of this.#unsettled.inos) this.#applier.settle(ino);
      for (const ino of orphans) this.#applier.forget(ino);
      return this.applied;
    });
    // No operation of the log says so: when power is lost, applying those that come now again would find it undone, and
    // a snapshot among them would be without what was written before it.
    this.#makeDurable();
    return damage;
  }

  /**
   * Applies some operations, up to `last` at most, in one transaction. Where it throws, nothing is done, and another
   * Keeper is to go on: this one remembers what is not so. Adds to `damage` what could not be had from the log.
   */
  apply(last: number, damage: string[]): void {
    const from = this.applied + 1;
    this.#damage = damage;
    this.#transaction(() => {
      let [applied, operations, bytes] = [from - 1, 0, 0];
      let isLater = false;
      const onDamage = ({ first, last }: LogDamage) => {
        damage.push(`Operations ${first} to ${last} are damaged in the log and were left out`);
        applied = Math.max(applied, last);
      };
      const records = this.#log.records(from, { to: last, onDamage });
      for (const { number, type, payload, segment, offset } of records) {
        const operation = decode(type, payload);
        if (operation.kind === "restore" && (applied >= from || this.#unsettled.isAnyNew)) {
          // It looks at rows that are stored, so it begins a transaction, and finds everything settled that can be.
          for (const ino of this.#unsettled.inos) this.#applier.settle(ino);
          isLater = true;
          break;
        }
        const position = offset + payload.byteLength -
          (operation.kind === "write" ? operation.bytes.byteLength : 0);
        this.#applier.apply(operation, { number, segment, position });
        applied = number;
        this.#segment = segment;
        bytes += payload.byteLength;
        const isBoundary = operation.kind === "snapshot";
        if (isBoundary || ++operations >= OPERATIONS_MAX || bytes >= BYTES_MAX) break;
      }
      this.#bytesSince += bytes;
      this.#operationsSince += operations;
      this.#transactionsSince++;
      // What the log is to have and has not will not come.
      return applied < from && !isLater ? last : applied;
    });
  }

  /** Thins history and moves contents together; returns the packs that can be removed, and what is damaged. */
  collect(retention: Retention): { packs: number[]; problems: string[] } {
    const problems: string[] = [];
    this.#collector.thin(retention, Math.floor(Date.now() / 1000));
    const packs = this.#collector.move((reason) => problems.push(reason));
    return { packs, problems };
  }

  /** Removes packs that nobody reads any more. */
  removePacks(packs: readonly number[]): void {
    if (packs.length === 0) return;
    this.checkpoint();
    this.#collector.remove(packs);
  }

  /**
   * Makes the database durable, so that the log need not hold what it has. The database's own log begins anew only if
   * nobody looks at an older state when it is called, nor, until the next transaction, at anything but the newest.
   */
  checkpoint(): void {
    this.#db.exec("PRAGMA wal_checkpoint(PASSIVE)");
    // SQLite syncs only where it had something to bring over; what counts here is every commit so far.
    this.#makeDurable();
    this.#bytesSince = this.#operationsSince = this.#transactionsSince = 0;
    this.#needless = Math.min(this.#durable, this.#unsettled.first - 1);
    this.#log.forgetBefore(Math.min(this.#segment, this.#unsettled.firstSegment));
  }

  #makeDurable(): void {
    const applied = this.applied;
    const wal = this.#disk.open(`${DATABASE}-wal`, { create: true });
    wal.syncBlocking();
    wal.close();
    this.#disk.syncFolderBlocking("");
    this.#durable = applied;
  }

  /** Whether so much was applied since the last checkpoint that another is due. */
  get isCheckpointDue(): boolean {
    return this.#bytesSince > CHECKPOINT_BYTES || this.#operationsSince > this.#checkpointOperations ||
      this.#transactionsSince > CHECKPOINT_TRANSACTIONS;
  }

  [Symbol.dispose](): void {
    this.#documents.free();
    this.#contents.close();
    this.#log.close();
    this.#db.close();
  }

  #transaction(act: () => number): void {
    const mark = this.#contents.mark();
    this.#index.begin();
    try {
      const applied = act();
      this.#unsettled.write(this.#index);
      this.#documents.commit(this.#index.seq);
      // What the rows refer to is on disk before they can be.
      this.#contents.sync();
      this.#index.commit(applied);
    } catch (thrown) {
      try {
        this.#index.rollback();
      } finally {
        this.#contents.backTo(mark);
      }
      throw thrown;
    }
  }

  /** Takes up again what the log holds of files that were not settled. */
  resume(damage: string[]): void {
    const unsettled = this.#index.unsettled();
    if (unsettled.size === 0) return;
    const from = Math.min(...unsettled.values());
    const onDamage = ({ first, last }: LogDamage) => {
      damage.push(`Operations ${first} to ${last} are damaged in the log: what they wrote is lost`);
    };
    const records = this.#log.records(from, { to: this.applied, onDamage });
    for (const { number, type, payload, segment, offset } of records) {
      if (type !== RECORD_TYPES.write && type !== RECORD_TYPES.attributes) continue;
      const operation = decode(type, payload);
      if (operation.kind !== "write" && operation.kind !== "attributes") continue;
      const first = unsettled.get(operation.ino);
      if (first === undefined || number < first) continue;
      const bytes = operation.kind === "write" ? operation.bytes.byteLength : 0;
      this.#unsettled.note(operation, { number, segment, position: offset + payload.byteLength - bytes });
    }
  }

  /** What tells a new volume from all others. */
  #name(): void {
    this.#db.exec("BEGIN IMMEDIATE");
    this.#index.setMeta("volume", crypto.randomUUID());
    this.#index.setMeta("incarnation", new Uint8Array(randomBytes(8)));
    this.#index.setMeta("key", new Uint8Array(randomBytes(32)));
    this.#db.exec("COMMIT");
  }

  /** A new volume has nothing but its root. */
  #found({ uid, gid }: Owned): void {
    this.#index.begin();
    const now = timestamp(Date.now());
    const root: NodeRow = {
      ...{
        ino: ROOT_INO,
        mode: S.IFDIR | 0o755,
        uid,
        gid,
        muid: uid,
        flags: 0,
        nlink: 1,
        size: 0,
        folders: 0,
      },
      ...{ rdev: 0, target: "", version: 0, content: null, atime: now, mtime: now, ctime: now, btime: now },
    };
    this.#index.addNode(root, ROOT);
    this.#documents.createRoot(root);
    this.#documents.commit(this.#index.seq);
    this.#index.commit(0);
  }
}

function timestamp(ms: number): Timestamp {
  const sec = Math.floor(ms / 1000);
  return { sec, nsec: (ms - sec * 1000) * 1_000_000 };
}
