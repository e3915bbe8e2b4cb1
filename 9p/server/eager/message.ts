import type { Gathered } from "../lent.ts";

/** What sendmsg(2) takes at most: UIO_MAXIOV. */
const PIECES_MAX = 1024;

/**
 * `struct msghdr` for bytes in many places, the same for every message: `void *msg_name; u32 msg_namelen; struct iovec
 * *msg_iov; u64 msg_iovlen; void *msg_control; u64 msg_controllen; int msg_flags`, of which only msg_iov and msg_iovlen
 * are set. LP64, little endian.
 */
const header = new Uint32Array(new ArrayBuffer(56));
const IOV_WORD = 16 / 4;
const IOVLEN_WORD = 24 / 4;
/** `struct iovec`: `void *iov_base; u64 iov_len`. */
const iovecs = new Uint32Array(new ArrayBuffer(PIECES_MAX * 16));

/** What was made last; valid until the next one is. */
export const message = new Uint8Array(header.buffer);

/** Writes the message for as much as fits into one. The places are not looked at here. */
export function describe({ bytes, pieces }: Gathered): void {
  put64(header, IOV_WORD, addressOf(iovecs));
  const own = addressOf(bytes);
  let count = 0;
  let done = 0;
  const add = (address: number, length: number) => {
    if (length === 0 || count === PIECES_MAX) return;
    put64(iovecs, count * 4, address);
    put64(iovecs, count * 4 + 2, length);
    count++;
  };
  for (const { at, lent: { spans } } of pieces) {
    add(own + done, at - done);
    done = at;
    for (let i = 0; i < spans.length; i += 2) add(spans[i], spans[i + 1]);
  }
  add(own + done, bytes.byteLength - done);
  put64(header, IOVLEN_WORD, count);
}

function put64(words: Uint32Array, at: number, value: number): void {
  words[at] = value >>> 0;
  words[at + 1] = Math.floor(value / 2 ** 32);
}

function addressOf(view: Uint8Array<ArrayBuffer> | Uint32Array<ArrayBuffer>): number {
  return Number(Deno.UnsafePointer.value(Deno.UnsafePointer.of(view)));
}
