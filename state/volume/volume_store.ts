import { statfsSync } from "node:fs";
import { join } from "node:path";
import { errnoOf, NineError, type Principal, reasonOf, S, type Timestamp } from "../../9p/mod.ts";
import { ChunkReader, type Content, decodeDescriptor, Packs } from "../chunks/mod.ts";
import { type Disk, realDisk } from "../disk/mod.ts";
import { Log } from "../log/mod.ts";
import { encode, type Operation } from "../operation/mod.ts";
import { IndexReader, type JournalBounds, type SnapshotRow } from "../store/mod.ts";
import { Exchange } from "./exchange.ts";
import { DATABASE, LOG, PACKS } from "./layout.ts";
import {
  type FromWorker,
  type LeftFile,
  type News,
  RETENTION,
  type Retention,
  type ToWorker,
} from "./messages.ts";

const OWNED = { uid: "owner", gid: "owner" };
const ROOT_INO = 1;
const GATHER_MS = 50;
/** Until the log is synced again where that failed. */
const RETRY_MS = 500;
/** How often history is thinned and what nothing shows is let go. */
const COLLECT_MS = 6 * 3600 * 1000;
/** Near the end of the disk, at this many bytes or this part of it, nothing that makes the volume larger is taken. */
const RESERVE_BYTES = 64 * 1024 * 1024;
const RESERVE_PART = 1 / 20;
/** The disk is asked again after so many bytes or milliseconds. */
const SPACE_BYTES = 1024 * 1024;
const SPACE_MS = 500;
/** With more operations, or bytes of log, that are not applied, changes wait. Each is some 500 bytes of memory. */
const BEHIND_MAX = 50_000;
/** They go on once it is this part of that: on a slow machine clients do not wait half a minute for a reply. */
const RESUME_PART = 0.95;
const BEHIND_BYTES_MAX = 1024 ** 3;

export interface VolumeStoreOptions {
  /** Told of what is wrong and does not stop the volume. */
  readonly onTrouble?: (message: string) => void;
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
  /** What the journal may have; 8,192 records and 64 MiB of changes. */
  readonly journal?: JournalBounds;
  /** With more operations that the index does not have, changes wait; 50,000. */
  readonly behindMax?: number;
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
  #restoring: Restoring | undefined;
  #receiving: PromiseWithResolvers<readonly string[]> | undefined;
  readonly #exchanges = new Map<number, Exchange>();
  #lastExchange = 0;
  #nextIno: number;
  #nextEid: number;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #collects: ReturnType<typeof setInterval>;
  #isClosing = false;
  /** Bytes since the disk was asked for its space, and when that was. */
  #unasked = 0;
  #askedMs = -Infinity;
  #isFull = false;
  #stuck: NineError | undefined;
  #whenApplied: (() => void)[] = [];
  #collecting: Promise<void> | undefined;
  #collected: PromiseWithResolvers<void> | undefined;
  #onClosed: (() => void) | undefined;
  /** Why there is no Worker any more. */
  #dead: NineError | undefined;

  private constructor(
    readonly folder: string,
    readonly index: IndexReader,
    readonly log: Log,
    readonly contents: ChunkReader,
    readonly left: readonly LeftFile[],
    readonly lock: Deno.FsFile,
    readonly worker: Worker,
    readonly options: VolumeStoreOptions,
  ) {
    this.#nextIno = even(Number(index.lastIno()));
    this.#nextEid = even(Number(index.lastEid()));
    worker.onmessage = ({ data }: MessageEvent<FromWorker>) => this.#take(data);
    worker.onerror = (event) => {
      event.preventDefault();
      this.#die(
        new NineError("EIO", `The state Worker ended, and the volume takes nothing more: ${event.message}`),
      );
    };
    // What keeps it from happening is told as trouble.
    this.#collects = setInterval(() => this.collect().catch(() => {}), COLLECT_MS);
    if (typeof this.#collects === "number") Deno.unrefTimer(this.#collects);
  }

