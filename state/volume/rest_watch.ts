import type { StateWorker } from "./state_worker.ts";

/** After so long with nothing to do the Worker ends. */
const REST_MS = 30_000;
/** It is not looked more often than this whether it has something to do. */
const BUSY_MS = 10;

export interface RestWatchOptions {
  readonly state: StateWorker;
  /** After so long; 30 s, never if Infinity. */
  readonly restMs: number | undefined;
  /** Whether there is something to do. */
  isBusy(): boolean;
}

/** Lets the Worker rest once it has had nothing to do for long enough. */
export class RestWatch {
  readonly #options: RestWatchOptions;
  #timer: ReturnType<typeof setTimeout> | undefined;
  /** Since when it has nothing to do. */
  #idleMs = performance.now();
  #isClosed = false;

  constructor(options: RestWatchOptions) {
    this.#options = options;
  }

  /** It has just done something. */
  worked(): void {
    this.#idleMs = performance.now();
  }

  watch(): void {
    const { state, restMs = REST_MS, isBusy } = this.#options;
    if (this.#isClosed || this.#timer !== undefined || restMs === Infinity) return;
    const wasBusy = isBusy();
    if (wasBusy) this.worked();
    const leftMs = this.#idleMs + restMs - performance.now();
    if (leftMs <= 0 && !wasBusy) return state.rest();
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      if (state.isRunning) this.watch();
    }, Math.max(leftMs, BUSY_MS));
    if (typeof this.#timer === "number") Deno.unrefTimer(this.#timer);
  }

  close(): void {
    this.#isClosed = true;
    clearTimeout(this.#timer);
  }
}
