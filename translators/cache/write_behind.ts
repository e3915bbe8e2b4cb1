import type { Result } from "./result.ts";
import { writeResult } from "./result_file.ts";

/** How long nothing new has come when writing begins. */
const WRITE_AFTER_MS = 20;
const FILES_MAX = 10_000;

/**
 * Results in memory whose files are still to be made. That begins when nothing new has come for a while, or when too much
 * waits: making a file takes longer than a small run, and whoever waits for results is answered first. What a killed node
 * had not written yet is computed again.
 */
export class WriteBehind {
  readonly #waiting = new Map<string, Result>();
  #writing: Promise<void> | undefined;
  /** When the last result came. */
  #putAtMs = 0;
  #isClosing = false;

  constructor(readonly isKept: (result: Result) => boolean, readonly onWritten: () => void) {}

  /** The disk is slower than the modules. */
  get isFull(): boolean {
    return this.#waiting.size > FILES_MAX;
  }

  has(key: string): boolean {
    return this.#waiting.has(key);
  }

  put(result: Result): void {
    this.#putAtMs = performance.now();
    this.#waiting.set(result.key, result);
    this.#writing ??= this.#writeAll();
  }

  /** Resolves when all is written. */
  async close(): Promise<void> {
    this.#isClosing = true;
    await this.#writing;
  }

  async #writeAll(): Promise<void> {
    for (const [key, result] of this.#waiting) {
      while (this.#mayWait()) {
        await new Promise((wake) => setTimeout(wake, this.#putAtMs + WRITE_AFTER_MS - performance.now()));
      }
      // It may have been let go meanwhile.
      if (this.isKept(result)) await writeResult(result);
      this.#waiting.delete(key);
      this.onWritten();
    }
    this.#writing = undefined;
  }

  #mayWait(): boolean {
    return !this.#isClosing && this.#waiting.size < FILES_MAX / 2 &&
      performance.now() - this.#putAtMs < WRITE_AFTER_MS;
  }
}