  /** Opens a volume, or makes one in an empty folder. What the log has and the index has not is applied first. */
  static async open(folder: string, options: VolumeStoreOptions = {}): Promise<VolumeStore> {
    const disk = realDisk(folder);
    const lock = lockFolder(folder);
    const worker = new Worker(new URL("../worker/worker.ts", import.meta.url), {
      type: "module",
      name: "state",
    });
    try {
      const { needless, applied, damage } = await ask(
        worker,
        {
          kind: "open",
          folder,
          owned: options.owned ?? OWNED,
          checkpointOperations: options.checkpointOperations ?? 50_000,
          journal: options.journal,
          merge: options.merge,
        },
        "opened",
      );
      for (const reason of damage) options.onTrouble?.(reason);
      const { log, left } = await recover(worker, disk, needless, applied, options);
      const index = new IndexReader(`${folder}/${DATABASE}`);
      const key = index.meta("key") as Uint8Array;
      const contents = new ChunkReader({ packs: new Packs(disk, PACKS), index: index.chunks, key });
      return new VolumeStore(folder, index, log, contents, left, lock, worker, options);
    } catch (thrown) {
      worker.terminate();
      lock.close();
      throw thrown;
    }
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
    if (body !== undefined || operation.kind === "create") this.#checkSpace(body?.byteLength ?? 0);
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
    const { bytes, free } = this.#disk();
    return { bytes, free: Math.max(0, free - Math.min(RESERVE_BYTES, bytes * RESERVE_PART)) };
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
    this.#say({ kind: "collect", retention: this.options.retention ?? RETENTION });
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
  exchange(): Exchange {
    this.#checkAlive();
    const id = ++this.#lastExchange;
    const exchange = new Exchange({
      post: (frame) => this.#say({ kind: "exchange", id, frame }),
      onRead: (bytes) => this.#say({ kind: "exchangeRead", id, bytes }),
      onClose: () => {
        if (this.#exchanges.delete(id)) this.#say({ kind: "exchangeClosed", id });
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
    this.#say({ kind: "receive", news });
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
      this.#say({ kind: "held", last, files: this.heldFiles?.() ?? [] });
    } catch (thrown) {
      this.#endRestoring();
      this.#say({ kind: "unheld", errno: errnoOf(thrown), message: reasonOf(thrown) });
    }
  }

  #endRestoring(): void {
    const { done } = this.#restoring!;
    this.#restoring = undefined;
    done.resolve();
  }

  /** ENOSPC near the end of the disk: what is left is for removing files, the database and collecting. */
  #checkSpace(bytes: number): void {
    this.#unasked += bytes;
    const now = performance.now();
    if (this.#unasked > SPACE_BYTES || now > this.#askedMs + SPACE_MS) {
      const { bytes, free } = this.#disk();
      this.#isFull = free < Math.min(RESERVE_BYTES, bytes * RESERVE_PART);
      this.#unasked = 0;
      this.#askedMs = now;
    }
    if (!this.#isFull) return;
    throw new NineError(
      "ENOSPC",
      `The disk of ${this.folder} is all but full; what is left is for removing files and for lux9 volume gc`,
    );
  }

  #disk(): { bytes: number; free: number } {
    const { bsize, blocks, bavail } = statfsSync(this.folder);
    return { bytes: blocks * bsize, free: bavail * bsize };
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
      ...(this.#stuck ? { trouble: this.#stuck.message } : {}),
    };
  }

  /** Ends as a killed process would: nothing more is applied, and nothing is synced. */
  abandon(): void {
    this.#isClosing = true;
    clearInterval(this.#collects);
    clearTimeout(this.#timer);
    this.worker.terminate();
    // The index stays open: a Worker that ends closes the database, and must not be the last, who would put it in order.
    this.contents.close();
    this.log.close();
    this.lock.close();
  }

  /** Applies what is logged and lets everything go. */
  async close(): Promise<void> {
    this.#isClosing = true;
    clearInterval(this.#collects);
    clearTimeout(this.#timer);
    await this.log.sync();
    const closed = new Promise<void>((wake) => this.#onClosed = wake);
    this.#say({ kind: "close", last: this.log.last });
    // The index's view would keep the database from being closed whole; where the Worker is dead, it must (see `abandon`).
    if (this.#dead === undefined) this.index[Symbol.dispose]();
    if (this.#dead === undefined) await closed;
    const closedError = new NineError("EBADF", `The volume in ${this.folder} was closed`);
    this.#collected?.reject(closedError);
    this.#receiving?.reject(closedError);
    for (const exchange of this.#exchanges.values()) exchange.end(closedError);
    this.contents.close();
    this.log.close();
    this.worker.terminate();
    this.lock.close();
  }

  async #flush(): Promise<void> {
    clearTimeout(this.#timer);
    let nextMs = this.options.gatherMs ?? GATHER_MS;
    try {
      await this.log.sync();
      this.#say({ kind: "logged", last: this.log.synced });
    } catch (thrown) {
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
      this.#say({ kind: "forgotten", packs: message.packs });
    } else if (message.kind === "collected") {
      this.#collected?.resolve();
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
    } else if (message.kind === "exchange") {
      this.#exchanges.get(message.id)?.push(message.frame);
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
      if (message.waits) this.#say({ kind: "renewed" });
      this.log.drop(message.needless);
      this.#wake();
    }
  }

  #renew(): void {
    this.index.renew();
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
    this.#trouble(error);
    if (this.#restoring !== undefined) this.#endRestoring();
    this.#onClosed?.();
  }

  /** What is asked of a Worker that is no more would wait in the log for the next start. */
  #checkAlive(): void {
    if (this.#dead !== undefined) throw this.#dead;
  }

  #wake(): void {
    const waiting = this.#whenApplied;
    this.#whenApplied = [];
    for (const wake of waiting) wake();
  }

  #say(message: ToWorker): void {
    this.worker.postMessage(message);
  }
}

/** ENOENT for what was not there, ENOTDIR where something else is in the way now. */
function checkRestorable(index: IndexReader, path: readonly string[], { name, seq }: SnapshotRow): void {
  let [then, now]: [number, number | undefined] = [ROOT_INO, ROOT_INO];
  for (const [i, part] of path.entries()) {
    const edge = index.past.edge(then, part, seq);
    const upTo = `/${path.slice(0, i + 1).join("/")}`;
    if (edge === undefined) throw new NineError("ENOENT", `${upTo} was not there in snapshot ${name}`);
    then = edge.ino;
    now = now && index.edge(now, part)?.ino;
    if (i === path.length - 1 || now === undefined) continue;
    if ((index.node(now)!.mode & S.IFMT) === S.IFDIR) continue;
    throw new NineError("ENOTDIR", `${upTo} is no directory now: move it away, or restore it as a whole`);
  }
}

/** Holds a volume for one node, whatever home it is in. The kernel lets go of it when the process ends. */
function lockFolder(folder: string): Deno.FsFile {
  const lock = Deno.openSync(join(folder, "lock"), { create: true, write: true, mode: 0o600 });
  if (lock.tryLockSync(true)) return lock;
  lock.close();
  throw new NineError(
    "EBUSY",
    `Another node has the volume in ${folder} open: stop it, or use a copy of the folder`,
  );
}

/** Opens the log and has the Worker bring the index up to it. */
async function recover(
  worker: Worker,
  disk: Disk,
  needless: number,
  applied: number,
  { onTrouble, segmentBytes }: VolumeStoreOptions,
): Promise<{ readonly log: Log; readonly left: readonly LeftFile[] }> {
  const log = new Log(disk, LOG, { after: needless, segmentBytes });
  if (log.torn !== undefined) {
    const { first, bytes } = log.torn;
    onTrouble?.(
      `The log ended within operation ${first}: ${bytes} bytes of it that were not durable yet are gone`,
    );
  }
  // What else is damaged the Worker meets where it needs it.
  await log.sync();
  const { damage, left } = await ask(worker, { kind: "recover", last: log.last }, "recovered");
  for (const message of damage) onTrouble?.(message);
  if (log.last >= applied) return { log, left };
  // The end of what was applied is gone from the log: numbers go on where the index is.
  log.close();
  return { log: new Log(disk, LOG, { after: applied, segmentBytes }), left };
}

type Answer<Kind extends FromWorker["kind"]> = Extract<FromWorker, { kind: Kind }>;

/** Says something to a Worker that says nothing by itself yet. */
function ask<Kind extends FromWorker["kind"]>(
  worker: Worker,
  message: ToWorker,
  kind: Kind,
): Promise<Answer<Kind>> {
  return new Promise((resolve, reject) => {
    worker.onmessage = ({ data }: MessageEvent<FromWorker>) => {
      if (data.kind === kind) resolve(data as Answer<Kind>);
      else if (data.kind === "failed") reject(new NineError(data.errno, data.message));
    };
    worker.onerror = (event) => {
      event.preventDefault();
      reject(new NineError("EIO", `The state Worker ended: ${event.message}`));
    };
    worker.postMessage(message);
  });
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
