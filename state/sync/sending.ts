import { type Author, Malformed } from "../tree/mod.ts";
import { FILL_BYTES, type Records } from "./messages.ts";
import type { Packed, SyncStore } from "./sync_store.ts";
import type { Numbers } from "./vector.ts";

/** So many bytes of records are under way, and a message more; the receiver holds as many. */
export const WINDOW_BYTES = 4 * 1024 * 1024;

export interface SendLimits {
  readonly windowBytes: number;
  readonly fillBytes: number;
}

export const SEND_LIMITS: SendLimits = { windowBytes: WINDOW_BYTES, fillBytes: FILL_BYTES };

interface Part {
  readonly records: readonly Packed[];
  readonly bytes: number;
  readonly isLast: boolean;
}

/** Records on their way to the other side, as many as its window holds. */
export class Sending {
  readonly #store: Pick<SyncStore, "records">;
  readonly #after: Numbers;
  readonly #upTo: Numbers;
  readonly #limits: SendLimits;
  #next: number | undefined = 0;
  /** What was read and did not fit. */
  #waiting: Part | undefined;
  /** Messages that were not acknowledged: how many records there were up to then, and their own bytes. */
  readonly #open: { readonly upTo: number; readonly bytes: number }[] = [];
  #openBytes = 0;
  #sent = 0;
  #acknowledged = 0;
  readonly #refused = new Set<Author>();

  /** Sends what is in `upTo` and not in `after`; without such a thing it says nothing, as the other side knows both. */
  constructor(store: Pick<SyncStore, "records">, after: Numbers, upTo: Numbers, limits: SendLimits) {
    this.#store = store;
    this.#after = after;
    this.#upTo = upTo;
    this.#limits = limits;
    const isNothing = [...upTo].every(([author, number]) => number <= (after.get(author) ?? 0));
    if (isNothing) this.#next = undefined;
  }

  get isAllAcknowledged(): boolean {
    return this.#next === undefined && this.#waiting === undefined && this.#open.length === 0;
  }

  next(): (Records & { readonly recordBytes: number }) | undefined {
    const part = this.#waiting ?? this.#read();
    this.#waiting = undefined;
    if (!part) return undefined;
    const { windowBytes } = this.#limits;
    if (this.#openBytes > 0 && this.#openBytes + part.bytes > windowBytes) {
      this.#waiting = part;
      return undefined;
    }
    this.#sent += part.records.length;
    if (part.records.length > 0) this.#open.push({ upTo: this.#sent, bytes: part.bytes });
    this.#openBytes += part.bytes;
    const { isLast } = part;
    return {
      kind: "records",
      records: part.records.map(({ bytes }) => bytes),
      isLast,
      recordBytes: part.bytes,
    };
  }

  acknowledge(count: number): void {
    if (count < this.#acknowledged || count > this.#sent) {
      throw new Malformed(`${count} records are acknowledged, and ${this.#sent} were sent`);
    }
    this.#acknowledged = count;
    while (this.#open.length > 0 && this.#open[0].upTo <= count) {
      this.#openBytes -= this.#open[0].bytes;
      this.#open.shift();
    }
  }

  /** No more of that author. */
  refuse(author: Author): void {
    this.#refused.add(author);
  }

  #read(): Part | undefined {
    while (this.#next !== undefined) {
      const page = this.#store.records(this.#after, this.#next, this.#limits.fillBytes);
      this.#next = page.next;
      const records = page.records.filter(({ author, number }) =>
        number <= (this.#upTo.get(author) ?? 0) && !this.#refused.has(author)
      );
      const bytes = records.reduce((sum, record) => sum + record.bytes.length, 0);
      const isLast = page.next === undefined;
      if (records.length > 0 || isLast) return { records, bytes, isLast };
    }
    return undefined;
  }
}
