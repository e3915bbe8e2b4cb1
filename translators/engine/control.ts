/**
 * The memory that the main isolate shares with one Worker: words to wake and to stop it, and the place for answers to
 * its calls. The Worker asks by a message and sleeps on `WAKE`; the main isolate never waits.
 */
import { Errno, errnoOf, NineError, reasonOf } from "../../9p/mod.ts";

/** Raised for whatever the Worker sleeps for. */
const WAKE = 0;
/** The number of the run that is to stop. */
const STOP = 1;
/** The number of the last call that was answered. */
const ANSWERED = 2;
/** 0, or the errno of the answer; then the text is the reason. */
const ERRNO = 3;
const TEXT_BYTES = 4;
const RAW_BYTES = 5;
const HEAD_BYTES = 64;
/** What one call brings at most: a chunk of a file, or a listing. */
export const ANSWER_BYTES_MAX = 256 * 1024;

export function newControl(): SharedArrayBuffer {
  return new SharedArrayBuffer(HEAD_BYTES + ANSWER_BYTES_MAX);
}

/** What an operation answers: something that JSON can say, bytes, or both. */
export interface Answer {
  readonly value?: unknown;
  /** Lies in the shared memory: gone with the next call. */
  readonly raw: Uint8Array<SharedArrayBuffer>;
}

/** The main isolate's side. */
export class ControlDesk {
  readonly #words: Int32Array<SharedArrayBuffer>;
  readonly #data: Uint8Array<SharedArrayBuffer>;

  constructor(memory: SharedArrayBuffer) {
    this.#words = new Int32Array(memory, 0, HEAD_BYTES / 4);
    this.#data = new Uint8Array(memory, HEAD_BYTES);
  }

  /** Ends the run, wherever it is: the guest at the next tick, a sleep or a call at once. */
  stop(run: number): void {
    Atomics.store(this.#words, STOP, run);
    this.#wake();
  }

  /** `raw` must fit behind the text; it is copied. */
  answer(call: number, value: unknown, raw?: Uint8Array): void {
    const text = value === undefined ? NOTHING : encode(value);
    const rawBytes = raw?.length ?? 0;
    if (text.length + rawBytes > ANSWER_BYTES_MAX) {
      const message = `An answer of ${text.length + rawBytes} bytes, allowed are ${ANSWER_BYTES_MAX}`;
      return this.refuse(call, new NineError("EOVERFLOW", message));
    }
    this.#data.set(text);
    if (raw) this.#data.set(raw, text.length);
    this.#done(call, 0, text.length, rawBytes);
  }

  refuse(call: number, thrown: unknown): void {
    const text = new TextEncoder().encode(reasonOf(thrown).slice(0, 1000));
    this.#data.set(text);
    this.#done(call, errnoOf(thrown) || Errno.EIO, text.length, 0);
  }

  #done(call: number, errno: number, textBytes: number, rawBytes: number): void {
    this.#words[ERRNO] = errno;
    this.#words[TEXT_BYTES] = textBytes;
    this.#words[RAW_BYTES] = rawBytes;
    Atomics.store(this.#words, ANSWERED, call);
    this.#wake();
  }

  #wake(): void {
    Atomics.add(this.#words, WAKE, 1);
    Atomics.notify(this.#words, WAKE);
  }
}

/** The Worker's side. */
export class ControlLine {
  readonly #words: Int32Array<SharedArrayBuffer>;
  readonly #data: Uint8Array<SharedArrayBuffer>;
  #call = 0;

  constructor(memory: SharedArrayBuffer) {
    this.#words = new Int32Array(memory, 0, HEAD_BYTES / 4);
    this.#data = new Uint8Array(memory, HEAD_BYTES);
  }

  isStopped(run: number): boolean {
    return Atomics.load(this.#words, STOP) === run;
  }

  /**
   * Sleeps until `isOver`, which is asked again after every wake-up and throws where the run must end. `msMax` is how long
   * one sleep may be.
   */
  wait(isOver: () => boolean, msMax: () => number): void {
    for (;;) {
      const seen = Atomics.load(this.#words, WAKE);
      if (isOver()) return;
      Atomics.wait(this.#words, WAKE, seen, Math.max(0, msMax()));
    }
  }

  /** The number for the next call's message. */
  nextCall(): number {
    this.#call = (this.#call + 1) | 0;
    return this.#call;
  }

  isAnswered(): boolean {
    return Atomics.load(this.#words, ANSWERED) === this.#call;
  }

  /** The answer that has come, or what it was refused with. */
  take(): Answer {
    const textBytes = this.#words[TEXT_BYTES];
    const errno = this.#words[ERRNO];
    const raw = this.#data.subarray(textBytes, textBytes + this.#words[RAW_BYTES]);
    if (errno === 0 && textBytes === 0) return { raw };
    // A decoder takes no shared memory.
    const text = new TextDecoder().decode(this.#data.slice(0, textBytes));
    if (errno !== 0) throw new NineError(errno, text);
    return { value: decode(text), raw };
  }
}

const NOTHING = new Uint8Array(0);

/** JSON, with 64-bit numbers as `{"$u64": "…"}`. */
function encode(value: unknown): Uint8Array {
  const text = JSON.stringify(value, (_, part) => typeof part === "bigint" ? { $u64: String(part) } : part);
  return new TextEncoder().encode(text);
}

function decode(text: string): unknown {
  return JSON.parse(text, (_, part) => typeof part?.$u64 === "string" ? BigInt(part.$u64) : part);
}
