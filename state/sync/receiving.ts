import { type SignedRecord, unpackRecord } from "../record/mod.ts";
import { type Author, Malformed } from "../tree/mod.ts";
import { MESSAGE_BYTES_MAX, type Records } from "./messages.ts";
import { WINDOW_BYTES } from "./sending.ts";
import type { Numbers } from "./vector.ts";

/** What is applied in one go is about so long, so that clients do not wait for long. */
export const BATCH_BYTES = 1024 * 1024;
/** A small record takes some tenths of a millisecond. */
const BATCH_RECORDS = 1000;

/** Records that came and wait to be applied. */
export class Receiving {
  readonly #lacking: Numbers;
  readonly #promised: Numbers;
  readonly #batchBytes: number;
  #waiting: { readonly signed: SignedRecord; readonly bytes: number }[] = [];
  /** Of those, and of what was handed out last. */
  #bytes = 0;
  #handedOut = 0;
  #count = 0;
  #isLast: boolean;

  /** `own`: what was here when the session began; `promised`: what the other side said it has. */
  constructor(own: Numbers, promised: Numbers, batchBytes = BATCH_BYTES) {
    this.#lacking = own;
    this.#promised = promised;
    this.#batchBytes = batchBytes;
    this.#isLast = [...promised].every(([author, number]) => number <= (own.get(author) ?? 0));
  }

  /** No more will come, and what came was handed out. */
  get isThrough(): boolean {
    return this.#isLast && this.#waiting.length === 0;
  }

  /** How many records were handed out. */
  get count(): number {
    return this.#count;
  }

  /** Throws Malformed for what nobody asked for, and for more than is held. Returns how many bytes it took. */
  receive({ records, isLast }: Records): number {
    if (this.#isLast) throw new Malformed("Records came after the last");
    let taken = 0;
    for (const bytes of records) {
      const signed = unpackRecord(bytes);
      const { author, number } = signed.record;
      if (!this.#isDue(author, number)) {
        throw new Malformed(`Record ${number} of ${author} came, and nobody asked for it`);
      }
      this.#waiting.push({ signed, bytes: bytes.length });
      taken += bytes.length;
    }
    this.#bytes += taken;
    if (this.#bytes > WINDOW_BYTES + MESSAGE_BYTES_MAX) {
      throw new Malformed(`${this.#bytes} bytes of records came before any were acknowledged`);
    }
    this.#isLast = isLast;
    return taken;
  }

  /** What to apply next, once what was handed out before is applied or refused: at least one record where there are any. */
  next(): SignedRecord[] {
    this.#bytes -= this.#handedOut;
    let count = 0;
    this.#handedOut = 0;
    const most = Math.min(this.#waiting.length, BATCH_RECORDS);
    while (count < most && (count === 0 || this.#handedOut < this.#batchBytes)) {
      this.#handedOut += this.#waiting[count++].bytes;
    }
    const batch = this.#waiting.slice(0, count).map(({ signed }) => signed);
    this.#waiting = this.#waiting.slice(count);
    this.#count += count;
    return batch;
  }

  #isDue(author: Author, number: number): boolean {
    return number > (this.#lacking.get(author) ?? 0) && number <= (this.#promised.get(author) ?? 0);
  }
}
