import type { DiskFile } from "../disk/mod.ts";
import { isWhole, lengthAt, numberAt, PAYLOAD_MAX, RECORD_HEADER } from "./record.ts";
import { SEGMENT_HEADER } from "./segment.ts";

/** Bytes read at once. */
const WINDOW = 1 << 20;

/** Goes through the records of one segment, checking each. */
export class Scan {
  /** Of the record last found. `payload` is a view that goes with the next one. */
  number = 0;
  type = 0;
  payload: Uint8Array = new Uint8Array(0);
  /** Where its payload starts. */
  payloadAt = 0;
  /** Where the next record starts. */
  at: number;
  /** The number that the next record must have. */
  expected: number;
  readonly file: DiskFile;
  readonly salt: number;
  #size: number;
  #window = new Uint8Array(WINDOW);
  #windowAt = 0;
  #windowEnd = 0;

  constructor(file: DiskFile, salt: number, expected: number, at = SEGMENT_HEADER) {
    this.file = file;
    this.salt = salt;
    this.expected = expected;
    this.at = at;
    this.#size = file.size();
  }

  /** How long the segment is. */
  get size(): number {
    return this.#size;
  }

  /** Forgets what it read ahead: a record that was being written then may be whole now. */
  refresh(): void {
    this.#windowAt = this.#windowEnd = 0;
    this.#size = this.file.size();
  }

  /** The next record; or `bad` where there is none that is whole and has the number expected, and the scan stays. */
  next(): "record" | "end" | "bad" {
    if (this.at >= this.#size) {
      this.#size = this.file.size();
      if (this.at >= this.#size) return "end";
    }
    return this.#take(this.at, this.expected, this.expected) ? "record" : "bad";
  }

  /**
   * After `bad`: goes to the next place where a good record stands, with the number expected or a later one, and says
   * whether there is one. The scan then gives it as the next.
   */
  resume(): boolean {
    for (let at = this.at + 1; at + RECORD_HEADER <= this.#size; at++) {
      // Each record between takes a header at least, so the number is bounded by the bytes.
      const last = this.expected + Math.ceil((at - this.at) / RECORD_HEADER);
      if (!this.#take(at, this.expected, last)) continue;
      this.at = at;
      this.expected = this.number;
      return true;
    }
    return false;
  }

  #take(at: number, first: number, last: number): boolean {
    if (at + RECORD_HEADER > this.#size) return false;
    let found = this.#bring(at, RECORD_HEADER);
    const number = numberAt(this.#window, found);
    if (number < first || number > last) return false;
    const length = lengthAt(this.#window, found);
    if (length > PAYLOAD_MAX || at + RECORD_HEADER + length > this.#size) return false;
    found = this.#bring(at, RECORD_HEADER + length);
    if (!isWhole(this.#window, found, length, this.salt, at)) return false;
    this.number = number;
    this.type = this.#window[found + 16];
    this.payload = this.#window.subarray(found + RECORD_HEADER, found + RECORD_HEADER + length);
    this.payloadAt = at + RECORD_HEADER;
    this.at = at + RECORD_HEADER + length;
    this.expected = number + 1;
    return true;
  }

  /** Has `length` bytes from `at` on in the window, and says where there. */
  #bring(at: number, length: number): number {
    if (at < this.#windowAt || at + length > this.#windowEnd) {
      if (length > this.#window.length) this.#window = new Uint8Array(length);
      const got = this.file.pread(this.#window, at);
      this.#windowAt = at;
      this.#windowEnd = at + got;
      // A file that became shorter under us has nothing but zeros there, which no record is.
      if (got < length) this.#window.fill(0, got, length);
    }
    return at - this.#windowAt;
  }
}
