import { randomBytes } from "node:crypto";
import type { DatabaseSync } from "node:sqlite";
import { Errno, errnoOf, S, type Timestamp } from "../../9p/mod.ts";
import type { Disk } from "../disk/mod.ts";
import { DATABASE, DATABASE_LOG, type DatabaseGuard, LOG, placeOf } from "../guard/mod.ts";
import { type LogDamage, LogReader } from "../log/mod.ts";
import { decode, RECORD_TYPES } from "../operation/mod.ts";
import { copyKey, newCopyKey } from "../record/mod.ts";
import {
  ChangeReader,
  ChunkRowsWriter,
  Copies,
  IndexWriter,
  Journal,
  type NodeRow,
  openDatabase,
  PastReader,
  run,
} from "../store/mod.ts";
import { type Author, authorOf, type NodeId, ROOT } from "../tree/mod.ts";
import {
  COPY_DAYS,
  type KeeperOptions,
  type LeftFile,
  type LostWrite,
  type Owned,
  type Retention,
} from "../volume/mod.ts";
import { Applier } from "./applier.ts";
import { giveWay } from "./branch.ts";
import { Collector } from "./collector.ts";
import { ContentWriter } from "./content_writer.ts";
import { Conflicts } from "./conflicts.ts";
import { CopyKeeper } from "./copy_keeper.ts";
import { DocumentKeeper } from "./documents.ts";
import { FetchedChunks } from "./fetched.ts";
import { bringFromFormat3 } from "./format_3.ts";
import { reconcile } from "./reconcile.ts";
import { restore } from "./restore.ts";
import { Unsettled } from "./unsettled.ts";

const ROOT_INO = 1;
const DAY_SEC = 24 * 3600;
/** A transaction has at most so many operations, and so many bytes of contents. */
const OPERATIONS_MAX = 5000;
const BYTES_MAX = 64 * 1024 * 1024;
/** What one record has was done within about so long. */
const RECORD_SEC_MAX = 1;
/** Nodes of an older volume that are looked at in one transaction. */
const SHOWN_AT_ONCE = 1000;
/** The database's own log is brought into it after so many bytes or transactions, if not before; then log segments go. */
const CHECKPOINT_BYTES = 64 * 1024 * 1024;
const CHECKPOINT_TRANSACTIONS = 2000;
/** What a step of tidying adds to the database's own log, about. */
const TIDY_BYTES = 1024 * 1024;
/** Free pages that stay, for what comes next, and those that go at once; of 4 KiB each. */
const FREE_PAGES_MAX = 1024;
const VACUUM_PAGES = 1024;

/** What a Keeper has of the machine that it runs on; a simulation brings its own. */
export interface Surroundings {
  /** Seconds since 1970. */
  nowSec(): number;
  randomBytes(count: number): Uint8Array;
}

const MACHINE: Surroundings = {
  nowSec: () => Math.floor(Date.now() / 1000),
  randomBytes: (count) => new Uint8Array(randomBytes(count)),
};

/**
 * Brings operations from the log into the database and the contents into packs. The only writer of both. It blocks, so
 * it lives in a Worker.
 */
export class Keeper implements Disposable {
  readonly #checkpointOperations: number;
  readonly #surroundings: Surroundings;
  readonly #disk: Disk;
  readonly #db: DatabaseSync;
  readonly #index: IndexWriter;
  readonly #log: LogReader;
  readonly #unsettled = new Unsettled();
  readonly #contents: ContentWriter;
  #documents: DocumentKeeper;
  readonly #options: KeeperOptions;
  #applier: Applier;
  readonly #past: PastReader;
  readonly #changes: ChangeReader;
  readonly #copies: Copies;
  /** It among the other copies of the volume. */
  readonly copy: CopyKeeper;
  #conflicts: Conflicts;
  readonly #fetched: FetchedChunks;
  readonly #collector: Collector;
  /** Everything that was committed is durable, and known to be shared. */
  #isShared = false;
  readonly #guard: DatabaseGuard;
  /** What the database holds on disk without its own log. */
  #durable = 0;
  #isAllOver = false;
  #needless = 0;
  /** Bytes of log that were applied since the last checkpoint. */
  #bytesSince = 0;
  #operationsSince = 0;
  #transactionsSince = 0;
  /** When the last operation of the transaction was done, seconds since 1970. */
  #time: number | undefined;
  /** History was collected, and free pages were not looked for since. */
  #isVacuumDue = false;
  /** The segment of the last operation. */
  #segment = 0;
  #lost: LostWrite[] = [];
  /** Files that are others than the operations made them, since it was asked. */
  #changed = new Set<number>();
  #isRecovering = false;
  /** What applying found, for who asked for it. */
  #damage: string[] = [];

