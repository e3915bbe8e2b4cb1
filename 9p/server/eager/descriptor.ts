import type { Gathered } from "../lent.ts";
import { type Endpoint, endpoint, holds } from "./endpoint.ts";
import {
  EAGAIN,
  ECONNRESET,
  EINTR,
  F_DUPFD_CLOEXEC,
  type Libc,
  libc,
  MSG_DONTWAIT,
  MSG_NOSIGNAL,
} from "./libc.ts";
import { describe, message } from "./message.ts";

/** Descriptors that are looked at for one socket: about a millisecond at worst. */
const DESCRIPTORS_MAX = 4096;

/** A second descriptor of a TCP socket that Deno has open: it stays that socket, whatever Deno closes. */
export class Descriptor {
  #fd: number;

  private constructor(readonly libc: Libc, fd: number) {
    this.#fd = fd;
  }

  /**
   * Finds the socket of a connection that is open. Its two addresses belong to no other socket, and they are compared
   * on the copy, whose number nobody else can close. Undefined where it is not found, or where there is no libc.
   */
  static of(conn: Deno.TcpConn): Descriptor | undefined {
    if (!libc) return undefined;
    const local = endpoint(conn.localAddr);
    const remote = endpoint(conn.remoteAddr);
    if (!local || !remote) return undefined;
    for (let fd = 0; fd < DESCRIPTORS_MAX; fd++) {
      if (!isBetween(libc, fd, local, remote)) continue;
      const copy = libc.fcntl(fd, F_DUPFD_CLOEXEC, 0);
      if (copy < 0) return undefined;
      if (isBetween(libc, copy, local, remote)) return new Descriptor(libc, copy);
      libc.close(copy);
    }
    return undefined;
  }

  /** Whether it can work here at all. */
  static get isPossible(): boolean {
    return libc !== undefined;
  }

  /** Takes what is there: the number of bytes, 0 at the end, -1 if nothing is there yet. */
  receive(into: Uint8Array): number {
    const count = this.libc.recv(
      this.#open(),
      into as Uint8Array<ArrayBuffer>,
      into.byteLength,
      MSG_DONTWAIT,
    );
    if (count >= 0) return count;
    const number = this.libc.errno();
    if (number === EAGAIN || number === EINTR) return -1;
    if (number === ECONNRESET) throw new Deno.errors.ConnectionReset("The client reset the connection");
    throw new Error(`recv failed with error ${number}`);
  }

  /** Lets another thread run that waits for this processor: it may be the client's. */
  yield(): void {
    this.libc.sched_yield();
  }

  /** Sends what the kernel takes at once; 0 if that is nothing, or if sending fails: the next write tells why. */
  send(bytes: Uint8Array): number {
    const from = bytes as Uint8Array<ArrayBuffer>;
    return Math.max(0, this.libc.send(this.#open(), from, from.byteLength, MSG_DONTWAIT | MSG_NOSIGNAL));
  }

  /** Sends what the kernel takes at once of bytes in many places, as `send` does. */
  gather(replies: Gathered): number {
    describe(replies);
    return Math.max(0, this.libc.sendmsg(this.#open(), message, MSG_DONTWAIT | MSG_NOSIGNAL));
  }

  close(): void {
    if (this.#fd < 0) return;
    this.libc.close(this.#fd);
    this.#fd = -1;
  }

  #open(): number {
    if (this.#fd < 0) throw new Deno.errors.BadResource("The descriptor is closed");
    return this.#fd;
  }
}

const sockaddr = new Uint8Array(new ArrayBuffer(128));
const sockaddrLength = new Uint32Array(new ArrayBuffer(8), 0, 1);

function isBetween(libc: Libc, fd: number, local: Endpoint, remote: Endpoint): boolean {
  sockaddrLength[0] = sockaddr.byteLength;
  if (libc.getpeername(fd, sockaddr, sockaddrLength) !== 0 || !holds(sockaddr, remote)) return false;
  sockaddrLength[0] = sockaddr.byteLength;
  return libc.getsockname(fd, sockaddr, sockaddrLength) === 0 && holds(sockaddr, local);
}
