import { join } from "node:path";
import { errnoOf, NineError, type Principal, reasonOf, type Timestamp } from "../../9p/mod.ts";
import { ChunkReader, type Content, decodeDescriptor, Packs } from "../chunks/mod.ts";
import { realDisk } from "../disk/mod.ts";
import { DATABASE, LOG, PACKS } from "../guard/mod.ts";
import { Log } from "../log/mod.ts";
import { encode, type Operation } from "../operation/mod.ts";
import { IndexReader, type JournalBounds } from "../store/mod.ts";
import { Exchange } from "./exchange.ts";
import { lockFolder } from "./folder_lock.ts";
import {
  COPY_DAYS,
  type FromWorker,
  type LeftFile,
  type News,
  RETENTION,
  type Retention,
} from "./messages.ts";
import { OnDemand } from "./on_demand.ts";
import { checkRestorable } from "./restorable.ts";
import { Space } from "./space.ts";
import { StateWorker } from "./state_worker.ts";
import { wholeAt } from "./whole.ts";

const OWNED = { uid: "owner", gid: "owner" };
const DAY_SEC = 24 * 3600;
const GATHER_MS = 50;
/** Until the log is synced again where that failed. */
const RETRY_MS = 500;
/** How often history is thinned and what nothing shows is let go. */
const COLLECT_MS = 6 * 3600 * 1000;
/** After so long with nothing to do the Worker ends. */
const REST_MS = 30_000;
/** It is not looked more often than this whether it has something to do. */
const BUSY_MS = 10;
/** With more operations, or bytes of log, that are not applied, changes wait. Each is some 500 bytes of memory. */
const BEHIND_MAX = 50_000;
/** They go on once it is this part of that: on a slow machine clients do not wait half a minute for a reply. */
const RESUME_PART = 0.95;
const BEHIND_BYTES_MAX = 1024 ** 3;

export interface VolumeStoreOptions {
  /** Told of what is wrong and does not stop the volume. */
  readonly onTrouble?: (message: string) => void;
  /** Told of files that came to be shown under conflict names, or are no longer: paths from the volume's root on. */
  readonly onConflict?: (what: "conflict" | "resolved", path: string, of: string) => void;
  /** Who has the root directory of a new volume. */
  readonly owned?: { readonly uid: Principal; readonly gid: Principal };
  readonly retention?: Retention;
  /** Globs of the files that merge as text, `!` in front of what does not; prose and source text if not given. */
  readonly merge?: readonly string[];
  /** How long an operation waits for others before all are made durable and applied; 50 ms. */
  readonly gatherMs?: number;
  /** After so many operations the database is made durable and the log is shortened; 50,000. */
  readonly checkpointOperations?: number;
  /** How long a segment of the log grows, in bytes; 64 MiB. */
  readonly segmentBytes?: number;
  /** A copy that said nothing for so many days is not waited for; COPY_DAYS if not given. */
  readonly copies?: { readonly days: number };
  /** What the journal may have; 8,192 records and 64 MiB of changes. */
  readonly journal?: JournalBounds;
  /** With more operations that the index does not have, changes wait; 50,000. */
  readonly behindMax?: number;
  /** After so long with nothing to do the Worker ends, until there is something; 30 s, never if Infinity. */
  readonly restMs?: number;
  /** Whoever reads what is to come from another copy waits for so long at most; 30 s. */
  readonly waitMs?: number;
  /** Until a Worker that could not be started is started again; 5 s. */
  readonly retryMs?: number;
  /** Told when the Worker has ended by that. */
  readonly onRested?: () => void;
}

/** Files in the record of a restoring. */
const HELD_MAX = 1_000_000;

/** Going back to a snapshot, or taking in what others changed: everything else that changes waits until it is done. */
interface Restoring {
  /** The operation of the former, once that is in the log. */
  number: number | undefined;
  readonly done: PromiseWithResolvers<void>;
}

/** Where an operation of the log is. */
export interface Logged {
  readonly number: number;
  readonly segment: number;
  /** Of a write: where its bytes begin. */
  readonly position: number;
}

