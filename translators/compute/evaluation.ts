import { NineError } from "../../9p/mod.ts";
import type { About, Result } from "../cache/mod.ts";
import { type Input, UNWANTED } from "./input.ts";
import { versionOf } from "./key.ts";
import type { SharedRun } from "./shared_run.ts";

/** What one module did for a result. */
export interface StageReport {
  readonly name: string;
  readonly version: string;
  /** SHA-256 of the module. */
  readonly module: string;
  readonly args: readonly string[];
  /** Where the result came from. */
  from: "cache" | "run" | "running" | "waiting";
  key: string;
  about?: About;
}

export interface InputReport {
  readonly path: string;
  readonly hash: string;
  readonly size: number;
  readonly version: number;
}

/**
 * One evaluation of a pipeline for whoever opened its output: its inputs are pinned, so all reads of it belong together.
 * Whoever has one releases it.
 */
export class Evaluation {
  readonly inputs: readonly InputReport[];
  /** Seconds since 1970 of the last change of what it depends on. */
  mtimeSec: number;
  #result: Result | undefined;
  #failure: { readonly thrown: unknown } | undefined;
  /** The run that is under way for it; held. */
  #run: SharedRun | undefined;
  /** Its output is that of the whole pipeline, and can be read as it comes. */
  #isLast = false;
  #holders = 1;
  #waiting: PromiseWithResolvers<void> | undefined;

  /** `user` is who asks. */
  constructor(
    readonly path: string,
    readonly user: string,
    inputs: readonly Input[],
    readonly stages: readonly StageReport[],
  ) {
    this.inputs = inputs.map(({ path, hash, size, version }) => ({ path, hash, size, version }));
    this.mtimeSec = inputs.reduce((latest, { mtimeSec }) => Math.max(latest, mtimeSec), 0);
  }

  /** False when nobody wants the result any more. */
  get isWanted(): boolean {
    return this.#holders > 0;
  }

  /** The exact length, once it is known. */
  get size(): number | undefined {
    return this.#result?.size;
  }

  /** 0 until the length is known. */
  get version(): number {
    return this.#result ? versionOf(this.#result.about.hash) : 0;
  }

  get isEnded(): boolean {
    return this.#result !== undefined || this.#failure !== undefined;
  }

  hold(): this {
    this.#holders++;
    return this;
  }

  release(): void {
    if (--this.#holders > 0) return;
    this.#result?.release();
    this.fail(UNWANTED);
  }

  /** The run that is under way for it, instead of the one before. */
  follow(run: SharedRun, isLast: boolean): void {
    run.hold(this.user);
    this.#leaveRun();
    if (!this.isWanted) return run.release(this.user);
    this.#run = run;
    this.#isLast = isLast;
    if (isLast) this.#wake();
  }

  succeed(result: Result): void {
    if (!this.isWanted) return;
    result.hold();
    this.#result = result;
    this.#leaveRun();
    this.#wake();
  }

  fail(thrown: unknown): void {
    this.#failure ??= { thrown };
    this.#leaveRun();
    this.#wake();
  }

  #leaveRun(): void {
    this.#run?.release(this.user);
    this.#run = undefined;
  }

  #wake(): void {
    this.#waiting?.resolve();
    this.#waiting = undefined;
  }

  /** Resolves when more may be known than now. */
  #change(): Promise<void> {
    return (this.#waiting ??= Promise.withResolvers()).promise;
  }

  /**
   * The result; rejects with why there is none, or EINTR once the signal is aborted. It is held as long as the evaluation
   * is.
   */
  async result(signal?: AbortSignal): Promise<Result> {
    while (!this.#result) {
      if (this.#failure) throw this.#failure.thrown;
      await (signal ? this.#unlessAborted(this.#change(), signal) : this.#change());
    }
    return this.#result;
  }

  /** Waits, and rejects when nobody waits any more. */
  async #unlessAborted(change: Promise<void>, signal: AbortSignal): Promise<void> {
    const { promise: aborted, reject } = Promise.withResolvers<never>();
    const giveUp = () => reject(new NineError("EINTR", `The read of ${this.path} was given up`));
    if (signal.aborted) giveUp();
    else signal.addEventListener("abort", giveUp, { once: true });
    try {
      await Promise.race([change, aborted]);
    } finally {
      signal.removeEventListener("abort", giveUp);
    }
  }

  /** Fills `into` from `offset` on, at once where the bytes are there; 0 at the end. */
  read(offset: number, into: Uint8Array, signal: AbortSignal): number | Promise<Uint8Array> {
    const now = this.#readNow(offset, into);
    return now ?? this.#readLater(offset, into.byteLength, signal);
  }

  #readNow(offset: number, into: Uint8Array): number | undefined {
    if (this.#result) return this.#result.read(offset, into);
    if (this.#failure) throw this.#failure.thrown;
    return this.#isLast ? this.#run?.read(offset, into) : undefined;
  }

  async #readLater(offset: number, length: number, signal: AbortSignal): Promise<Uint8Array> {
    const into = new Uint8Array(length);
    for (;;) {
      const count = this.#readNow(offset, into);
      if (count !== undefined) return into.subarray(0, count);
      await this.#unlessAborted(this.#isLast && this.#run ? this.#run.more() : this.#change(), signal);
    }
  }
}
