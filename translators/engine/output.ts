import { dirname } from "node:path";

/** How often a reader hears of more, ms. */
const PROGRESS_MS = 10;
/** Writes are gathered up to that much before they go to the file. */
const GATHER_BYTES = 64 * 1024;

/** Where a guest's output goes: into memory at first, and to the spool file once there is more. Lives in the Worker. */
export class Output {
  readonly #inlineMax: number;
  readonly #path: string;
  readonly #progress: (bytes: number) => void;
  #kept = new Uint8Array(0);
  #used = 0;
  #file: Deno.FsFile | undefined;
  #written = 0;
  #told = 0;
  #toldAt = 0;

  constructor(inlineMax: number, path: string, progress: (bytes: number) => void) {
    this.#inlineMax = inlineMax;
    this.#path = path;
    this.#progress = progress;
  }

  get bytes(): number {
    return this.#written + this.#used;
  }

  write(bytes: Uint8Array): void {
    if (this.#file === undefined && this.#used + bytes.length > this.#inlineMax) this.#spill();
    if (this.#file === undefined) return this.#keep(bytes, this.#inlineMax);
    if (this.#used + bytes.length <= GATHER_BYTES) return this.#keep(bytes, GATHER_BYTES);
    this.#flush();
    if (bytes.length < GATHER_BYTES / 4) return this.#keep(bytes, GATHER_BYTES);
    writeAll(this.#file, bytes);
    this.#written += bytes.length;
    this.#tell();
  }

  /** The guest waits or reads: whoever reads its output may have what there is. */
  settle(): void {
    if (this.#file === undefined) return;
    if (this.#used > 0) this.#flush();
    this.#toldAt = -Infinity;
    this.#tell();
  }

  /** The run went well. Bytes are fresh memory, for the receiver to keep. */
  finish(): { bytes: Uint8Array<ArrayBuffer> } | { length: number } {
    if (this.#file === undefined) {
      const isWhole = this.#kept.length === this.#used;
      return { bytes: isWhole ? this.#kept : this.#kept.slice(0, this.#used) };
    }
    this.#flush();
    this.#file.close();
    this.#file = undefined;
    return { length: this.#written };
  }

  /** The run failed: nothing of it stays. */
  discard(): void {
    this.#kept = new Uint8Array(0);
    this.#used = 0;
    if (this.#file === undefined) return;
    this.#file.close();
    this.#file = undefined;
    Deno.removeSync(this.#path);
  }

  #keep(bytes: Uint8Array, max: number): void {
    const end = this.#used + bytes.length;
    if (end > this.#kept.length) {
      // Doubling, and never beyond what will be kept.
      const grown = new Uint8Array(Math.max(end, Math.min(max, Math.max(4096, this.#kept.length * 2))));
      grown.set(this.#kept.subarray(0, this.#used));
      this.#kept = grown;
    }
    this.#kept.set(bytes, this.#used);
    this.#used = end;
  }

  #spill(): void {
    this.#file = openNew(this.#path);
    this.#flush();
  }

  #flush(): void {
    writeAll(this.#file!, this.#kept.subarray(0, this.#used));
    this.#written += this.#used;
    this.#used = 0;
    this.#tell();
  }

  #tell(): void {
    const now = performance.now();
    if (this.#told > 0 && now - this.#toldAt < PROGRESS_MS) return;
    if (this.#written === this.#told) return;
    this.#told = this.#written;
    this.#toldAt = now;
    this.#progress(this.#written);
  }
}

/** The folder may have been removed from outside, as what can be made again. */
function openNew(path: string): Deno.FsFile {
  const options = { write: true, createNew: true, mode: 0o600 };
  try {
    return Deno.openSync(path, options);
  } catch (thrown) {
    if (!(thrown instanceof Deno.errors.NotFound)) throw thrown;
    Deno.mkdirSync(dirname(path), { mode: 0o700 });
    return Deno.openSync(path, options);
  }
}

function writeAll(file: Deno.FsFile, bytes: Uint8Array): void {
  for (let at = 0; at < bytes.length;) at += file.writeSync(bytes.subarray(at));
}

/** The last bytes of a stream, in a ring. */
export class Tail {
  readonly #max: number;
  /** Most runs write nothing there. */
  #bytes = new Uint8Array(0);
  #total = 0;

  constructor(bytesMax: number) {
    this.#max = bytesMax;
  }

  write(bytes: Uint8Array): void {
    if (this.#bytes.length === 0) this.#bytes = new Uint8Array(this.#max);
    const size = this.#max;
    const part = bytes.length > size ? bytes.subarray(bytes.length - size) : bytes;
    if (size > 0) {
      const at = (this.#total + bytes.length - part.length) % size;
      const first = Math.min(part.length, size - at);
      this.#bytes.set(part.subarray(0, first), at);
      this.#bytes.set(part.subarray(first), 0);
    }
    this.#total += bytes.length;
  }

  take(): Uint8Array<ArrayBuffer> {
    const size = this.#max;
    if (this.#total <= size) return this.#bytes.slice(0, this.#total);
    const at = this.#total % size;
    const whole = new Uint8Array(size);
    whole.set(this.#bytes.subarray(at));
    whole.set(this.#bytes.subarray(0, at), size - at);
    return whole;
  }
}
