import { concatenate, escapeJson, type Later, NineError, type User } from "../../9p/mod.ts";

const utf8 = new TextEncoder();

export interface FeedOptions {
  /** Bytes of lines that wait for one slow reader; what comes beyond is counted instead. */
  readonly waitingBytesMax?: number;
}

/** Lines to whoever reads at the moment. A slow reader loses lines and is told how many; nobody waits for it. */
export class Feed {
  readonly #readers = new Set<Reader>();
  readonly #waitingBytesMax: number;

  constructor(options: FeedOptions = {}) {
    this.#waitingBytesMax = options.waitingBytesMax ?? 256 * 1024;
  }

  get readers(): number {
    return this.#readers.size;
  }

  /** A reader of all lines from now on. */
  reader(user: User, onClose: () => void = () => {}): Reader {
    const reader = new Reader(this.#waitingBytesMax, user, () => {
      this.#readers.delete(reader);
      onClose();
    });
    this.#readers.add(reader);
    return reader;
  }

  /** To each reader, the line that is for its user; undefined where none is. */
  push(lineFor: (user: User) => object | undefined): void {
    for (const reader of this.#readers) {
      const line = lineFor(reader.user);
      if (line) reader.push(line);
    }
  }
}

interface Waiting {
  readonly max: number;
  give(lines: Uint8Array): void;
}

/** One reader of a feed: a queue of JSON lines. */
export class Reader {
  #queue: Uint8Array[] = [];
  #queuedBytes = 0;
  #dropped = 0;
  /** Reads that wait for a line, in the order they came. */
  readonly #waiting = new Set<Waiting>();

  constructor(
    readonly bytesMax: number,
    readonly user: User,
    readonly close: () => void,
  ) {}

  push(line: object): void {
    const bytes = jsonLine(line);
    // What was dropped is told of in its place, before what comes after it.
    const gap = this.#dropped > 0 ? jsonLine(droppedLine(this.#dropped)) : new Uint8Array();
    if (this.#queuedBytes + gap.byteLength + bytes.byteLength > this.bytesMax) this.#dropped++;
    else {
      if (this.#dropped > 0) this.#put(gap);
      this.#dropped = 0;
      this.#put(bytes);
    }
    for (const waiting of this.#waiting) {
      if (this.#queue.length === 0) return;
      waiting.give(this.#take(waiting.max));
    }
  }

  #put(bytes: Uint8Array): void {
    this.#queue.push(bytes);
    this.#queuedBytes += bytes.byteLength;
  }

  /** The next lines, as many whole ones as fit into `max` bytes; waits for the first. */
  read(max: number, signal: AbortSignal): Later<Uint8Array> {
    const now = this.#take(max);
    return now.byteLength > 0 ? now : this.#wait(max, signal);
  }

  #wait(max: number, signal: AbortSignal): Promise<Uint8Array> {
    return new Promise((resolve, reject) => {
      const giveUp = () => {
        this.#waiting.delete(waiting);
        reject(new NineError("EINTR", "The read was given up"));
      };
      const waiting: Waiting = {
        max,
        give: (lines) => {
          this.#waiting.delete(waiting);
          signal.removeEventListener("abort", giveUp);
          resolve(lines);
        },
      };
      if (signal.aborted) return giveUp();
      signal.addEventListener("abort", giveUp);
      this.#waiting.add(waiting);
    });
  }

  #take(max: number): Uint8Array {
    const taken: Uint8Array[] = [];
    let bytes = 0;
    while (this.#queue.length > 0 && bytes + this.#queue[0].byteLength <= max) {
      const line = this.#queue.shift()!;
      taken.push(line);
      bytes += line.byteLength;
    }
    // A line that is longer than the whole read goes out in pieces.
    if (taken.length === 0 && this.#queue.length > 0) {
      taken.push(this.#queue[0].subarray(0, max));
      this.#queue[0] = this.#queue[0].subarray(max);
      bytes = max;
    }
    this.#queuedBytes -= bytes;
    if (this.#dropped > 0 && this.#queue.length === 0) {
      this.#put(jsonLine(droppedLine(this.#dropped)));
      this.#dropped = 0;
      if (taken.length === 0) return this.#take(max);
    }
    return concatenate(taken);
  }
}

function droppedLine(count: number) {
  return { event: "dropped", count };
}

/** One line of JSON, in which names and reasons come out escaped. */
export function jsonLine(line: object): Uint8Array {
  return utf8.encode(`${escapeJson(line)}\n`);
}
