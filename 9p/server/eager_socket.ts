import type { Duplex } from "./connection.ts";
import { Descriptor } from "./descriptor.ts";

/** How long a read looks for bytes before it sleeps until there are some, ms. */
const POLL_MS = 0.05;
/** A client that asks again within this time is one to look for, ms: what polling saves is about as long. */
const SOON_MS = 0.15;
/** Turns in a row, one small request and its reply, before polling begins. */
const TURNS_MIN = 16;
/** As many are needed where polling has failed again and again. */
const TURNS_MAX = 4096;
/** A request of that size at most, bytes: longer ones carry data, which takes its time anyway. */
const SMALL_BYTES = 4096;
/** A reply beyond this goes by Deno, which waits for room where there is none. */
const SEND_BYTES_MAX = 64 * 1024;
/** A poll that took as long was interrupted, ms: others want the processor, and a sleeper gets it back sooner. */
const LOST_MS = 0.3;
/** One miss outweighs as many hits. */
const MISS_COST = 4;
const CREDIT_MAX = 64;
/** After as many hits without a failure, half as many turns are needed after the next. */
const HITS_TO_FORGIVE = 2048;
/** Timers and other connections have their turn after as many reads, and after this time, ms. */
const READS_IN_A_ROW_MAX = 64;
const ROW_MS_MAX = 0.5;
/** How long all others must have been silent, ms. */
const ALONE_MS = 10;
/** Finding a descriptor takes up to a millisecond: that is done at most this often, ms. */
const FIND_MS = 100;
/** Second descriptors that are held at once. */
const DESCRIPTORS_MAX = 64;

/** What the sockets of one service know of each other: a socket polls only while no other has anything to do. */
export class Attention {
  #last: EagerSocket | undefined;
  #since = 0;
  #foundAt = -Infinity;
  #held = 0;

  /** The connection itself where polling cannot work here. */
  wrap(conn: Deno.Conn): Duplex {
    return Descriptor.isPossible ? new EagerSocket(conn, this) : conn;
  }

  /** The socket has received something. */
  note(socket: EagerSocket, now: number): void {
    if (this.#last === socket) return;
    this.#last = socket;
    this.#since = now;
  }

  /** Whether only this socket has received anything for a while. */
  isAlone(socket: EagerSocket, now: number): boolean {
    return this.#last === socket && now - this.#since >= ALONE_MS;
  }

  /** Whether a descriptor may be looked for now. */
  mayFind(now: number): boolean {
    return this.#held < DESCRIPTORS_MAX && now - this.#foundAt >= FIND_MS;
  }

  find(conn: Deno.TcpConn): Descriptor | undefined {
    const found = Descriptor.of(conn);
    this.#foundAt = performance.now();
    if (found) this.#held++;
    return found;
  }

  letGo(descriptor: Descriptor): void {
    descriptor.close();
    this.#held--;
  }

  forget(socket: EagerSocket): void {
    if (this.#last === socket) this.#last = undefined;
  }
}

/**
 * A socket that, while its only client asks one small thing after another, looks for the next request itself for a
 * moment instead of sleeping at once: falling asleep and waking up cost more than such a request
 * (docs/decisions/06-latency-of-one-request.md). In all other cases it is the connection it was given.
 *
 * 1. The connection's own read is never pending while this polls: polling is synchronous, within `read`.
 * 2. Polled reads give way to the event loop after READS_IN_A_ROW_MAX or ROW_MS_MAX.
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
  #turnsNeeded = TURNS_MIN;
  #credit = 0;
  #hits = 0;
  #readsInARow = 0;
  #rowSince = 0;

  constructor(readonly conn: Deno.Conn, readonly attention: Attention) {
    this.#findable = conn.localAddr.transport === "tcp";
  }

  /** Whether the next read polls, if nobody else is active. */
  get isEager(): boolean {
    return this.#descriptor !== undefined && this.#turns >= this.#turnsNeeded;
  }

  read(into: Uint8Array): Promise<number | null> {
    if (!this.#answered || this.#turns < this.#turnsNeeded || this.#writing) return this.#wait(into);
    const now = performance.now();
    if (!this.#mayPoll(into, now)) return this.#wait(into, now);
    if (this.#readsInARow >= READS_IN_A_ROW_MAX || now - this.#rowSince > ROW_MS_MAX) {
      return this.#giveWay(into);
    }
    return this.#poll(into, now);
  }

  async write(bytes: Uint8Array): Promise<number> {
    this.#answered = true;
    if (this.#descriptor && bytes.byteLength <= SEND_BYTES_MAX) {
      const count = this.#descriptor.send(bytes);
      if (count > 0) return count;
    }
    this.#writing = true;
    try {
      return await this.conn.write(bytes);
    } finally {
      this.#writing = false;
    }
  }

  close(): void {
    this.#findable = false;
    if (this.#descriptor) this.attention.letGo(this.#descriptor);
    this.#descriptor = undefined;
    this.attention.forget(this);
    this.conn.close();
  }

  #mayPoll(into: Uint8Array, now: number): boolean {
    return this.#descriptor !== undefined && into.byteLength > 0 && this.attention.isAlone(this, now);
  }

  /** Once, when the connection shows the pattern that profits. */
  #find(now: number): void {
    if (this.#turns < this.#turnsNeeded || !this.attention.isAlone(this, now)) return;
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
    const isLost = performance.now() - start > LOST_MS;
    if (isLost || (count < 0 && (this.#credit -= MISS_COST) < 0)) this.#giveUp();
    if (count < 0) return this.#wait(into, start);
    this.#readsInARow++;
    this.#credit = Math.min(this.#credit + 1, CREDIT_MAX);
    if (++this.#hits >= HITS_TO_FORGIVE) {
      this.#hits = 0;
      this.#turnsNeeded = Math.max(this.#turnsNeeded / 2, TURNS_MIN);
    }
    this.#answered = false;
    this.#count(into, count, !isLost);
    return Promise.resolve(count === 0 ? null : count);
  }

  #giveUp(): void {
    this.#credit = this.#hits = this.#turns = 0;
    this.#turnsNeeded = Math.min(this.#turnsNeeded * 4, TURNS_MAX);
  }

  /** Lets the event loop run once, with its timers and the other connections, and goes on. */
  async #giveWay(into: Uint8Array): Promise<number | null> {
    await new Promise<void>((resume) => setImmediate(resume));
    const now = performance.now();
    this.#readsInARow = 0;
    this.#rowSince = now;
    return this.#mayPoll(into, now) ? this.#poll(into, now) : this.#wait(into, now);
  }

  async #wait(into: Uint8Array, start: number = performance.now()): Promise<number | null> {
    const answered = this.#answered;
    this.#answered = false;
    const count = await this.conn.read(into);
    const now = performance.now();
    this.attention.note(this, now);
    this.#count(into, count ?? 0, answered && now - start <= SOON_MS);
    if (this.#findable) this.#find(now);
    return count;
  }

  /** Counts turns: a read is one if it brought one small frame, `size[4] …`, and soon after the last reply. */
  #count(into: Uint8Array, count: number, isSoon: boolean): void {
    const isTurn = isSoon && count >= 4 && count <= SMALL_BYTES &&
      (into[0] | into[1] << 8 | into[2] << 16) === count && into[3] === 0;
    if (!isTurn) this.#turns = 0;
    else if (this.#turns < this.#turnsNeeded) this.#turns++;
  }
}