/**
 * The main isolate's side of a volume: it appends to the log and reads the index, the log and the packs, all at once; the
 * Worker follows.
 */
export class VolumeStore {
  onRenewed: (() => void) | undefined;
  onSnapshot: (() => void) | undefined;
  onRestored: ((changed?: ReadonlySet<number>) => void) | undefined;
  onLost: ((ino: number, number: number, reason: string) => void) | undefined;
  heldFiles: (() => number[]) | undefined;
  readonly contents: ChunkReader;
  readonly #space: Space;
  #index: IndexReader | undefined;
  #restoring: Restoring | undefined;
  #receiving: PromiseWithResolvers<readonly string[]> | undefined;
  readonly #exchanges = new Map<number, Exchange>();
  readonly #onDemand: OnDemand;
  /** As the index has it; undefined until somebody asks. */
  #hasAbsent: boolean | undefined;
  #lastExchange = 0;
  /** Exchanges that wait for the Worker. */
  #beginning = 0;
  #nextIno: number;
  #nextEid: number;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #collects: ReturnType<typeof setInterval>;
  #rests: ReturnType<typeof setTimeout> | undefined;
  /** Since when the Worker has nothing to do. */
  #idleMs = performance.now();
  #isClosing = false;
  #stuck: NineError | undefined;
  #whenApplied: (() => void)[] = [];
  #collecting: Promise<void> | undefined;
  #collected: PromiseWithResolvers<void> | undefined;
  #onClosed: (() => void) | undefined;
  /** Why there is no Worker any more. */
  #dead: NineError | undefined;
  /** Why there is none as long as it could not be started. */
  #unstarted: NineError | undefined;

