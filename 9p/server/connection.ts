import { NineError } from "../error.ts";
import { HEADER_BYTES } from "../wire/codec.ts";
import { MESSAGES } from "../wire/messages.ts";
import { Reader } from "../wire/reader.ts";
import { release } from "../wire/release.ts";
import { Ahead } from "./ahead.ts";
import type { Engine } from "./engine.ts";
import type { Gathered } from "./lent.ts";
import type { Listener } from "./listener.ts";
import { Replies } from "./replies.ts";
import { type Outlet, Session } from "./session.ts";

/** What carries a session: a TCP or unix socket, or any other stream of bytes. */
export interface Duplex {
  /** Resolves with the number of bytes, or null at the end. */
  read(into: Uint8Array): Promise<number | null>;
  write(bytes: Uint8Array): Promise<number>;
  /** Whether `gather` can send now. */
  readonly canGather?: boolean;
  /** Sends what the kernel takes at once and returns how much that was; the rest is for `write`. */
  gather?(replies: Gathered): number;
  close(): void;
}

/** What a connection may hold without asking the budget, bytes each way; less where there are many. */
const FREE_BYTES = 256 * 1024;
const IN_BYTES_FIRST = 16 * 1024;
/**
 * Replies to one read leave in one write, unless they grow beyond this: then the first leave while the rest is made.
 * Less wakes the client for each piece, more does not stay in the processor's cache until the client has copied it
 * (docs/decisions/08-batches-of-replies.md).
 */
const FLUSH_BYTES = 500 * 1024;
/** What a buffer keeps between two uses, where there are few: a new one for every batch costs more than using it. */
const KEEP_BYTES = 4 * 1024 * 1024;
/** What it keeps when nothing has moved for a while. */
const IDLE_BYTES = 16 * 1024;
const TREAD = MESSAGES.Tread.type;
/** The shortest read that a lack of budget may lead to, bytes. */
const ROOM_MIN = 4096;
/** Where the budget is short, who holds a part of it and does not move is closed after this share of the stall time. */
const SHORT_STALL = 1 / 8;
/** Who has waited for its part of the budget for so many stall times is closed: it may have gone long ago. */
const WAIT_STALLS = 4;

/** One client: takes frames from the stream to its session, and the replies back, many in one write. */
export class Connection implements Outlet {
  /** Where replies are written now; its bytes leave at the next flush. */
  out = new Replies();
  readonly session: Session;
  #spare = new Replies();
  #in = new Uint8Array(IN_BYTES_FIRST);
  #view = new DataView(this.#in.buffer);
  #reader = new Reader(this.#in);
  /** While `#in` holds a large frame: the buffer for small ones. */
  #small: Uint8Array<ArrayBuffer> | undefined;
  /** The buffer of the last large frame, with its bytes of the budget: another one is likely to follow. */
  #parked: Uint8Array<ArrayBuffer> | undefined;
  #inTaken = 0;
  /** Of the budget: for what is in `out`, of that for the last room, and for what is being written. */
  #outTaken = 0;
  #roomTaken = 0;
  #leavingTaken = 0;
  #writing: Promise<void> | undefined;
  #handling = false;
  #kicked = false;
  #closed = false;
  readonly #ended = Promise.withResolvers<void>();
  /** Ends the waiting for a part of the budget. */
  #giveUpWaiting: (() => void) | undefined;
  readonly #ahead: Ahead;
  /** When a byte last moved while something was waiting to. */
  #movedAt = performance.now();

  constructor(readonly engine: Engine, listener: Listener, readonly duplex: Duplex) {
    this.session = new Session(engine, listener, this);
    this.#ahead = new Ahead(duplex);
  }

