import type { Duplex } from "../connection.ts";
import type { Gathered } from "../lent.ts";
import type { Attention } from "./attention.ts";
import type { Descriptor } from "./descriptor.ts";

/** How long a read looks for bytes before it sleeps until there are some, ms. */
const POLL_MS = 0.05;
/** A client that asks again within this time is one to look for, ms: what polling saves is about as long. */
const SOON_MS = 0.15;
/** Turns in a row, a request and its reply, before polling begins. */
const TURNS_MIN = 16;
/** A read that brings more at most, bytes, is one request: 64 KiB of data to write and what comes before them. */
const REQUEST_BYTES_MAX = 128 * 1024;
/** Replies beyond this go by Deno, which waits for room where there is none: so much is 16 reads of 4 KiB, and more. */
const SEND_BYTES_MAX = 256 * 1024;
/** After so many writes of long replies, those that follow are sent from where their data lies. */
const LONG_BYTES = 32 * 1024;
const LONG_REPLIES_MIN = 8;
/** Timers and other connections have their turn after as many reads, and after this time, ms. */
const READS_IN_A_ROW_MAX = 64;
const ROW_MS_MAX = 1;
/**
 * Reads of the connection itself between two rows. The runtime looks at its sockets when it falls asleep, and only every
 * 61st time as long as it has something to do, so `setImmediate` would not do. The first of these reads may find its
 * bytes by what the runtime remembers of the socket; after that nothing is remembered, and the second one sleeps.
 */
const SLEEPS = 2;

/**
 * A socket that, while its only client asks one thing after another, looks for the next request itself for a
 * moment instead of sleeping at once: falling asleep and waking up cost more than such a request
 * (docs/decisions/06-latency-of-one-request.md). In all other cases it is the connection it was given.
 *
 * 1. The connection's own read is never pending while this polls: polling is synchronous, within `read`.
 * 2. After READS_IN_A_ROW_MAX or ROW_MS_MAX of polled reads the event loop sleeps once, and sees to everybody.
 * 3. Nobody polls while another socket of the service was active within ALONE_MS.
 * 4. Sent bytes stay in order: whoever calls `write` waits for its end before the next, and what the kernel did not
 *    take is the caller's to write again.
 */
export class EagerSocket implements Duplex {
  #descriptor: Descriptor | undefined;
  /** Whether its descriptor may still be looked for. */
  #findable: boolean;
  /** Whether something was written since the last read: after a request without reply nobody waits for the next. */
  #answered = false;
  #writing = false;
  #turns = 0;
  #longReplies = 0;
  #readsInARow = 0;
  #rowSince = Infinity;
  /** Reads that are still to be slept for, before the next row. */
  #sleepsLeft = 0;

  constructor(readonly conn: Deno.Conn, readonly attention: Attention) {
    this.#findable = conn.localAddr.transport === "tcp";
  }

  /** Whether the next read polls, if nobody else is active. */
  get isEager(): boolean {
    return this.#descriptor !== undefined && this.#turns >= TURNS_MIN;
  }

  read(into: Uint8Array): Promise<number | null> {
    if (!this.#answered || this.#turns < TURNS_MIN || this.#writing) return this.#wait(into);
    const now = performance.now();
    if (!this.#mayPoll(into, now)) return this.#wait(into, now);
    if (this.#readsInARow >= READS_IN_A_ROW_MAX || now - this.#rowSince > ROW_MS_MAX) {
      this.#readsInARow = 0;
      this.#rowSince = Infinity;
      this.#sleepsLeft = SLEEPS;
    }
    if (this.#sleepsLeft > 0) {
      this.#sleepsLeft--;
      return this.#wait(into, now);
    }
    if (this.#rowSince === Infinity) this.#rowSince = now;
    return this.#poll(into, now);
  }

  write(bytes: Uint8Array): Promise<number> {
    this.#answered = true;
    if (bytes.byteLength >= LONG_BYTES && ++this.#longReplies >= LONG_REPLIES_MIN && this.#findable) {
      this.#tryFind(performance.now());
    }
    if (!this.#descriptor) return this.conn.write(bytes);
    if (bytes.byteLength <= SEND_BYTES_MAX) {
      const count = this.#descriptor.send(bytes);
      if (count > 0) return Promise.resolve(count);
    }
    this.#writing = true;
    return this.conn.write(bytes).finally(() => this.#writing = false);
  }

  get canGather(): boolean {
    return this.#descriptor !== undefined && !this.#writing;
  }

  gather(replies: Gathered): number {
    this.#answered = true;
    return this.#descriptor!.gather(replies);
  }

  close(): void {
    this.#findable = false;
    if (this.#descriptor) this.attention.letGo(this.#descriptor);
    this.#descriptor = undefined;
    this.attention.forget(this);
    this.conn.close();
  }

  #mayPoll(into: Uint8Array, now: number): boolean {
    return this.#descriptor !== undefined && into.byteLength > 0 && this.attention.trial.polls &&
      this.attention.isAlone(this, now);
  }

  /** Once, when the connection shows the pattern that profits. */
  #find(now: number): void {
    if (this.#turns >= TURNS_MIN && this.attention.isAlone(this, now)) this.#tryFind(now);
  }

  #tryFind(now: number): void {
    if (!this.attention.mayFind(now)) return;
    this.#findable = false;
    this.#descriptor = this.attention.find(this.conn as Deno.TcpConn);
  }

  #poll(into: Uint8Array, start: number): Promise<number | null> {
    const descriptor = this.#descriptor!;
    let count: number;
    try {
      while ((count = descriptor.receive(into)) < 0 && performance.now() - start < POLL_MS) {
        descriptor.yield();
      }
    } catch (thrown) {
      return Promise.reject(thrown);
    }
    if (count < 0) return this.#wait(into, start);
    this.#readsInARow++;
    this.#answered = false;
    this.#count(into, count, performance.now(), true);
    return Promise.resolve(count === 0 ? null : count);
  }

  async #wait(into: Uint8Array, start: number = performance.now()): Promise<number | null> {
    const answered = this.#answered;
    this.#answered = false;
    const count = await this.conn.read(into);
    const now = performance.now();
    this.attention.note(this, now);
    // What goes on with a long request says nothing of turns.
    if (answered) this.#count(into, count ?? 0, now, now - start <= SOON_MS);
    if (this.#findable) this.#find(now);
    return count;
  }

  /** Counts turns: a read is one if it brought a request or its beginning, `size[4] …`, soon after the last reply. */
  #count(into: Uint8Array, count: number, now: number, isSoon: boolean): void {
    const isTurn = isSoon && count >= 4 && count <= REQUEST_BYTES_MAX && into[3] === 0;
    if (!isTurn) this.#turns = 0;
    else if (this.#turns < TURNS_MIN) this.#turns++;
    else if (this.#descriptor && this.attention.isAlone(this, now)) this.attention.trial.turn(now, count);
  }
}