  private constructor(
    readonly folder: string,
    readonly log: Log,
    readonly left: readonly LeftFile[],
    readonly lock: Deno.FsFile,
    readonly state: StateWorker,
    readonly options: VolumeStoreOptions,
  ) {
    this.#space = new Space(folder);
    this.#onDemand = new OnDemand({
      say: (message) => this.state.say(message),
      isCarried: () => this.#exchanges.size > 0,
      waitMs: options.waitMs,
    });
    const { index } = this;
    this.#nextIno = even(Number(index.lastIno()));
    this.#nextEid = even(Number(index.lastEid()));
    this.contents = new ChunkReader({
      packs: new Packs(realDisk(folder), PACKS),
      index: {
        find: (id) => this.index.chunks.find(id),
        isAbsent: (id) => this.index.chunks.isAbsent(id),
      },
      key: index.meta("key") as Uint8Array,
    });
    state.listen({
      took: (message) => this.#take(message),
      woke: (damage) => {
        this.#unstarted = this.#stuck = undefined;
        for (const reason of damage) options.onTrouble?.(reason);
        this.#watch();
      },
      stayed: () => {
        // Somebody else may be reading an older state, as verify: it is tried again later.
        this.#idleMs = performance.now();
        this.#watch();
      },
      rested: () => {
        this.#reopen();
        options.onRested?.();
      },
      failed: (error) => {
        this.#unstarted = error;
        this.#collected?.reject(error);
        this.#receiving?.reject(error);
        for (const exchange of this.#exchanges.values()) exchange.end(error);
        this.#exchanges.clear();
        this.#onDemand.fail(error);
        this.#trouble(error);
        this.#onClosed?.();
      },
      died: (error) => this.#die(error),
    });
    // What keeps it from happening is told as trouble.
    this.#collects = setInterval(() => this.collect().catch(() => {}), COLLECT_MS);
    if (typeof this.#collects === "number") Deno.unrefTimer(this.#collects);
    this.#watch();
  }

  /**
   * Opens a volume, or makes one in an empty folder. What the log has and the index has not is applied first. One that was
   * closed whole is there at once, without a Worker.
   */
  static async open(folder: string, options: VolumeStoreOptions = {}): Promise<VolumeStore> {
    const disk = realDisk(folder);
    const lock = lockFolder(folder);
    const state = new StateWorker({
      folder,
      owned: options.owned ?? OWNED,
      checkpointOperations: options.checkpointOperations ?? 50_000,
      journal: options.journal,
      merge: options.merge,
      copyDays: options.copies?.days,
    }, options.retryMs);
    const { segmentBytes } = options;
    let log: Log | undefined;
    let opened: Awaited<ReturnType<StateWorker["open"]>> | undefined;
    try {
      const whole = wholeAt(disk, folder);
      if (whole !== undefined) log = new Log(disk, LOG, { after: whole, segmentBytes });
      if (log !== undefined && log.last === whole && log.torn === undefined && log.damage.length === 0) {
        return new VolumeStore(folder, log, [], lock, state, options);
      }
      const { needless, applied, damage } = opened = await state.open();
      for (const reason of damage) options.onTrouble?.(reason);
      log ??= new Log(disk, LOG, { after: needless, segmentBytes });
      const left = await recover(state, log, options);
      if (log.last < applied) {
        // The end of what was applied is gone from the log: numbers go on where the index is.
        log.close();
        log = new Log(disk, LOG, { after: applied, segmentBytes });
      }
      return new VolumeStore(folder, log, left, lock, state, options);
    } catch (thrown) {
      // One that is only ended closes the database as it is, and SQLite brings pages over that the guard does not know.
      if (opened !== undefined) {
        await state.ask({ kind: "close", last: opened.applied }, "closed").catch(() => {});
      }
      state.terminate();
      log?.close();
      lock.close();
      throw thrown;
    }
  }

  /** As it was at the last renewal. */
  get index(): IndexReader {
    return this.#index ??= new IndexReader(`${this.folder}/${DATABASE}`);
  }

  nextIno(): number {
    return this.#nextIno += 2;
  }

  nextEid(): number {
    return this.#nextEid += 2;
  }

  append(operation: Operation): Logged {
    const { type, payload } = encode(operation);
    const body = operation.kind === "write" ? operation.bytes : undefined;
    if (body !== undefined || operation.kind === "create") this.#space.check(body?.byteLength ?? 0);
    const { number, segment, offset } = this.log.append(type, payload, body);
    this.#timer ??= setTimeout(() => this.#flush(), this.options.gatherMs ?? GATHER_MS);
    return { number, segment, position: offset + payload.byteLength };
  }

  readLogged(segment: number, position: number, into: Uint8Array): void {
    this.log.read(segment, position, into);
  }

  openContent(content: Uint8Array): Content {
    return this.contents.open(decodeDescriptor(content));
  }

  /** Whether there are contents of which something is not here. */
  get hasAbsent(): boolean {
    return this.#hasAbsent ??= this.index.chunks.hasAbsent;
  }

  /** Whether something is not here of what these bytes of a content need; `withLists`: or of its lists. */
  lacks(content: Uint8Array, start: number, end: number, withLists = false): boolean {
    try {
      return !this.contents.lacking(decodeDescriptor(content), start, end, withLists).next().done;
    } catch {
      // What is damaged is here.
      return false;
    }
  }

  /** Has other copies asked for that. */
  fetch(
    content: Uint8Array,
    start: number,
    end: number,
    signal: AbortSignal,
    withLists = false,
  ): Promise<void> {
    const { size } = decodeDescriptor(content);
    return this.#onDemand.fetch({ descriptor: content, size, start, end, withLists }, signal);
  }

  async sync(): Promise<void> {
    await this.log.sync();
  }

  behind(): Promise<void> | undefined {
    if (this.#restoring !== undefined) {
      if (this.#stuck !== undefined) throw this.#stuck;
      return this.#restoring.done.promise;
    }
    const behindMax = this.options.behindMax ?? BEHIND_MAX;
    this.#checkAlive();
    const isBehind = this.log.last - this.index.applied > behindMax;
    const isLong = this.log.bytes > BEHIND_BYTES_MAX && this.index.applied < this.log.last;
    if (!isBehind && !isLong) return undefined;
    // Where the index cannot follow, as on a full disk, what comes on top is refused.
    if (this.#stuck !== undefined) throw this.#stuck;
    // Few operations may have many bytes. Once all are applied, waiting makes the log no shorter.
    return this.caughtUp(isBehind ? this.log.last - Math.floor(behindMax * RESUME_PART) : this.log.last);
  }

  /** Resolves when the index has everything up to that operation, by default the last. */
  async caughtUp(number: number = this.log.last): Promise<void> {
    if (this.index.applied < number) await this.#flush();
    while (this.index.applied < number) {
      if (this.#stuck !== undefined) throw this.#stuck;
      await new Promise<void>((wake) => this.#whenApplied.push(wake));
    }
  }

  space(): { bytes: number; free: number } {
    return this.#space.left();
  }

  /** Lets go of history that is not kept, and of contents that nothing shows any more. */
  collect(): Promise<void> {
    return this.#collecting ??= this.#collect().finally(() => this.#collecting = undefined);
  }

  async #collect(): Promise<void> {
    await this.#restoring?.done.promise;
    // Where the index cannot follow, as on a full disk, this may be what makes room.
    await this.caughtUp().catch(() => {});
    this.#checkAlive();
    this.#collected = Promise.withResolvers();
    this.state.say({ kind: "collect", retention: this.options.retention ?? RETENTION });
    await this.#collected.promise;
  }

  /** Names the tree as it is now. EEXIST where the name is taken; it is there when this resolves. */
  async snapshot(name: string, by: Principal): Promise<void> {
    await this.caughtUp();
    this.#checkAlive();
    if (this.index.past.snapshot(name)) throw new NineError("EEXIST", `There is a snapshot ${name} already`);
    await this.caughtUp(this.#name(name, by, now()));
  }

  /** ENOENT where there is none of that name. */
  async unsnapshot(name: string, by: Principal): Promise<void> {
    await this.caughtUp();
    // It may be what is gone back to.
    while (this.#restoring !== undefined) await this.#restoring.done.promise;
    if (!this.index.past.snapshot(name)) throw new NineError("ENOENT", `There is no snapshot ${name}`);
    await this.#order({ kind: "unsnapshot", name, by, time: now() });
  }

  /**
   * What is at a path, names from the root on, becomes as it was in a snapshot, in one change: who reads sees all of it or
   * nothing, also after a crash, and changes wait until it is there. How the volume was before is snapshot `before`.
   */
  async restore(snapshot: string, path: readonly string[], before: string, by: Principal): Promise<void> {
    // One after the other, and none while history goes that it needs.
    while (this.#restoring !== undefined) await this.#restoring.done.promise;
    const restoring: Restoring = { number: undefined, done: Promise.withResolvers() };
    this.#restoring = restoring;
    try {
      await this.#collecting;
      await this.caughtUp();
      this.#checkAlive();
      const { past } = this.index;
      const found = past.snapshot(snapshot);
      if (found === undefined) throw new NineError("ENOENT", `There is no snapshot ${snapshot}`);
      if (past.snapshot(before)) throw new NineError("EEXIST", `There is a snapshot ${before} already`);
      checkRestorable(this.index, path, found);
      const held = this.heldFiles?.() ?? [];
      if (held.length > HELD_MAX) {
        throw new NineError(
          "EBUSY",
          `${held.length} files are open, allowed while restoring are ${HELD_MAX}`,
        );
      }
      const time = now();
      this.#name(before, by, time);
      const operation = { kind: "restore", snapshot, path: path.join("/"), held, by, time } as const;
      restoring.number = this.append(operation).number;
    } catch (thrown) {
      this.#endRestoring();
      throw thrown;
    }
    await this.caughtUp(restoring.number);
  }

  /** An exchange with another copy, to be carried to it and back. */
  async exchange(): Promise<Exchange> {
    this.#checkAlive();
    // It starts the Worker if that rests, which it does not while there are exchanges.
    const id = ++this.#lastExchange;
    this.#beginning++;
    try {
      this.state.say({ kind: "logged", last: this.log.synced });
      await this.state.settled();
      this.#checkAlive();
      if (!this.state.isRunning) {
        throw this.#stuck ?? new NineError("EAGAIN", "The state Worker does not run");
      }
    } finally {
      this.#beginning--;
    }
    const exchange = new Exchange({
      post: (frame) => this.state.say({ kind: "exchange", id, frame }),
      onRead: (bytes) => this.state.say({ kind: "exchangeRead", id, bytes }),
      onClose: () => {
        if (this.#exchanges.delete(id)) this.state.say({ kind: "exchangeClosed", id });
      },
    });
    this.#exchanges.set(id, exchange);
    return exchange;
  }

  /** Takes in what others changed. Says what of it was refused, and why. */
  async receive(news: News): Promise<readonly string[]> {
    while (this.#receiving !== undefined) await this.#receiving.promise.catch(() => {});
    this.#checkAlive();
    const receiving = this.#receiving = Promise.withResolvers<readonly string[]>();
    this.state.say({ kind: "receive", news });
    return await receiving.promise.finally(() => this.#receiving = undefined);
  }

  /** Changes wait from here on, until the Worker says what is other. */
  async #hold(): Promise<void> {
    while (this.#restoring !== undefined) await this.#restoring.done.promise;
    if (this.#isClosing || this.#dead !== undefined) return;
    this.#restoring = { number: undefined, done: Promise.withResolvers() };
    try {
      // Of what is written and in no version the documents know nothing.
      this.onSnapshot?.();
      const last = this.append({ kind: "receive", by: "", time: now() }).number;
      await this.log.sync();
      this.state.say({ kind: "held", last, files: this.heldFiles?.() ?? [] });
    } catch (thrown) {
      this.#endRestoring();
      this.state.say({ kind: "unheld", errno: errnoOf(thrown), message: reasonOf(thrown) });
    }
  }

  #endRestoring(): void {
    const { done } = this.#restoring!;
    this.#restoring = undefined;
    done.resolve();
  }

  #packBytes(): number {
    const folder = join(this.folder, PACKS);
    return [...Deno.readDirSync(folder)].reduce(
      (sum, { name }) => sum + Deno.statSync(join(folder, name)).size,
      0,
    );
  }

  #name(name: string, by: Principal, time: Timestamp): number {
    this.onSnapshot?.();
    return this.append({ kind: "snapshot", name, by, time }).number;
  }

  async #order(operation: Operation): Promise<void> {
    this.#checkAlive();
    const { number } = this.append(operation);
    await this.caughtUp(number);
  }

  /** How the volume is, in words and numbers. */
  status(): Record<string, unknown> {
    const { index, log, folder } = this;
    return {
      folder,
      volume: index.meta("volume"),
      incarnation: Array.from(
        index.meta("incarnation") as Uint8Array,
        (byte) => byte.toString(16).padStart(2, "0"),
      )
        .join(""),
      ...index.counts(),
      operations: log.last,
      waiting: log.last - index.applied,
      logBytes: log.bytes,
      packBytes: this.#packBytes(),
      snapshots: index.past.snapshots().map(({ name, sec, by }) => ({
        name,
        time: new Date(sec * 1000).toISOString(),
        by,
      })),
      contents: index.meta("contents") ?? "whole",
      copies: index.copies(now().sec - (this.options.copies?.days ?? COPY_DAYS) * DAY_SEC),
      isAtRest: this.state.worker === undefined,
      ...(this.#stuck ? { trouble: this.#stuck.message } : {}),
    };
  }

  /** Ends as a killed process would: nothing more is applied, and nothing is synced. */
  abandon(): void {
    this.#end();
    this.state.terminate();
    this.#onDemand.fail(new NineError("EBADF", `The volume in ${this.folder} was closed`));
    // The index stays open: a Worker that ends closes the database, and must not be the last, who would put it in order.
    this.contents.close();
    this.log.close();
    this.lock.close();
  }

  /** Applies what is logged and lets everything go. */
  async close(): Promise<void> {
    this.#end();
    await this.log.sync();
    await this.state.settled();
    // A Worker that could not be started leaves it to the next start.
    if (!this.state.isRunning && this.log.last > this.index.applied) {
      this.state.say({ kind: "logged", last: this.log.last });
      await this.state.settled();
    }
    const closed = new Promise<void>((wake) => this.#onClosed = wake);
    // The index's view would keep the database from being closed whole; where the Worker is dead, it must (see `abandon`).
    if (this.#dead === undefined) this.#reopen();
    if (this.state.isRunning) {
      this.state.say({ kind: "close", last: this.log.last });
      await closed;
    }
    const closedError = new NineError("EBADF", `The volume in ${this.folder} was closed`);
    this.#collected?.reject(closedError);
    this.#receiving?.reject(closedError);
    for (const exchange of this.#exchanges.values()) exchange.end(closedError);
    this.#onDemand.fail(closedError);
    this.contents.close();
    this.log.close();
    this.state.terminate();
    this.lock.close();
  }

  #end(): void {
    this.#isClosing = true;
    clearInterval(this.#collects);
    clearTimeout(this.#timer);
    clearTimeout(this.#rests);
  }

  async #flush(): Promise<void> {
    clearTimeout(this.#timer);
    let nextMs = this.options.gatherMs ?? GATHER_MS;
    try {
      await this.log.sync();
      this.state.say({ kind: "logged", last: this.log.synced });
    } catch (thrown) {
      // `close` syncs as well, and says what fails; what was abandoned meanwhile is no trouble.
      if (this.#isClosing) return;
      this.#trouble(thrown instanceof NineError ? thrown : new NineError("EIO", String(thrown)));
      nextMs = RETRY_MS;
    }
    if (this.#isClosing) return;
    // What was appended meanwhile had no timer of its own.
    const isLeft = this.log.synced < this.log.last;
    this.#timer = isLeft ? setTimeout(() => this.#flush(), nextMs) : undefined;
  }

  #take(message: FromWorker): void {
    if (message.kind === "applied" || message.kind === "found") {
      for (const reason of message.damage) this.options.onTrouble?.(reason);
    }
    if (this.#onClosed !== undefined) {
      if (message.kind === "failed") this.options.onTrouble?.(message.message);
      if (message.kind === "closed") this.#onClosed();
      return;
    }
    if (message.kind === "moved") {
      for (const problem of message.problems) this.options.onTrouble?.(problem);
      this.#renew();
      for (const pack of message.packs) this.contents.forgetPack(pack);
      this.state.say({ kind: "forgotten", packs: message.packs });
    } else if (message.kind === "collected") {
      this.#collected?.resolve();
      this.#idleMs = performance.now();
      this.#watch();
    } else if (message.kind === "failed") {
      // Only collecting did not work; what is logged is applied as before.
      this.options.onTrouble?.(message.message);
      this.#collected?.reject(new NineError(message.errno, message.message));
    } else if (message.kind === "stuck") {
      this.#trouble(new NineError(message.errno, message.message));
    } else if (message.kind === "holds") {
      this.#hold();
    } else if (message.kind === "received") {
      this.#renew();
      this.onRestored?.(new Set(message.changed));
      this.#endRestoring();
    } else if (message.kind === "taken") {
      this.#receiving?.resolve(message.refused);
    } else if (message.kind === "untaken") {
      this.#receiving?.reject(new NineError(message.errno, message.message));
    } else if (message.kind === "conflicts") {
      for (const { path, of } of message.came) this.options.onConflict?.("conflict", path, of);
      for (const { path, of } of message.went) this.options.onConflict?.("resolved", path, of);
    } else if (message.kind === "exchange") {
      this.#exchanges.get(message.id)?.push(message.frame);
    } else if (message.kind === "demanded") {
      this.#renew();
      this.#onDemand.took(message);
    } else if (message.kind === "exchangeTook") {
      this.#exchanges.get(message.id)?.took(message.bytes);
    } else if (message.kind === "exchangeEnded") {
      this.#exchanges.get(message.id)?.end();
      // What was damaged may be somewhere else now.
      this.#renew();
      this.contents.forgetPlaces();
      this.#exchanges.delete(message.id);
    } else if (message.kind === "applied") {
      this.#stuck = undefined;
      for (const { ino, number, reason } of message.lost) this.onLost?.(ino, number, reason);
      this.#renew();
      this.#idleMs = performance.now();
      if (message.waits) this.state.say({ kind: "renewed" });
      this.log.drop(message.needless);
      this.#wake();
    }
  }

  #renew(): void {
    this.index.renew();
    this.#hasAbsent = undefined;
    this.onRenewed?.();
    if ((this.#restoring?.number ?? Infinity) > this.index.applied) return;
    this.onRestored?.();
    this.#endRestoring();
  }

  #trouble(error: NineError): void {
    if (this.#stuck?.message !== error.message) this.options.onTrouble?.(error.message);
    this.#stuck = error;
    this.#wake();
  }

  /** The Worker is no more: nobody waits for it any longer. */
  #die(error: NineError): void {
    this.#dead = error;
    this.#collected?.reject(error);
    this.#receiving?.reject(error);
    for (const exchange of this.#exchanges.values()) exchange.end(error);
    this.#onDemand.fail(error);
    this.#trouble(error);
    if (this.#restoring !== undefined) this.#endRestoring();
    this.#onClosed?.();
  }

  /** What is asked of a Worker that is no more would wait in the log for the next start. */
  #checkAlive(): void {
    const error = this.#dead ?? this.#unstarted;
    if (error !== undefined) throw error;
  }

  #wake(): void {
    const waiting = this.#whenApplied;
    this.#whenApplied = [];
    for (const wake of waiting) wake();
  }

  /** Lets the Worker rest once it has had nothing to do for long enough. */
  #watch(): void {
    const restMs = this.options.restMs ?? REST_MS;
    if (this.#isClosing || this.#rests !== undefined || restMs === Infinity) return;
    const isBusy = this.log.last > this.index.applied || this.#restoring !== undefined ||
      this.#collecting !== undefined || this.#receiving !== undefined ||
      this.#exchanges.size > 0 || this.#beginning > 0;
    if (isBusy) this.#idleMs = performance.now();
    const leftMs = this.#idleMs + restMs - performance.now();
    if (leftMs <= 0 && !isBusy) return this.state.rest();
    this.#rests = setTimeout(() => {
      this.#rests = undefined;
      if (this.state.isRunning) this.#watch();
    }, Math.max(leftMs, BUSY_MS));
    if (typeof this.#rests === "number") Deno.unrefTimer(this.#rests);
  }

  /**
   * The Worker has closed its descriptor of the database, and with it have gone the locks that SQLite has in this process:
   * they are taken anew. What was read of the index is out of memory by that, too.
   */
  #reopen(): void {
    this.#index?.[Symbol.dispose]();
    this.#index = undefined;
  }
}

/** Has the Worker bring the index up to the log; says which files could not be settled. */
async function recover(
  state: StateWorker,
  log: Log,
  { onTrouble }: VolumeStoreOptions,
): Promise<readonly LeftFile[]> {
  if (log.torn !== undefined) {
    const { first, bytes } = log.torn;
    onTrouble?.(
      `The log ended within operation ${first}: ${bytes} bytes of it that were not durable yet are gone`,
    );
  }
  // What else is damaged the Worker meets where it needs it.
  await log.sync();
  const { damage, left } = await state.ask({ kind: "recover", last: log.last }, "recovered");
  for (const message of damage) onTrouble?.(message);
  return left;
}

function now(): Timestamp {
  const ms = Date.now();
  const sec = Math.floor(ms / 1000);
  return { sec, nsec: (ms - sec * 1000) * 1_000_000 };
}

/** The even number at or above which none was given out: this node makes even ones. */
function even(last: number): number {
  return last + last % 2;
}
