import { closeSync, openSync, readSync } from "node:fs";
import { Errno, errnoOf } from "../../9p/mod.ts";
import type { Result, Spool } from "../cache/mod.ts";
import { Askers } from "./askers.ts";
import { UNWANTED } from "./input.ts";

/**
 * One run of a module, shared by all who want its result: it goes on as long as one of them holds it. What the module
 * has written can be read before it ends.
 */
export class SharedRun {
  readonly askers: Askers;
  readonly #aborter = new AbortController();
  #holders = 0;
  #spoolFd = -1;
  #written = 0;
  #waiting = Promise.withResolvers<void>();
  #result: Result | undefined;
  #failure: { readonly thrown: unknown } | undefined;

  /**
   * `begin` starts the run, and calls back with how much of the output stands in the spool file. The user who asks for it
   * holds it next.
   */
  constructor(
    readonly spool: Spool,
    begin: (
      signal: AbortSignal,
      askers: Askers,
      onProgress: (bytes: number) => void,
    ) => Promise<Result>,
  ) {
    this.askers = new Askers(spool.user);
    this.ended = this.#end(begin(this.#aborter.signal, this.askers, (bytes) => this.#progress(bytes)));
  }

  async #end(running: Promise<Result>): Promise<void> {
    try {
      const result = await running;
      // Until the last reader has gone, so that what was begun can be read on.
      result.hold();
      this.#result = result;
      if (this.#holders === 0) result.release();
    } catch (thrown) {
      this.#failure = { thrown };
    }
    this.#closeSpool();
    this.#wake();
  }

  /** Resolves when the run is over, however it ended; it never rejects. */
  readonly ended: Promise<void>;

  /** The result, once there is one; throws why there is none. */
  get result(): Result | undefined {
    if (this.#failure) throw this.#failure.thrown;
    return this.#result;
  }

  get isRunning(): boolean {
    return !this.#result && !this.#failure;
  }

  /**
   * Whether it came to nothing for a reason that is the first asker's alone: kept out, too many runs waiting, or no room
   * on disk left for that user.
   */
  get isRefused(): boolean {
    if (this.#failure === undefined) return false;
    const errno = errnoOf(this.#failure.thrown);
    return errno === Errno.EAGAIN || errno === Errno.ENOSPC;
  }

  /** Until that user's `release` it goes on. */
  hold(user: string): void {
    this.askers.add(user);
    if (this.#holders++ === 0) this.#result?.hold();
  }

  release(user: string): void {
    this.askers.remove(user);
    if (--this.#holders > 0) return;
    if (this.#result) this.#result.release();
    else if (!this.#failure) {
      this.#aborter.abort(UNWANTED);
    }
  }

  /** Whether it was given up while it ran: who comes later needs another. */
  get isAborted(): boolean {
    return this.#aborter.signal.aborted;
  }

  /** What is there from `offset` on: the count, 0 at the end, undefined while it is not written yet. */
  read(offset: number, into: Uint8Array): number | undefined {
    const { result } = this;
    if (result) return result.read(offset, into);
    const count = Math.min(into.byteLength, this.#written - offset);
    if (count <= 0) return undefined;
    if (this.#spoolFd < 0) {
      try {
        this.#spoolFd = openSync(this.spool.path, "r");
      } catch (thrown) {
        if (errnoOf(thrown) !== Errno.ENOENT) throw thrown;
        // The Worker removes the file of a run that failed, and then says why.
        return undefined;
      }
    }
    return readSync(this.#spoolFd, into, 0, count, offset);
  }

  /** Resolves when more has been written, or the run has ended. */
  more(): Promise<void> {
    return this.#waiting.promise;
  }

  #progress(bytes: number): void {
    if (!this.spool.grow(bytes)) return this.#aborter.abort(this.spool.refusal);
    this.#written = bytes;
    this.#wake();
  }

  #wake(): void {
    this.#waiting.resolve();
    this.#waiting = Promise.withResolvers();
    if (!this.isRunning) this.#waiting.resolve();
  }

  #closeSpool(): void {
    if (this.#spoolFd < 0) return;
    closeSync(this.#spoolFd);
    this.#spoolFd = -1;
  }
}
