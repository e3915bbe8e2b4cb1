import type { DatabaseSync } from "node:sqlite";
import { Errno, errnoOf } from "../../9p/mod.ts";
import type { Disk } from "../disk/mod.ts";
import { DATABASE, type DatabaseGuard, LOG, placeOf } from "../guard/mod.ts";
import { LogReader } from "../log/mod.ts";
import { ChunkRowsWriter, Copies, IndexWriter, openDatabase } from "../store/mod.ts";
import type { Author, NodeId } from "../tree/mod.ts";
import type { KeeperOptions, LeftFile, LostWrite, Retention } from "../volume/mod.ts";
import { beAlone } from "./alone.ts";
import { giveWay } from "./branch.ts";
import { Checkpoints } from "./checkpoints.ts";
import { Collector } from "./collector.ts";
import { ContentWriter } from "./content_writer.ts";
import type { Conflicts } from "./conflicts.ts";
import { CopyKeeper } from "./copy_keeper.ts";
import { FetchedChunks } from "./fetched.ts";
import { bringFromFormat3 } from "./format_3.ts";
import { FreePages } from "./free_pages.ts";
import { Incarnation } from "./incarnation.ts";
import { type AppliedSome, LoggedOperations } from "./logged_operations.ts";
import { addRoot, nameVolume, ROOT_INO } from "./new_volume.ts";
import { MACHINE, type Surroundings } from "./surroundings.ts";
import { Transactions } from "./transactions.ts";
import { Unsettled } from "./unsettled.ts";

/** Nodes of an older volume that are looked at in one transaction. */
const SHOWN_AT_ONCE = 1000;
/** What a step of tidying adds to the database's own log, about. */
const TIDY_BYTES = 1024 * 1024;

/**
 * Brings operations from the log into the database and the contents into packs. The only writer of both. It blocks, so
 * it lives in a Worker.
 */
