import type { RemoteFile } from "./file.ts";

/** What is asked for ahead of its use, bytes and requests. */
const AHEAD_BYTES = 4 * 1024 * 1024;
const AHEAD_REQUESTS_MAX = 32;
/** What one request asks for where the file's size is not known, bytes. */
const BLIND_BYTES = 64 * 1024;

export interface ReadOptions {
  /** Where to start, bytes. */
  readonly offset?: number;
  /**
   * The file's size as getattr gave it. Requests below it go out ahead, several at a time; the rest one at a time, since
   * what a stream or a control file gives depends on how often it is asked.
   */
  readonly size?: number;
  readonly signal?: AbortSignal;
}

/** How many requests of `count` bytes to have under way. */
export function requestsAhead(count: number): number {
  return Math.min(AHEAD_REQUESTS_MAX, Math.max(2, Math.ceil(AHEAD_BYTES / count)));
}

interface Ahead {
  readonly offset: number;
  readonly into: Uint8Array;
  readonly count: Promise<number>;
}

/**
 * The file's contents in order, to its end. A piece is a view that dies when the next one is asked for. The file is open
 * for reading. Short answers are completed, and what the file has grown by meanwhile comes too.
 */
export async function* pieces(file: RemoteFile, options: ReadOptions = {}): AsyncGenerator<Uint8Array> {
  const { offset = 0, size = 0, signal } = options;
  const known = Math.max(0, size - offset);
  // One byte more than there is: a short answer is then the end, without another request.
  const most = Math.min(file.iounit, known > 0 ? known + 1 : BLIND_BYTES);
  const ahead = requestsAhead(most);
  const spare: Uint8Array[] = [];
  const asked: Ahead[] = [];
  const ask = (at: number): Ahead => {
    const into = spare.pop() ?? new Uint8Array(most);
    const count = file.read(at, into, signal);
    count.catch(() => {});
    return { offset: at, into, count };
  };
  let next = offset;
  try {
    while (true) {
      while (asked.length < ahead && next < size) {
        asked.push(ask(next));
        next += most;
      }
      const first = asked.shift() ?? ask(next);
      let at = first.offset;
      let count = await first.count;
      while (true) {
        if (count === 0) return;
        at += count;
        yield first.into.subarray(0, count);
        const missing = first.offset + most - at;
        if (missing === 0) break;
        // Short at the known end is the end. Before it, or where no end is known, the rest is asked for.
        if (known > 0 && at >= size && asked.length === 0) return;
        if (known === 0) break;
        count = await file.read(at, first.into.subarray(0, missing), signal);
      }
      spare.push(first.into);
      next = Math.max(next, at);
    }
  } finally {
    await Promise.allSettled(asked.map(({ count }) => count));
  }
}

/** Fills `into` from `offset` by as many requests as it takes, several at a time. The number read, less at the end. */
export async function readInto(
  file: RemoteFile,
  offset: number,
  into: Uint8Array,
  signal?: AbortSignal,
): Promise<number> {
  let done = 0;
  for await (const piece of pieces(file, { offset, size: offset + into.byteLength, signal })) {
    const part = piece.subarray(0, into.byteLength - done);
    into.set(part, done);
    done += part.byteLength;
    if (done === into.byteLength) break;
  }
  return done;
}
