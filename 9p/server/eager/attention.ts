import type { Duplex } from "../connection.ts";
import { Descriptor } from "./descriptor.ts";
import { EagerSocket } from "./socket.ts";
import { Trial } from "./trial.ts";

/** How long all others must have been silent, ms. */
const ALONE_MS = 10;
/** Finding a descriptor takes up to a millisecond: that is done at most this often, ms. */
const FIND_MS = 100;
/** Second descriptors that are held at once. */
const DESCRIPTORS_MAX = 64;

/** What the sockets of one service know of each other: a socket polls only while no other has anything to do. */
export class Attention {
  readonly trial = new Trial();
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
    this.trial.renew(now);
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
