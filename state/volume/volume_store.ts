import { NineError, type Principal } from "../../9p/mod.ts";
import { ChunkReader, type Content, decodeDescriptor, Packs } from "../chunks/mod.ts";
import { realDisk } from "../disk/mod.ts";
import { DATABASE, PACKS } from "../guard/mod.ts";
import type { Log } from "../log/mod.ts";
import { encode, type Operation } from "../operation/mod.ts";
import { IndexReader } from "../store/mod.ts";
import { Collecting } from "./collecting.ts";
import type { Exchange } from "./exchange.ts";
import { Following } from "./following.ts";
import { Gate } from "./gate.ts";
import { Gathering } from "./gathering.ts";
import { COPY_DAYS, type FromWorker, type LeftFile, type News, RETENTION } from "./messages.ts";
import { now } from "./now.ts";
import { OnDemand } from "./on_demand.ts";
import { OpenExchanges } from "./open_exchanges.ts";
import { type Opened, openVolume } from "./opening.ts";
import type { VolumeStoreOptions } from "./options.ts";
import { Receiving } from "./receiving.ts";
import { RestWatch } from "./rest_watch.ts";
import { Snapshots } from "./snapshots.ts";
import { Space } from "./space.ts";
import type { StateWorker } from "./state_worker.ts";
import { statusOf } from "./status.ts";

