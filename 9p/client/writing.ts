import type { RemoteFile } from "./file.ts";
import { requestsAhead } from "./reading.ts";

/** Where bytes come from, as `Deno.stdin` and open files have it: null is the end. */
export interface Source {
  read(into: Uint8Array): Promise<number | null>;
}

/** A buffer for a request of a source whose amount nobody knows, bytes. */
const PART_BYTES_MAX = 512 * 1024;

/**
 * Writes all of `data` at `offset`, several requests at a time where the file takes them in any order. `data` must stay
 * as it is until the promise settles.
 */
export async function writeAll(
  file: RemoteFile,
  offset: number,
  data: Uint8Array,
  signal?: AbortSignal,
): Promise<void> {
  const window = new Window(file, file.iounit, signal);
  try {
    for (let done = 0; done < data.byteLength; done += file.iounit) {
      await window.put(offset + done, data.subarray(done, done + file.iounit));
    }
  } finally {
    await window.settled();
  }
  window.throwIfFailed();
}

/** Writes what the source gives until its end, from `offset` on. The number of bytes. */
export async function writeFrom(
  file: RemoteFile,
  offset: number,
  source: Source,
  signal?: AbortSignal,
  onWritten: (bytes: number) => void = () => {},
): Promise<number> {
  const size = Math.min(file.iounit, PART_BYTES_MAX);
  const window = new Window(file, size, signal);
  const spare: Uint8Array[] = [];
  let at = offset;
  try {
    while (true) {
      signal?.throwIfAborted();
      const into = spare.pop() ?? new Uint8Array(size);
      const count = await source.read(into);
      if (count === null) break;
      if (count === 0) continue;
      await window.put(at, into.subarray(0, count), () => {
        spare.push(into);
        onWritten(count);
      });
      at += count;
    }
  } finally {
    await window.settled();
  }
  window.throwIfFailed();
  return at - offset;
}

/** The writes that are under way. The first failure is thrown, by the next `put` or at the end. */
class Window {
  readonly #file: RemoteFile;
  readonly #signal: AbortSignal | undefined;
  readonly #most: number;
  readonly #underWay = new Set<Promise<void>>();
  #failure: { readonly thrown: unknown } | undefined;

  constructor(file: RemoteFile, partBytes: number, signal: AbortSignal | undefined) {
    this.#file = file;
    this.#signal = signal;
    // Appends and what has no version (streams, control files: rule R20) depend on the order of their writes.
    this.#most = file.appends || file.qid.version === 0 ? 1 : requestsAhead(partBytes);
  }

  async put(offset: number, part: Uint8Array, done: () => void = () => {}): Promise<void> {
    this.throwIfFailed();
    const write = this.#write(offset, part).then(done).catch((thrown) => {
      this.#failure ??= { thrown };
    }).finally(() => this.#underWay.delete(write));
    this.#underWay.add(write);
    if (this.#underWay.size >= this.#most) await Promise.race(this.#underWay);
  }

  async #write(offset: number, part: Uint8Array): Promise<void> {
    for (let done = 0; done < part.byteLength;) {
      done += await this.#file.write(offset + done, part.subarray(done), this.#signal);
    }
  }

  async settled(): Promise<void> {
    await Promise.all(this.#underWay);
  }

  throwIfFailed(): void {
    if (this.#failure) throw this.#failure.thrown;
  }
}
