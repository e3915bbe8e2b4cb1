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

/** Calls `attempt` until it gives something else than undefined. */
export async function untilReady<T>(attempt: () => T | undefined, call: Call): Promise<T> {
  for (let pause = RETRY_MS_MIN;; pause = Math.min(2 * pause, RETRY_MS_MAX)) {
    await delay(pause, call.signal);
    const result = attempt();
    if (result !== undefined) return result;
  }
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

function delay(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const abandon = () => {
      clearTimeout(timer);
      reject(new NineError("EINTR", "The request was given up while it waited"));
    };
    if (signal.aborted) return reject(new NineError("EINTR", "The request was given up before it waited"));
    const timer = setTimeout(() => {
      signal.removeEventListener("abort", abandon);
      resolve();
    }, ms);
    signal.addEventListener("abort", abandon, { once: true });
  });
}