export class Keeper implements Disposable {
  readonly #surroundings: Surroundings;
  readonly #db: DatabaseSync;
  readonly #index: IndexWriter;
  readonly #log: LogReader;
  readonly #logged: LoggedOperations;
  readonly #unsettled = new Unsettled();
  readonly #contents: ContentWriter;
  readonly #transactions: Transactions;
  #incarnation: Incarnation;
  readonly #options: KeeperOptions;
  readonly #copies: Copies;
  /** It among the other copies of the volume. */
  readonly copy: CopyKeeper;
  readonly #fetched: FetchedChunks;
  readonly #collector: Collector;
  readonly #checkpoints: Checkpoints;
  readonly #freePages: FreePages;
  readonly #guard: DatabaseGuard;
  /** Everything that was committed is durable, and known to be shared. */
  #isShared = false;
  /** The segment of the last operation. */
  #segment = 0;
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
    this.#options = options;
    this.#guard = guard;
    this.#surroundings = surroundings;
    this.#db = openDatabase(`${folder}/${DATABASE}`);
    using undone = new DisposableStack();
    // A Worker that ends with the database open would bring pages over that the guard does not know.
    undone.defer(() => guard.closing(() => this.#db.close(), guard.applied ?? 0));
    this.#index = new IndexWriter(this.#db);
    this.#log = new LogReader(disk, LOG);
    undone.defer(() => this.#log.close());
    this.#logged = new LoggedOperations(this.#log, this.#index, this.#unsettled);
    if (this.#index.meta("volume") === undefined) {
      nameVolume(this.#db, this.#index, surroundings, options.keyFile);
    }
    const isOld = this.#index.meta("isOfFormat3") !== undefined;
    if (isOld) bringFromFormat3(this.#db, this.#index);
    beAlone(
      {
        db: this.#db,
        index: this.#index,
        guard,
        surroundings,
        applied: this.applied,
        folder,
        keyFile: options.keyFile,
      },
      placeOf(`${folder}/${DATABASE}`),
    );
    const chunks = new ChunkRowsWriter(this.#db);
    this.#contents = new ContentWriter(disk, this.#log, chunks, this.#index.meta("key") as Uint8Array);
    undone.defer(() => this.#contents.close());
    this.#transactions = new Transactions({
      ...{ db: this.#db, index: this.#index, contents: this.#contents, guard },
      begin: () => {
        this.#isShared = false;
        this.#incarnation.documents.begin(this.#index.seq, surroundings.nowSec());
      },
    });
    this.#copies = new Copies(this.#db);
    this.#fetched = new FetchedChunks(this.#contents, (rows, isDurable) => {
      this.#transactions.write(() => {
        for (const { id, place } of rows) chunks.add(id, place);
      });
      if (isDurable) this.makeDurable();
    });
    this.copy = new CopyKeeper({
      copies: this.#copies,
      index: this.#index,
      contents: this.#contents,
      absent: chunks.absent,
      fetched: this.#fetched,
      documents: () => this.#incarnation.documents,
      nowSec: () => surroundings.nowSec(),
      settleAll: () => this.#settleAll(),
      within: (act) =>
        this.#within(() => {
          act();
          return this.applied;
        }),
      write: (act) => this.#transactions.write(act),
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
    this.#freePages = new FreePages(this.#db, guard);
    this.#incarnation = this.#newIncarnation();
    undone.defer(() => this.#incarnation.free());
    if (this.#index.node(ROOT_INO) === undefined) {
      addRoot(this.#index, this.#incarnation.documents, options.owned);
    }
    const first = Math.min(...this.#index.unsettled().values(), Infinity);
    // What a process left that was killed may be in the kernel alone, and the log is about to lose what is said to be needless.
    this.#checkpoints = new Checkpoints({
      ...{ disk, db: this.#db, guard, operationsMax: options.checkpointOperations },
      applied: () => this.applied,
    });
    this.makeDurable();
    if (isOld) this.#showAll();
    try {
      this.#checkpoints.bringOver();
      // Somebody may have copied the folder: what two copies make of a text has what was in it in common.
      this.share();
    } catch {
      // On a full disk the log of operations goes on to have what the database's own log has.
    }
    this.#checkpoints.need(first);
    undone.move();
  }

  /** The last operation that is applied. */
  get applied(): number {
    return Number(this.#index.meta("applied") ?? 0);
  }

  /** Operations up to this number are durable in the database: the log need not have them. */
  get needless(): number {
    return this.#checkpoints.needless;
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
      for (const ino of this.#unsettled.inos) this.#incarnation.applier.settle(ino);
      for (const ino of orphans) this.#incarnation.applier.forget(ino);
      return { applied: this.applied };
    });
    // No operation of the log says so: when power is lost, applying those that come now again would find it undone, and
    // a snapshot among them would be without what was written before it.
    this.makeDurable();
    return damage;
  }

  /** Takes up again what the log holds of files that were not settled. */
  resume(damage: string[]): void {
    this.#logged.resume(this.applied, damage);
  }

  /** What was found since the last time to be lost of what was written. */
  takeLost(): LostWrite[] {
    return this.#logged.takeLost();
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
      const some = this.#logged.apply(this.#incarnation.applier, from, last, damage);
      this.#checkpoints.note(some.bytes, some.operations);
      this.#segment = some.segment ?? this.#segment;
      isRestored = some.isRestored;
      return some;
    });
    // Operations that are logged from now on, which is once this is told, call what came back by numbers of this side.
    if (isRestored) this.makeDurable();
  }

  /** The files that are shown under a conflict name. */
  get conflicts(): Conflicts {
    return this.#incarnation.conflicts;
  }

  /** Who this copy writes as, how many records it has written so, and how many of another author are here. */
  get author(): Author {
    return this.#incarnation.documents.author;
  }

  numberOf(author: Author): number {
    return this.#incarnation.documents.journal.authors.get(author)?.number ?? 0;
  }

  /** Whether that record is here. */
  hasRecord(author: Author, number: number): boolean {
    return this.#incarnation.documents.journal.record(author, number) !== undefined;
  }

  /** Everything that was written becomes versions. */
  #settleAll(): void {
    const unsettled = this.#unsettled.inos;
    if (unsettled.length === 0) return;
    this.#transaction(() => {
      for (const ino of unsettled) this.#incarnation.applier.settle(ino);
      return { applied: this.applied };
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
    this.#fetched.enter();
    this.#within(() => {
      const { journal, key, author: self } = this.#incarnation.documents;
      this.#incarnation.documents.free();
      const renamed = giveWay({ db: this.#db, index: this.#index, journal, key, self }, author, number);
      this.#renew();
      this.#reconcile(this.#incarnation.documents.rename(renamed), version, (ino) => held.has(ino));
      return this.applied;
    });
    this.makeDurable();
  }