  /** Serves until the client goes or breaks the protocol; then everything it had is let go. */
  async run(): Promise<void> {
    const watch = setInterval(() => this.#watch(), Math.max(this.engine.stallMs * SHORT_STALL, 10));
    Deno.unrefTimer(watch);
    this.engine.connections++;
    try {
      await this.#serve();
    } catch (thrown) {
      if (thrown instanceof NineError) this.engine.reportQuiet(thrown);
    } finally {
      clearInterval(watch);
      this.close();
      this.session.reset();
      await this.session.closed();
      await this.#writing;
      this.#letGo();
      this.engine.connections--;
      this.#ended.resolve();
    }
  }

  /** Gives all memory back, now that nothing is received or sent any more. */
  #letGo(): void {
    for (const bytes of [this.#in, this.#small, this.#parked]) if (bytes) release(bytes);
    this.#small = this.#parked = undefined;
    this.#ahead.letGo();
    for (const writer of [this.out, this.#spare]) writer.clear(0);
    const { budget } = this.engine;
    budget.idle.delete(this.#unpark);
    budget.give(this.#inTaken + this.#outTaken);
    this.#inTaken = this.#outTaken = 0;
  }

  /** Whether a request is under way or a reply has not left yet. */
  get isBusy(): boolean {
    return this.#writing !== undefined || this.out.length > 0 || this.session.isBusy;
  }

  /** Closes, and resolves when everything the client had is let go. */
  stop(): Promise<void> {
    this.close();
    return this.#ended.promise;
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#giveUpWaiting?.();
    try {
      this.duplex.close();
    } catch { /* The other side was faster. */ }
  }

  async #serve(): Promise<void> {
    let start = 0;
    let end = 0;
    while (!this.#closed) {
      if (end === this.#in.byteLength) await this.#growIn(start, end);
      const count = await this.#ahead.read(this.#in.subarray(end));
      if (count === null) return;
      this.#movedAt = performance.now();
      end += count;
      start = await this.#handleFrames(start, end);
      if (start === end) {
        start = end = 0;
        // Bytes are also taken while a buffer is parked: only `#small` tells that the large one is in use.
        if (this.#small) this.#park();
      } else if (start > 0) {
        this.#in.copyWithin(0, start, end);
        end -= start;
        start = 0;
      }
      const size = end >= 4 ? this.#view.getUint32(0, true) : 0;
      if (size > this.#in.byteLength) await this.#growIn(start, end, size);
    }
  }

  /** Hands on every whole frame in `[start, end)` and returns where the rest begins. */
  async #handleFrames(start: number, end: number): Promise<number> {
    this.#handling = true;
    try {
      while (end - start >= 4) {
        const size = this.#view.getUint32(start, true);
        if (size < HEADER_BYTES || size > this.session.msize) {
          this.#flush();
          throw new NineError(
            "EPROTO",
            `A frame of ${size} bytes: allowed are 7 to msize, ${this.session.msize}`,
          );
        }
        if (end - start < size) break;
        const type = this.#view.getUint8(start + 4);
        const tag = this.#view.getUint16(start + 5, true);
        // Anything but a read may change or close what was lent.
        if (type !== TREAD && this.out.hasLent) this.#flush();
        this.session.receive(type, tag, this.#reader.window(start + HEADER_BYTES, start + size));
        start += size;
        if (this.out.size > this.engine.share(FLUSH_BYTES)) {
          // The writer is behind: taking more requests would only pile up replies.
          if (this.#writing) await this.#writing;
          this.#flush();
        }
        if (this.#closed) break;
      }
    } finally {
      this.#handling = false;
      this.#flush();
    }
    return start;
  }

  room(wanted: number): number {
    this.#roomTaken = 0;
    if (this.out.size + wanted <= this.engine.share(FREE_BYTES)) return wanted;
    const taken = this.engine.budget.takeUpTo(wanted);
    this.#outTaken += taken;
    this.#roomTaken = taken;
    return Math.max(taken, Math.min(wanted, ROOM_MIN));
  }

  roomUsed(count: number): void {
    const unused = Math.max(0, this.#roomTaken - count);
    this.#outTaken -= unused;
    this.#roomTaken = 0;
    this.engine.budget.give(unused);
  }

  holdRoom(): number {
    const held = this.#roomTaken;
    this.#outTaken -= held;
    this.#roomTaken = 0;
    return held;
  }

  get canLend(): boolean {
    return this.#handling && !this.#writing && this.duplex.canGather === true;
  }

  kick(): void {
    if (this.#handling || this.#kicked || this.out.length === 0) return;
    this.#kicked = true;
    queueMicrotask(() => {
      this.#kicked = false;
      this.#flush();
    });
  }

  #flush(): void {
    if (this.#writing || this.out.length === 0 || this.#closed) return;
    this.#movedAt = performance.now();
    if (this.out.hasLent && this.#gather()) return;
    this.#writing = this.#drain();
  }

  /** Sends at once what is lent; true if nothing is left, otherwise the rest is in `out`. */
  #gather(): boolean {
    const { out } = this;
    out.sent(this.duplex.gather!(out.gathered()));
    if (out.length > 0) return false;
    this.engine.budget.give(this.#outTaken);
    this.#outTaken = 0;
    return true;
  }

  /**
   * Writes until nothing is left; what is replied meanwhile goes to the other buffer. That nothing is left and that
   * nobody writes any more must become true at once: a reply between the two would wait for ever.
   */
  async #drain(): Promise<void> {
    while (true) {
      if (this.out.length === 0 || this.#closed) {
        this.#writing = undefined;
        return;
      }
      const full = this.out;
      this.#leavingTaken = this.#outTaken;
      this.#outTaken = 0;
      this.out = this.#spare;
      try {
        let bytes = full.written();
        while (bytes.byteLength > 0) {
          const count = await this.duplex.write(bytes);
          this.#movedAt = performance.now();
          bytes = bytes.subarray(count);
        }
      } catch {
        // The client has gone; the reading side finds out too.
        this.close();
      } finally {
        full.clear(this.engine.share(KEEP_BYTES));
        this.engine.budget.give(this.#leavingTaken);
        this.#leavingTaken = 0;
        this.#spare = full;
      }
    }
  }

  /** Makes room for a frame of `size` bytes, or for more small ones; waits for budget where that is much. */
  async #growIn(start: number, end: number, size?: number): Promise<void> {
    const free = this.engine.share(FREE_BYTES);
    const wanted = Math.max(size ?? Math.min(this.#in.byteLength * 2, free), end - start + 1);
    const kept = this.#in.subarray(start, end);
    const { budget } = this.engine;
    if (this.#parked && wanted > free) {
      if (this.#parked.byteLength >= wanted) {
        budget.idle.delete(this.#unpark);
        this.#small = this.#in;
        this.#useIn(this.#parked, kept);
        this.#parked = undefined;
        return;
      }
      this.#unpark();
    }
    const extra = Math.max(0, wanted - free) - this.#inTaken;
    if (extra > 0) {
      if (!await this.#take(extra)) return this.close();
      this.#inTaken += extra;
    }
    this.#movedAt = performance.now();
    const before = this.#in;
    this.#useIn(new Uint8Array(wanted), kept);
    if (wanted > free && !this.#small) this.#small = before;
    else release(before);
  }

  /** Waits for so many bytes of the budget; false where the client goes or is closed meanwhile. */
  #take(wanted: number): Promise<boolean> {
    const { engine: { budget, stallMs } } = this;
    if (budget.take(wanted)) return Promise.resolve(true);
    const { promise, resolve, reject } = Promise.withResolvers<boolean>();
    const cancel = budget.wait(wanted, () => resolve(true));
    // Nothing may be taken any more for who has given up.
    const giveUp = () => {
      cancel();
      resolve(false);
    };
    const waitMs = WAIT_STALLS * stallMs;
    const timer = setTimeout(() => {
      cancel();
      reject(new NineError("ETIMEDOUT", `A client waited ${waitMs} ms for memory and was closed`));
    }, waitMs);
    this.#giveUpWaiting = giveUp;
    return promise.finally(() => {
      clearTimeout(timer);
      this.#ahead.unwatch();
      this.#giveUpWaiting = undefined;
    });
  }

  #useIn(bytes: Uint8Array<ArrayBuffer>, kept: Uint8Array): void {
    bytes.set(kept);
    this.#in = bytes;
    this.#view = new DataView(bytes.buffer);
    this.#reader = new Reader(bytes);
  }

  /**
   * After a large frame, the next bytes go to the small buffer again: nobody knows when they come, and what a client
   * waits with must be free for others to take.
   */
  #park(): void {
    this.#parked = this.#in;
    this.#useIn(this.#small!, this.#in.subarray(0, 0));
    this.#small = undefined;
    if (this.engine.budget.isShort) this.#unpark();
    else this.engine.budget.idle.add(this.#unpark);
  }

  readonly #unpark = (): void => {
    const { budget } = this.engine;
    budget.idle.delete(this.#unpark);
    if (this.#parked) release(this.#parked);
    this.#parked = undefined;
    const taken = this.#inTaken;
    this.#inTaken = 0;
    budget.give(taken);
  };

  /** An idle client gives its buffers back; one that never reads its replies or never ends a frame is closed. */
  #watch(): void {
    const { stallMs, budget } = this.engine;
    const giveUp = this.#giveUpWaiting;
    // Who waits for a moment only is not looked after: a thousand of them at once would be work.
    if (giveUp) this.#ahead.watch(this.engine.share(FREE_BYTES) >>> 1).then((isGone) => isGone && giveUp());
    const restedMs = performance.now() - this.#movedAt;
    if (restedMs > stallMs / 4 && !this.isBusy) {
      this.out.clear(IDLE_BYTES);
      this.#spare.clear(IDLE_BYTES);
      if (this.#parked) this.#unpark();
    }
    const receives = this.#inTaken > 0 && !this.#parked;
    if (!this.#writing && !receives) return;
    const isInTheWay = budget.isShort && (receives || this.#leavingTaken > 0);
    const limitMs = isInTheWay ? stallMs * SHORT_STALL : stallMs;
    if (restedMs < limitMs) return;
    const what = this.#writing ? "did not read its replies" : "did not end its frame";
    const why = isInTheWay ? " while memory for requests was short" : "";
    this.engine.reportQuiet(
      new NineError("ETIMEDOUT", `A client ${what} for ${Math.round(restedMs)} ms${why} and was closed`),
    );
    this.close();
  }
}
