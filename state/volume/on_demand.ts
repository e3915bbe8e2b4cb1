import { Buffer } from "node:buffer";
import { NineError } from "../../9p/mod.ts";
import type { FromWorker, ToWorker } from "./messages.ts";

/** So much is fetched at a time around what is read; it also comes over a slow line within the time. */
const FETCH_BYTES = 2 * 1024 * 1024;
/** Nobody waits for longer than that. */
const WAIT_MS = 30_000;
const WAITING_MAX = 256;
const HOW = "lux9 sync OTHER --watch brings what is read, lux9 sync OTHER --contents whole everything";

interface Waiting {
  readonly key: string;
  readonly came: PromiseWithResolvers<void>;
  readonly timer: ReturnType<typeof setTimeout>;
}

export interface Wanted {
  /** Of the content. */
  readonly descriptor: Uint8Array;
  readonly size: number;
  /** The bytes of it that are needed. */
  readonly start: number;
  readonly end: number;
  /** Also what tells of the rest of it where that is. */
  readonly withLists: boolean;
}

export interface OnDemandOptions {
  say(message: ToWorker): void;
  /** Whether somebody carries an exchange, so that there is anybody to ask. */
  isCarried(): boolean;
  readonly waitMs?: number;
}

/** Those who wait for contents that are to come from other copies; who waits for the same waits together. */
export class OnDemand {
  readonly #options: OnDemandOptions;
  readonly #waiting = new Map<number, Waiting>();
  readonly #byKey = new Map<string, number>();
  #last = 0;

  constructor(options: OnDemandOptions) {
    this.#options = options;
  }

  /** Resolves when they are here. EIO where nobody gives them in time, with what would. */
  async fetch(wanted: Wanted, signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    const aborted = Promise.withResolvers<never>();
    const abort = () => aborted.reject(signal.reason);
    signal.addEventListener("abort", abort, { once: true });
    try {
      await Promise.race([this.#fetched(wanted), aborted.promise]);
    } finally {
      signal.removeEventListener("abort", abort);
    }
  }

  /** What the Worker said of one. */
  took({ id, unmet }: Extract<FromWorker, { kind: "demanded" }>): void {
    const reason = unmet === "nobody"
      ? `Contents that are on another copy are read, and none is connected: ${HOW}`
      : "Contents are read that the copies which are connected have not got, either: sync with one that does";
    this.#end(id, unmet && new NineError("EIO", reason));
  }

  /** Nothing will come any more. */
  fail(error: NineError): void {
    for (const id of [...this.#waiting.keys()]) this.#end(id, error);
  }

  #fetched({ descriptor, size, start, end, withLists }: Wanted): Promise<void> {
    const from = Math.floor(start / FETCH_BYTES) * FETCH_BYTES;
    const to = Math.min(size, Math.ceil(end / FETCH_BYTES) * FETCH_BYTES);
    const key = `${Buffer.from(descriptor).toString("hex")} ${from} ${to} ${withLists}`;
    const known = this.#byKey.get(key);
    if (known !== undefined) return this.#waiting.get(known)!.came.promise;
    if (!this.#options.isCarried()) {
      throw new NineError("EIO", `Contents that are on another copy are read, and none is connected: ${HOW}`);
    }
    if (this.#waiting.size >= WAITING_MAX) {
      throw new NineError(
        "EIO",
        `${this.#waiting.size} parts of contents are on their way from other copies, allowed are ${WAITING_MAX}: read again`,
      );
    }
    const id = ++this.#last;
    const waitMs = this.#options.waitMs ?? WAIT_MS;
    const timer = setTimeout(() => {
      this.#options.say({ kind: "undemand", id });
      const reason = `Contents that are on another copy did not come within ${waitMs / 1000} s: read again`;
      this.#end(id, new NineError("EIO", reason));
    }, waitMs);
    const came = Promise.withResolvers<void>();
    // Whoever read may have gone.
    came.promise.catch(() => {});
    this.#waiting.set(id, { key, came, timer });
    this.#byKey.set(key, id);
    this.#options.say({
      kind: "demand",
      id,
      descriptor: descriptor.slice(),
      start: from,
      end: to,
      withLists,
    });
    return came.promise;
  }

  #end(id: number, error: NineError | undefined): void {
    const waiting = this.#waiting.get(id);
    if (waiting === undefined) return;
    this.#waiting.delete(id);
    this.#byKey.delete(waiting.key);
    clearTimeout(waiting.timer);
    if (error) waiting.came.reject(error);
    else waiting.came.resolve();
  }
}
