import { NineError } from "../../9p/mod.ts";

/** A file that one writes while another one reads it from the start on. */
export class GrowingFile {
  #file: Deno.FsFile | undefined;
  #written = 0;
  #read = 0;
  #isEnded = false;
  #failure: NineError | undefined;
  /** Whether its reader came as far as the failure. */
  hasFailedReader = false;
  #waiting = Promise.withResolvers<void>();

  constructor(readonly path: string) {}

  /** The file has at least so many bytes now. */
  grew(bytes: number): void {
    // Opened at once: a writer that fails removes its file, and what it had written so far is still read.
    this.#file ??= Deno.openSync(this.path);
    this.#written = Math.max(this.#written, bytes);
    this.#wake();
  }

  end(): void {
    this.#isEnded = true;
    this.#wake();
  }

  /** What was written is still read; then comes this. */
  fail(failure: NineError): void {
    this.#failure ??= failure;
    this.end();
  }

  #wake(): void {
    this.#waiting.resolve();
    this.#waiting = Promise.withResolvers();
  }

  /** Fills `into` with what comes next, waiting for at least a byte of it; 0 at the end. */
  async read(offset: number, into: Uint8Array): Promise<number> {
    checkNext(offset, this.#read);
    while (this.#read === this.#written) {
      if (this.#failure) {
        this.hasFailedReader = true;
        throw this.#failure;
      }
      if (this.#isEnded) return 0;
      await this.#waiting.promise;
    }
    const most = Math.min(into.byteLength, this.#written - this.#read);
    const count = this.#file!.readSync(into.subarray(0, most)) ?? 0;
    if (count === 0) throw new NineError("EIO", `${this.path} became shorter while it was read`);
    this.#read += count;
    return count;
  }

  close(): void {
    this.#file?.close();
    this.#file = undefined;
  }
}

/** What comes through a pipe comes once: a run cannot begin again. */
export function checkNext(offset: number, expected: number): void {
  if (offset === expected) return;
  throw new NineError("ESPIPE", `The input was to be read from byte ${offset} on and is at byte ${expected}`);
}