  /** `folder` is that of the volume, which `disk` shows. `guard` was opened, and outlives this. */
  constructor(
    disk: Disk,
    folder: string,
    options: KeeperOptions,
    guard: DatabaseGuard,
    surroundings: Surroundings = MACHINE,
  ) {
    const { owned, checkpointOperations } = this.#options = options;
    this.#guard = guard;
    this.#surroundings = surroundings;
    this.#checkpointOperations = checkpointOperations;
    this.#disk = disk;
    this.#db = openDatabase(`${folder}/${DATABASE}`);
    using undone = new DisposableStack();
    // A Worker that ends with the database open would bring pages over that the guard does not know.
    undone.defer(() => guard.closing(() => this.#db.close(), guard.applied ?? 0));
    this.#index = new IndexWriter(this.#db);
    this.#log = new LogReader(disk, LOG);
    undone.defer(() => this.#log.close());
    if (this.#index.meta("volume") === undefined) this.#name();
    const isOld = this.#index.meta("isOfFormat3") !== undefined;
    if (isOld) bringFromFormat3(this.#db, this.#index);
    this.#beAlone(placeOf(`${folder}/${DATABASE}`));
    const chunks = new ChunkRowsWriter(this.#db);
    this.#contents = new ContentWriter(disk, this.#log, chunks, this.#index.meta("key") as Uint8Array);
    undone.defer(() => this.#contents.close());
    this.#copies = new Copies(this.#db);
    this.#fetched = new FetchedChunks(this.#contents, (rows) =>
      this.#write(() => {
        for (const { id, place } of rows) chunks.add(id, place);
      }));
    this.copy = new CopyKeeper({
      copies: this.#copies,
      index: this.#index,
      contents: this.#contents,
      absent: chunks.absent,
      fetched: this.#fetched,
      documents: () => this.#documents,
      nowSec: () => this.#surroundings.nowSec(),
      settleAll: () => this.#settleAll(),
      within: (act) =>
        this.#within(() => {
          act();
          return this.applied;
        }),
      write: (act) => this.#write(act),
      reconcile: (nodes, version, held) => this.#reconcile(nodes, version, (ino) => held.has(ino)),
      makeDurable: () => this.makeDurable(),
      beShared: () => {
        if (this.#isShared) return;
        this.makeDurable();
        this.share();
      },
    });
    chunks.onFound = (row) => this.copy.noteFound(row);
    this.#collector = new Collector(this.#db, chunks, this.#contents, this.#fetched);
    this.#documents = this.#newDocuments();
    undone.defer(() => this.#documents.free());
    this.#conflicts = new Conflicts(this.#index, this.#documents.tree);
    this.#past = new PastReader(this.#db);
    this.#changes = new ChangeReader(this.#db);
    if (this.#index.node(ROOT_INO) === undefined) this.#found(owned);
    this.#applier = this.#newApplier();
    const first = Math.min(...this.#index.unsettled().values(), Infinity);
    // What a process left that was killed may be in the kernel alone, and the log is about to lose what is said to be needless.
    this.#durable = guard.applied ?? this.applied;
    this.makeDurable();
    if (isOld) this.#showAll();
    try {
      this.#bringOver();
      // Somebody may have copied the folder: what two copies make of a text has what was in it in common.
      this.share();
    } catch {
      // On a full disk the log of operations goes on to have what the database's own log has.
    }
    this.#needless = Math.min(this.#durable, first - 1);
    undone.move();
  }

  #newApplier(): Applier {
    return new Applier({
      index: this.#index,
      unsettled: this.#unsettled,
      documents: this.#documents,
      contents: (base, spans) => this.#contents.settle(base, spans),
      // A volume opens on a full disk, so that files can be removed from it.
      leaves: (thrown) => this.#isRecovering && errnoOf(thrown) === Errno.ENOSPC,
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
    this.#isRecovering = true;
    try {
      return this.#recover(last);
    } finally {
      this.#isRecovering = false;
    }
  }

  #recover(last: number): string[] {
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
    this.makeDurable();
    return damage;
  }

  /** The files that could not be settled. */
  left(): LeftFile[] {
    return [...this.#unsettled.files].map(([ino, file]) => ({ ino, ...file }));
  }

  /**
   * Applies some operations, up to `last` at most, in one transaction. Where it throws, nothing is done, and another
   * Keeper is to go on: this one remembers what is not so. Adds to `damage` what could not be had from the log.
   */
  apply(last: number, damage: string[]): void {
    const from = this.applied + 1;
    let isRestored = false;
    this.#damage = damage;
    this.#transaction(() => {
      let [applied, operations, bytes] = [from - 1, 0, 0];
      let since: number | undefined;
      let isLater = false;
      const onDamage = (found: LogDamage) => {
        const { first, last } = found;
        const told = this.#takeDamaged(found);
        damage.push(told ?? `Operations ${first} to ${last} are damaged in the log and were left out`);
        if (!found.isMended) applied = Math.max(applied, last);
      };
      const records = this.#log.records(from, { to: last, onDamage, mends: true });
      for (const { number, type, payload, segment, offset } of records) {
        const operation = decode(type, payload);
        // Records tell when things were; what is applied late is not put together with what came long after it.
        const { sec } = operation.time;
        if (since !== undefined && Math.abs(sec - since) > RECORD_SEC_MAX) break;
        since ??= sec;
        if (operation.kind === "restore" && (applied >= from || this.#unsettled.isAnyNew)) {
          // It looks at rows that are stored, so it begins a transaction, and finds everything settled that can be.
          for (const ino of this.#unsettled.inos) this.#applier.settle(ino);
          isLater = true;
          break;
        }
        const position = offset + payload.byteLength -
          (operation.kind === "write" ? operation.bytes.byteLength : 0);
        this.#applier.apply(operation, { number, segment, position });
        isRestored ||= operation.kind === "restore";
        applied = number;
        this.#time = sec;
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
    // Operations that are logged from now on, which is once this is told, call what came back by numbers of this side.
    if (isRestored) this.makeDurable();
  }

  /** The files that are shown under a conflict name. */
  get conflicts(): Conflicts {
    return this.#conflicts;
  }

  /** Who this copy writes as, how many records it has written so, and how many of another author are here. */
  get author(): Author {
    return this.#documents.author;
  }

  numberOf(author: Author): number {
    return this.#documents.journal.authors.get(author)?.number ?? 0;
  }

  /** Whether that record is here. */
  hasRecord(author: Author, number: number): boolean {
    return this.#documents.journal.record(author, number) !== undefined;
  }

  /** Everything that was written becomes versions. */
  #settleAll(): void {
    const unsettled = this.#unsettled.inos;
    if (unsettled.length === 0) return;
    this.#transaction(() => {
      for (const ino of unsettled) this.#applier.settle(ino);
      return this.applied;
    });
  }

  /** Goes on under another name: others know records of this one that are not here. */
  beAnother(): void {
    this.#within(() => {
      this.#index.setMeta("incarnation", this.#surroundings.randomBytes(8));
      this.#renew();
      return this.applied;
    });
    this.makeDurable();
  }

  /**
   * Another copy wrote as this author, too, from record `number` on, and its records keep the name: what is here from there on gets names of its own, in one
   * transaction. `version` and `held` are as with `receive`.
   */
  giveWay(author: Author, number: number, version: number, held: ReadonlySet<number>): void {
    this.#fetched.flush();
    this.#within(() => {
      const { journal, key, author: self } = this.#documents;
      this.#documents.free();
      const renamed = giveWay({ db: this.#db, index: this.#index, journal, key, self }, author, number);
      this.#renew();
      this.#reconcile(this.#documents.rename(renamed), version, (ino) => held.has(ino));
      return this.applied;
    });
    this.makeDurable();
  }

  /** Takes up what is stored of the documents, as somebody else wrote it. */
  #renew(): void {
    this.#documents.free();
    this.#documents = this.#newDocuments();
    this.#applier = this.#newApplier();
    this.#conflicts = new Conflicts(this.#index, this.#documents.tree);
  }

  /** What this copy did so far may be on others from now on. */
  share(): void {
    if (!this.#documents.isShared) this.#write(() => this.#documents.share());
    this.#isShared = true;
  }

  /** Something small, in a transaction of its own. */
  #write(act: () => void): void {
    this.#guard.pay();
    run(this.#db, "BEGIN IMMEDIATE");
    try {
      act();
      run(this.#db, "COMMIT");
    } catch (thrown) {
      if (this.#db.isTransaction) run(this.#db, "ROLLBACK");
      throw thrown;
    }
  }

  /** Files and directories that became others by themselves since the last time: by what was received, or where conflicts are. */
  takeChanged(): number[] {
    const changed = [...this.#changed];
    this.#changed = new Set();
    return changed;
  }

  /** Makes anew what is damaged of documents and of their tree, from what else there is. Adds to `damage` what that was. */
  mend(damage: string[]): void {
    this.#write(() => damage.push(...this.#documents.mend()));
  }

  /**
   * Makes one step of history shorter in the documents and in the journal, in a transaction of its own, if there is one to
   * make: at once, or when there is nothing else to do. Says whether there was. What a snapshot or history shows is not
   * touched by it.
   */
  tidy(isIdle: boolean): boolean {
    if (!this.#documents.isUntidy(isIdle)) return isIdle && this.#vacuum();
    this.#guard.pay();
    const mark = this.#contents.mark();
    this.#isShared = false;
    this.#index.begin();
    try {
      this.#documents.begin(this.#index.seq, this.#surroundings.nowSec());
      this.#documents.tidy(this.#index.seq, this.#surroundings.nowSec());
      this.#contents.sync();
      this.#index.commit(this.applied);
    } catch (thrown) {
      try {
        this.#index.rollback();
      } finally {
        this.#contents.backTo(mark);
      }
      throw thrown;
    }
    this.#bytesSince += TIDY_BYTES;
    this.#transactionsSince++;
    return true;
  }

  /** Gives a part of the database's free pages back to the disk, after collecting, where it has many; whether it did. */
  #vacuum(): boolean {
    if (!this.#isVacuumDue) return false;
    const number = (pragma: string) =>
      Number(Object.values(this.#db.prepare(`PRAGMA ${pragma}`).get() ?? {})[0]);
    const free = number("freelist_count");
    if (free < FREE_PAGES_MAX || number("auto_vacuum") === 0) return this.#isVacuumDue = false;
    this.#guard.pay();
    this.#db.exec(`PRAGMA incremental_vacuum(${VACUUM_PAGES})`);
    this.#bytesSince += TIDY_BYTES;
    this.#transactionsSince++;
    return true;
  }

  /** Thins history and moves contents together; returns the packs that can be removed, and what is damaged. */
  collect(retention: Retention): { packs: number[]; problems: string[] } {
    this.#guard.pay();
    const problems: string[] = [];
    this.#collector.thin(retention, this.#surroundings.nowSec());
    this.#documents.collect();
    this.#isVacuumDue = true;
    const packs = this.#collector.move((reason) => problems.push(reason));
    return { packs, problems };
  }

  /** Removes packs that nobody reads any more. Those that the database without its log still knows are found the next time. */
  removePacks(packs: readonly number[]): void {
    if (packs.length === 0) return;
    this.checkpoint();
    if (this.#isAllOver) this.#collector.remove(packs);
  }

  /**
   * Makes the database durable, so that the log need not hold what it has. The database's own log begins anew only if
   * nobody looks at an older state when it is called, nor, until the next transaction, at anything but the newest.
   */
  checkpoint(): void {
    this.makeDurable();
    this.#bringOver();
    this.#bytesSince = this.#operationsSince = this.#transactionsSince = 0;
    this.#needless = Math.min(this.#durable, this.#unsettled.first - 1);
    this.#log.forgetBefore(Math.min(this.#segment, this.#unsettled.firstSegment));
  }

  /**
   * Brings everything over and empties the database's own log, so that the database is whole while somebody goes on
   * reading it. False where somebody looks at an older state.
   */
  empty(): boolean {
    this.checkpoint();
    if (!this.#isAllOver) return false;
    const { busy } = this.#db.prepare("PRAGMA wal_checkpoint(TRUNCATE)").get() as { busy: number };
    return busy === 0;
  }

  /** SQLite syncs its log only where it has something to bring over; what counts here is every commit so far. */
  makeDurable(): void {
    const wal = this.#disk.open(DATABASE_LOG, { create: true });
    wal.syncBlocking();
    wal.close();
    this.#disk.syncFolderBlocking("");
  }

  /** What the database has in its log alone may be lost by one flipped bit there, so the log of operations goes on to have it. */
  #bringOver(): void {
    const { applied } = this;
    this.#guard.before();
    const { log, checkpointed } = this.#db.prepare("PRAGMA wal_checkpoint(PASSIVE)").get() as {
      log: number;
      checkpointed: number;
    };
    this.#isAllOver = log === checkpointed;
    // Somebody looks at an older state.
    if (!this.#isAllOver) return;
    this.#guard.broughtOver(applied);
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
    const { applied } = this;
    this.#guard.closing(() => this.#db.close(), applied);
  }

  /** What operations do, as a transaction and a record of the journal. */
  #transaction(act: () => number): void {
    this.#within(() => {
      const applied = act();
      const updates = this.#documents.commit(this.#index.seq, this.#time ?? this.#surroundings.nowSec());
      // Who holds what is not known: files without a name go at the next start.
      this.#reconcile(this.#documents.beyond(updates), applied, () => true);
      return applied;
    });
  }

  #within(act: () => number): void {
    this.#guard.pay();
    this.#time = undefined;
    const mark = this.#contents.mark();
    this.#isShared = false;
    this.#index.begin();
    try {
      this.#documents.begin(this.#index.seq, this.#surroundings.nowSec());
      const applied = act();
      this.#unsettled.write(this.#index);
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

  /** Makes the index show of these nodes what the tree shows. */
  #reconcile(nodes: Set<NodeId>, version: number, isHeld: (ino: number) => boolean): void {
    if (nodes.size === 0) return;
    const { tree } = this.#documents;
    const nextIno = () => this.#documents.nextIno();
    const forget = (ino: number) => this.#applier.forget(ino);
    const changed = reconcile({ index: this.#index, tree, nextIno, version, isHeld, forget }, nodes);
    this.#documents.keepNumber();
    for (const ino of changed) this.#changed.add(ino);
  }

  /** Volumes of before did not hold some times in the index against those in the documents. */
  #showAll(): void {
    const { tree } = this.#documents;
    for (let nodes = tree.after("", SHOWN_AT_ONCE); nodes.length > 0;) {
      this.#within(() => {
        this.#reconcile(new Set(nodes), this.applied, () => true);
        return this.applied;
      });
      nodes = tree.after(nodes[nodes.length - 1], SHOWN_AT_ONCE);
    }
  }

  /** Takes up again what the log holds of files that were not settled. */
  resume(damage: string[]): void {
    const unsettled = this.#index.unsettled();
    if (unsettled.size === 0) return;
    const from = Math.min(...unsettled.values());
    const onDamage = (found: LogDamage) => {
      const { first, last } = found;
      const told = this.#takeDamaged(found, unsettled);
      damage.push(told ?? `Operations ${first} to ${last} are damaged in the log: what they wrote is lost`);
    };
    const records = this.#log.records(from, { to: this.applied, onDamage, mends: true });
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

  /**
   * Says what became of a damaged record, unless it is lost altogether. Where the bytes of a write are damaged it is known whose they are, and they are
   * missed only there.
   */
  #takeDamaged(
    { first, last, isMended, found, segment, offset, bytes }: LogDamage,
    unsettled?: ReadonlyMap<number, number>,
  ): string | undefined {
    if (isMended) return `Operation ${first} was damaged in the log, and is mended`;
    if (first !== last || found?.type !== RECORD_TYPES.write) return undefined;
    try {
      const operation = decode(found.type, found.payload);
      if (operation.kind !== "write") return undefined;
      const { ino, offset: start, bytes: written } = operation;
      const row = this.#index.node(ino);
      if (row === undefined || (row.mode & S.IFMT) !== S.IFREG || !Number.isSafeInteger(start) || start < 0) {
        return undefined;
      }
      const from = unsettled?.get(ino);
      if (unsettled !== undefined && (from === undefined || first < from)) return undefined;
      const lost =
        `The ${written.byteLength} bytes at ${start} that operation ${first} wrote to file ${ino} are ` +
        `damaged in ${LOG}: write them again`;
      const position = offset + bytes - written.byteLength;
      this.#unsettled.note(operation, { number: first, segment, position }, lost);
      this.#lost.push({ number: first, ino, reason: lost });
      return lost;
    } catch {
      // What it is about is damaged as well.
      return undefined;
    }
  }

  /** What was found since the last time to be lost of what was written. */
  takeLost(): LostWrite[] {
    const lost = this.#lost;
    this.#lost = [];
    return lost;
  }

  #newDocuments(): DocumentKeeper {
    const { journal, merge, copyDays } = this.#options;
    return new DocumentKeeper(this.#db, this.#index, this.#contents, {
      ...{ copies: this.#copies, retentionSec: (copyDays ?? COPY_DAYS) * DAY_SEC, journal, merge },
      nowSec: () => this.#surroundings.nowSec(),
    });
  }

  /** What tells a new volume from all others. */
  #name(): void {
    run(this.#db, "BEGIN IMMEDIATE");
    this.#index.setMeta("volume", crypto.randomUUID());
    this.#index.setMeta("incarnation", this.#surroundings.randomBytes(8));
    this.#index.setMeta("key", this.#surroundings.randomBytes(32));
    this.#index.setMeta("secret", newCopyKey());
    run(this.#db, "COMMIT");
  }

  /**
   * Two stores must not write under one name: a copy of a volume is a new incarnation of it from its first start on, with a key of its own, and so is one that
   * lost what it had written before, with the key that it had. Which records of an author there are, the journal tells; that others may know more of them is for
   * when they meet.
   */
  #beAlone(place: string): void {
    const before = this.#index.meta("place");
    const isCopy = before !== undefined && before !== place;
    const { hasLost } = this.#guard;
    if (before === place && !hasLost) return;
    this.#index.begin();
    this.#index.setMeta("place", place);
    if (isCopy) this.#takeKey();
    if (isCopy || hasLost) this.#index.setMeta("incarnation", this.#surroundings.randomBytes(8));
    this.#index.commit(this.applied);
    this.#guard.hasLost = false;
  }

  /**
   * Whoever has the key that was copied with the volume lets another key in that only this copy has: an incarnation of one record, which everything that
   * is written with the new key comes after.
   */
  #takeKey(): void {
    const secret = newCopyKey();
    const author = authorOf(this.#surroundings.randomBytes(8));
    const journal = new Journal(this.#db, { author, key: copyKey(this.#index.meta("secret") as Uint8Array) });
    const clock = Number(this.#index.meta("clock") ?? 0);
    journal.append(this.#index.seq, this.#surroundings.nowSec(), clock, [new Map()], [
      copyKey(secret).publicKey,
    ]);
    this.#index.setMeta("secret", secret);
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
    this.#documents.commit(this.#index.seq, now.sec);
    this.#index.commit(0);
  }
}

function timestamp(ms: number): Timestamp {
  const sec = Math.floor(ms / 1000);
  return { sec, nsec: (ms - sec * 1000) * 1_000_000 };
}
