import { NineError } from "../../9p/mod.ts";
import type { Log } from "../log/mod.ts";

const GATHER_MS = 50;
/** Until the log is synced again where that failed. */
const RETRY_MS = 500;

export interface GatheringOptions {
  readonly log: Log;
  /** How long an operation waits for others; 50 ms. */
  readonly gatherMs: number | undefined;
  /** Told up to which operation all are durable. */
  onSynced(last: number): void;
  onTrouble(error: NineError): void;
}

/** Operations of the log that wait for others, until all are made durable and applied together. */
export class Gathering {
  readonly #options: GatheringOptions;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #isClosed = false;

  constructor(options: GatheringOptions) {
    this.#options = options;
  }

  /** An operation was appended. */
  begin(): void {
    this.#timer ??= setTimeout(() => this.flush(), this.#options.gatherMs ?? GATHER_MS);
  }

  /** Waits for no others. */
  async flush(): Promise<void> {
    const { log, onSynced, onTrouble } = this.#options;
    clearTimeout(this.#timer);
    let nextMs = this.#options.gatherMs ?? GATHER_MS;
    try {
      await log.sync();
      onSynced(log.synced);
    } catch (thrown) {
      // `close` syncs as well, and says what fails; what was abandoned meanwhile is no trouble.
      if (this.#isClosed) return;
      onTrouble(thrown instanceof NineError ? thrown : new NineError("EIO", String(thrown)));
      nextMs = RETRY_MS;
    }
    if (this.#isClosed) return;
    // What was appended meanwhile had no timer of its own.
    const isLeft = log.synced < log.last;
    this.#timer = isLeft ? setTimeout(() => this.flush(), nextMs) : undefined;
  }

  close(): void {
    this.#isClosed = true;
    clearTimeout(this.#timer);
  }
}