  /** Takes up what is stored of the documents, as somebody else wrote it. */
  #renew(): void {
    this.#incarnation.free();
    this.#incarnation = this.#newIncarnation();
  }

  #newIncarnation(): Incarnation {
    const { journal, merge, copyDays } = this.#options;
    return new Incarnation({
      ...{ db: this.#db, index: this.#index, contents: this.#contents, copies: this.#copies },
      ...{ unsettled: this.#unsettled, journal, merge, copyDays },
      nowSec: () => this.#surroundings.nowSec(),
      // A volume opens on a full disk, so that files can be removed from it.
      leaves: (thrown) => this.#isRecovering && errnoOf(thrown) === Errno.ENOSPC,
      onDamage: (reason) => this.#damage.push(reason),
    });
  }

  /** What this copy did so far may be on others from now on. */
  share(): void {
    if (!this.#incarnation.documents.isShared) {
      this.#transactions.write(() => this.#incarnation.documents.share());
    }
    this.#isShared = true;
  }

  /** Files and directories that became others by themselves since the last time: by what was received, or where conflicts are. */
  takeChanged(): number[] {
    const changed = [...this.#changed];
    this.#changed = new Set();
    return changed;
  }

  /** Makes anew what is damaged of documents and of their tree, from what else there is. Adds to `damage` what that was. */
  mend(damage: string[]): void {
    this.#transactions.write(() => damage.push(...this.#incarnation.documents.mend()));
  }

  /**
   * Makes one step of history shorter in the documents and in the journal, in a transaction of its own, if there is one to
   * make: at once, or when there is nothing else to do. Says whether there was. What a snapshot or history shows is not
   * touched by it.
   */
  tidy(isIdle: boolean): boolean {
    if (this.#incarnation.documents.isUntidy(isIdle)) {
      this.#transactions.record(() => {
        this.#incarnation.documents.tidy(this.#index.seq, this.#surroundings.nowSec());
        return this.applied;
      });
    } else if (!isIdle || !this.#freePages.giveBack()) return false;
    this.#checkpoints.note(TIDY_BYTES, 0);
    return true;
  }

  /** Thins history and moves contents together; returns the packs that can be removed, and what is damaged. */
  collect(retention: Retention): { packs: number[]; problems: string[] } {
    this.#guard.pay();
    const problems: string[] = [];
    this.#collector.thin(retention, this.#surroundings.nowSec());
    this.#incarnation.documents.collect();
    this.#freePages.collected();
    const packs = this.#collector.move((reason) => problems.push(reason));
    return { packs, problems };
  }

  /** Removes packs that nobody reads any more. Those that the database without its log still knows are found the next time. */
  removePacks(packs: readonly number[]): void {
    if (packs.length === 0) return;
    this.checkpoint();
    if (this.#checkpoints.isAllOver) this.#collector.remove(packs);
  }

  /**
   * Makes the database durable, so that the log need not hold what it has. The database's own log begins anew only if
   * nobody looks at an older state when it is called, nor, until the next transaction, at anything but the newest.
   */
  checkpoint(): void {
    this.#checkpoints.make(this.#unsettled.first);
    this.#log.forgetBefore(Math.min(this.#segment, this.#unsettled.firstSegment));
  }

  /**
   * Brings everything over and empties the database's own log, so that the database is whole while somebody goes on
   * reading it. False where somebody looks at an older state.
   */
  empty(): boolean {
    this.checkpoint();
    return this.#checkpoints.isAllOver && this.#checkpoints.empty();
  }

  /** Makes durable what was committed. */
  makeDurable(): void {
    this.#checkpoints.makeDurable();
  }

  /** Whether so much was applied since the last checkpoint that another is due. */
  get isCheckpointDue(): boolean {
    return this.#checkpoints.isDue;
  }

  [Symbol.dispose](): void {
    this.#incarnation.documents.free();
    this.#contents.close();
    this.#log.close();
    const { applied } = this;
    this.#guard.closing(() => this.#db.close(), applied);
  }

  /** What operations do, as a transaction and a record of the journal. */
  #transaction(act: () => Pick<AppliedSome, "applied"> & Partial<AppliedSome>): void {
    this.#within(() => {
      const { applied, sec = this.#surroundings.nowSec() } = act();
      const updates = this.#incarnation.documents.commit(this.#index.seq, sec);
      // Who holds what is not known: files without a name go at the next start.
      this.#reconcile(this.#incarnation.documents.beyond(updates), applied, () => true);
      return applied;
    });
  }

  #within(act: () => number): void {
    this.#transactions.record(() => {
      const applied = act();
      this.#unsettled.write(this.#index);
      return applied;
    });
  }

  /** Makes the index show of these nodes what the tree shows. */
  #reconcile(nodes: Set<NodeId>, version: number, isHeld: (ino: number) => boolean): void {
    for (const ino of this.#incarnation.reconcile(nodes, version, isHeld)) this.#changed.add(ino);
  }

  /** Volumes of before did not hold some times in the index against those in the documents. */
  #showAll(): void {
    const { tree } = this.#incarnation.documents;
    for (let nodes = tree.after("", SHOWN_AT_ONCE); nodes.length > 0;) {
      this.#within(() => {
        this.#reconcile(new Set(nodes), this.applied, () => true);
        return this.applied;
      });
      nodes = tree.after(nodes[nodes.length - 1], SHOWN_AT_ONCE);
    }
  }
}
