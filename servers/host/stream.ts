import { type Call, Errno, NineError } from "../../9p/mod.ts";
import type { Handle } from "./handle.ts";
import { POLLHUP } from "./libc/constants.ts";
import { c, errno } from "./libc/libc.ts";

/**
 * Fifos, terminals and other devices are opened with O_NONBLOCK, so that they never stop the node. What is not ready is
 * tried again, after 1 ms at first and every 32 ms in the end, until the request is given up.
 */
const RETRY_MS_MIN = 1;
const RETRY_MS_MAX = 32;

interface Waiter {
  /** Tries; whether it has ended, well or not. */
  attempt(): boolean;
}

/**
 * Requests that wait for the same thing, in the order they came: only the first is tried, by one timer for all, and who
 * comes later is never served before it.
 */
export class Line {
  readonly #waiters = new Set<Waiter>();
  #timer: ReturnType<typeof setTimeout> | undefined;
  #pauseMs = RETRY_MS_MIN;

  get isEmpty(): boolean {
    return this.#waiters.size === 0;
  }

  /** Calls `attempt`, once those before have ended, until it gives something else than undefined. */
  wait<T>(attempt: () => T | undefined, { signal }: Call): Promise<T> {
    return new Promise((resolve, reject) => {
      if (signal.aborted) return reject(new NineError("EINTR", "The request was given up before it waited"));
      const end = () => {
        this.#waiters.delete(waiter);
        signal.removeEventListener("abort", giveUp);
        if (this.isEmpty) this.#stop();
      };
      const giveUp = () => {
        end();
        reject(new NineError("EINTR", "The request was given up while it waited"));
      };
      const waiter: Waiter = {
        attempt() {
          try {
            const result = attempt();
            if (result === undefined) return false;
            resolve(result);
          } catch (thrown) {
            reject(thrown);
          }
          end();
          return true;
        },
      };
      signal.addEventListener("abort", giveUp);
      this.#waiters.add(waiter);
      this.#timer ??= setTimeout(this.#try, this.#pauseMs);
    });
  }

  readonly #try = () => {
    this.#timer = undefined;
    this.#pauseMs = Math.min(2 * this.#pauseMs, RETRY_MS_MAX);
    for (const waiter of this.#waiters) {
      if (!waiter.attempt()) break;
      this.#pauseMs = RETRY_MS_MIN;
    }
    if (!this.isEmpty) this.#timer ??= setTimeout(this.#try, this.#pauseMs);
  };

  #stop(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#pauseMs = RETRY_MS_MIN;
  }
}

/** Calls `attempt` until it gives something else than undefined. */
export function untilReady<T>(attempt: () => T | undefined, call: Call): Promise<T> {
  return new Line().wait(attempt, call);
}

/** The handle's descriptor; a handle that was closed while its reader slept has none. */
export function descriptorOf(handle: Handle): number {
  if (handle.fd < 0) throw new NineError("EBADF", "The file was closed while it was waited for");
  return handle.fd;
}

/**
 * Whether a read of a fifo that gave 0 bytes is its end. Without O_NONBLOCK, open(2) would have waited for the first
 * writer; as the open has not, the first read does. poll(2) tells POLLHUP only once a writer has come and gone.
 */
export function isHungUp(fd: number): boolean {
  pollfd.setInt32(0, fd, true);
  pollfd.setInt16(4, 0, true);
  pollfd.setInt16(6, 0, true);
  if (c.poll(pollBytes, 1, 0) < 0) return errno() !== Errno.EINTR;
  return (pollfd.getInt16(6, true) & POLLHUP) !== 0;
}

/** `struct pollfd { int fd; short events; short revents; }` */
const pollBytes = new Uint8Array(new ArrayBuffer(8));
const pollfd = new DataView(pollBytes.buffer);