const DAY_SEC = 24 * 3600;

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
  readonly log: Log;
  readonly left: readonly LeftFile[];
  readonly lock: Deno.FsFile;
  readonly state: StateWorker;
  readonly #space: Space;
  readonly #following: Following;
  readonly #gathering: Gathering;
  readonly #resting: RestWatch;
  readonly #gate = new Gate();
  readonly #snapshots: Snapshots;
  readonly #collecting: Collecting;
  readonly #receiving: Receiving;
  readonly #exchanges: OpenExchanges;
  readonly #onDemand: OnDemand;
  #index: IndexReader | undefined;
  /** As the index has it; undefined until somebody asks. */
  #hasAbsent: boolean | undefined;
  #nextIno: number;
  #nextEid: number;
  #onClosed: (() => void) | undefined;

  private constructor(
    readonly folder: string,
    { log, left, lock, state }: Opened,
    readonly options: VolumeStoreOptions,
  ) {
    this.log = log;
    this.left = left;
    this.lock = lock;
    this.state = state;
    this.#space = new Space(folder);
    this.#following = new Following({
      log,
      index: () => this.index,
      flush: () => this.#gathering.flush(),
      behindMax: options.behindMax,
      onTrouble: (message) => options.onTrouble?.(message),
    });
    this.#gathering = new Gathering({
      log,
      gatherMs: options.gatherMs,
      onSynced: (last) => state.say({ kind: "logged", last }),
      onTrouble: (error) => this.#following.trouble(error),
    });
    this.#resting = new RestWatch({ state, restMs: options.restMs, isBusy: () => this.#isBusy() });
    this.#exchanges = new OpenExchanges(state, log, this.#following);
    this.#onDemand = new OnDemand({
      say: (message) => state.say(message),
      isCarried: () => this.#exchanges.isAny,
      waitMs: options.waitMs,
    });
    const parts = {
      ...{ log, state, following: this.#following, gate: this.#gate },
      index: () => this.index,
      append: (operation: Operation) => this.append(operation).number,
      caughtUp: (number?: number) => this.caughtUp(number),
      settle: () => this.onSnapshot?.(),
      heldFiles: () => this.heldFiles?.() ?? [],
    };
    this.#snapshots = new Snapshots({ ...parts, collecting: () => this.#collecting.running });
    this.#receiving = new Receiving(parts);
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
        this.#following.started();
        for (const reason of damage) options.onTrouble?.(reason);
        this.#resting.watch();
      },
      stayed: () => {
        // Somebody else may be reading an older state, as verify: it is tried again later.
        this.#resting.worked();
        this.#resting.watch();
      },
      rested: () => {
        this.#reopen();
        options.onRested?.();
      },
      failed: (error) => {
        this.#following.unstarted(error);
        this.#failAll(error);
        this.#exchanges.clear();
        this.#onDemand.fail(error);
        this.#following.trouble(error);
        this.#onClosed?.();
      },
      died: (error) => this.#die(error),
    });
    this.#collecting = new Collecting({
      ...parts,
      begin: () => state.say({ kind: "collect", retention: options.retention ?? RETENTION }),
    });
    this.#resting.watch();
  }

  /**
   * Opens a volume, or makes one in an empty folder. What the log has and the index has not is applied first. One that was
   * closed whole is there at once, without a Worker.
   */
  static open(folder: string, options: VolumeStoreOptions = {}): Promise<VolumeStore> {
    return openVolume(folder, options, (opened) => new VolumeStore(folder, opened, options));
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
    this.#gathering.begin();
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
    const { closing } = this.#gate;
    if (closing === undefined) return this.#following.behind();
    const { stuck } = this.#following;
    if (stuck !== undefined) throw stuck;
    return closing.done.promise;
  }

  /** Resolves when the index has everything up to that operation, by default the last. */
  caughtUp(number: number = this.log.last): Promise<void> {
    return this.#following.caughtUp(number);
  }

  space(): { bytes: number; free: number } {
    return this.#space.left();
  }

  /** Lets go of history that is not kept, and of contents that nothing shows any more. */
  collect(): Promise<void> {
    return this.#collecting.collect();
  }

  /** Names the tree as it is now. EEXIST where the name is taken; it is there when this resolves. */
  snapshot(name: string, by: Principal): Promise<void> {
    return this.#snapshots.add(name, by);
  }

  /** ENOENT where there is none of that name. */
  unsnapshot(name: string, by: Principal): Promise<void> {
    return this.#snapshots.remove(name, by);
  }

  /**
   * What is at a path, names from the root on, becomes as it was in a snapshot, in one change: who reads sees all of it or
   * nothing, also after a crash, and changes wait until it is there. How the volume was before is snapshot `before`.
   */
  restore(snapshot: string, path: readonly string[], before: string, by: Principal): Promise<void> {
    return this.#snapshots.restore(snapshot, path, before, by);
  }

  /** An exchange with another copy, to be carried to it and back. */
  exchange(): Promise<Exchange> {
    return this.#exchanges.begin();
  }

  /** Takes in what others changed. Says what of it was refused, and why. */
  receive(news: News): Promise<readonly string[]> {
    return this.#receiving.receive(news);
  }

  /** How the volume is, in words and numbers. */
  status(): Record<string, unknown> {
    const { folder, index, log } = this;
    return statusOf({
      ...{ folder, index, log },
      waitedSinceSec: now().sec - (this.options.copies?.days ?? COPY_DAYS) * DAY_SEC,
      isAtRest: this.state.worker === undefined,
      trouble: this.#following.stuck?.message,
    });
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
    if (!this.#following.isDead) this.#reopen();
    if (this.state.isRunning) {
      this.state.say({ kind: "close", last: this.log.last });
      await closed;
    }
    const closedError = new NineError("EBADF", `The volume in ${this.folder} was closed`);
    this.#failAll(closedError);
    this.#onDemand.fail(closedError);
    this.contents.close();
    this.log.close();
    this.state.terminate();
    this.lock.close();
  }

  #end(): void {
    this.#receiving.close();
    this.#collecting.close();
    this.#gathering.close();
    this.#resting.close();
  }

  /** Nobody gets any more what he asked the Worker for. */
  #failAll(error: NineError): void {
    this.#collecting.fail(error);
    this.#receiving.fail(error);
    this.#exchanges.fail(error);
  }

  /** Whether the Worker has something to do, or is about to have. */
  #isBusy(): boolean {
    return this.log.last > this.index.applied || this.#gate.closing !== undefined ||
      this.#collecting.running !== undefined || this.#receiving.isReceiving || this.#exchanges.isAnySoon;
  }

  /** The index may have what no operation of this side did, and `onRestored` did not tell yet which files that are. */
  get isAhead(): boolean {
    return this.#receiving.isAhead;
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
      this.#collecting.done();
      this.#resting.worked();
      this.#resting.watch();
    } else if (message.kind === "failed") {
      // Only collecting did not work; what is logged is applied as before.
      this.options.onTrouble?.(message.message);
      this.#collecting.fail(new NineError(message.errno, message.message));
    } else if (message.kind === "stuck") {
      this.#following.trouble(new NineError(message.errno, message.message));
    } else if (message.kind === "holds") {
      this.#receiving.hold();
    } else if (message.kind === "received") {
      this.#renew();
      this.onRestored?.(new Set(message.changed));
      this.#receiving.told();
      this.#gate.open();
    } else if (message.kind === "taken") {
      this.#receiving.took(message.refused);
    } else if (message.kind === "untaken") {
      this.#receiving.fail(new NineError(message.errno, message.message));
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
      this.#exchanges.remove(message.id);
    } else if (message.kind === "applied") {
      this.#following.unstuck();
      for (const { ino, number, reason } of message.lost) this.onLost?.(ino, number, reason);
      this.#renew();
      this.#resting.worked();
      if (message.waits) this.state.say({ kind: "renewed" });
      this.log.drop(message.needless);
      this.#following.wake();
    }
  }

  #renew(): void {
    this.index.renew();
    this.#hasAbsent = undefined;
    this.onRenewed?.();
    if ((this.#gate.closing?.number ?? Infinity) > this.index.applied) return;
    this.onRestored?.();
    this.#gate.open();
  }

  /** The Worker is no more: nobody waits for it any longer. */
  #die(error: NineError): void {
    this.#following.died(error);
    this.#failAll(error);
    this.#onDemand.fail(error);
    this.#following.trouble(error);
    if (this.#gate.closing !== undefined) this.#gate.open();
    this.#onClosed?.();
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

/** The even number at or above which none was given out: this node makes even ones. */
function even(last: number): number {
  return last + last % 2;
}
