import { Errno, NineError } from "../../9p/mod.ts";
import type { Disk, DiskFile } from "../disk/mod.ts";
import { damageError, type LogDamage } from "./damage.ts";
import { mend } from "./mend.ts";
import { lengthAt, RECORD_HEADER } from "./record.ts";
import { Scan } from "./scan.ts";
import { readHeader, readMark, type SegmentHeader, segmentName, segmentsIn } from "./segment.ts";

/** A record as it was appended. `payload` is a view that goes with the next record: whoever keeps it copies it. */
export interface LogRecord {
  readonly number: number;
  readonly type: number;
  readonly payload: Uint8Array;
  readonly segment: number;
  /** Where the payload starts in the segment, for `read`. */
  readonly offset: number;
}

export interface RecordsOptions {
  /** The last number wanted; all there are if not given. */
  readonly to?: number;
  readonly onDamage?: (damage: LogDamage) => void;
  /** Records of which one bit is wrong are put right where they are, and told as mended. Not for who only looks. */
  readonly mends?: boolean;
}

interface OpenSegment {
  readonly file: DiskFile;
  /** Undefined where it is damaged. */
  readonly header: SegmentHeader | undefined;
}

/**
 * Reads a log that this or another isolate writes. It sees what has been appended by the time it looks; whoever knows
 * up to which number that is says so, as the record after it may be half written.
 */
export class LogReader {
  readonly #disk: Disk;
  readonly #folder: string;
  readonly #open = new Map<number, OpenSegment>();
  /** Where the last `records` ended, so that the next one goes on there. A `records` that runs has it to itself. */
  #place: { segment: number; scan: Scan } | undefined;

  constructor(disk: Disk, folder: string) {
    this.#disk = disk;
    this.#folder = folder;
  }

  /**
   * The records from a number on, in order, each checked. Damaged ones are left out and told to `onDamage`; without it,
   * the damage is thrown as EIO. Numbers that the log has no more count as damage.
   */
  *records(
    from: number,
    { to = Infinity, onDamage, mends = false }: RecordsOptions = {},
  ): Generator<LogRecord> {
    const segment = this.#startOf(from);
    if (segment === undefined) return;
    const { header, file } = this.#segment(segment);
    let scan = this.#place?.segment === segment ? this.#place.scan : undefined;
    if (scan?.expected === from) scan.refresh();
    else if (scan?.number === from) {
      // Who left off at a record it had been given goes on with that one.
      scan = new Scan(file, header!.salt, from, scan.payloadAt - RECORD_HEADER);
    } else scan = new Scan(file, header!.salt, header!.first);
    this.#place = undefined;
    if (scan.expected > from) {
      this.#report({ segment, offset: 0, bytes: 0, first: from, last: scan.expected - 1 }, onDamage);
    }
    yield* this.#from(scan, segment, from, to, onDamage, mends);
  }

  /**
   * Fills `into` from the place of a payload, or from within it. The bytes are not checked again: a record was checked
   * when it was replayed, or written by this process.
   */
  read(segment: number, offset: number, into: Uint8Array): void {
    const got = this.#segment(segment).file.pread(into, offset);
    if (got < into.length) {
      throw new NineError(
        "EIO",
        `${this.#path(segment)} ends ${into.length - got} bytes before the ${into.length} at ${offset}`,
      );
    }
  }

  /** Up to which number records were noted to be durable. */
  get synced(): number {
    let synced = 0;
    for (const index of segmentsIn(this.#disk, this.#folder)) {
      const file = this.#disk.open(this.#path(index));
      synced = Math.max(synced, readMark(file));
      file.close();
    }
    return synced;
  }

  /** Closes the segments before this one. */
  forgetBefore(segment: number): void {
    if (this.#place !== undefined && this.#place.segment < segment) this.#place = undefined;
    for (const [index, { file }] of this.#open) {
      if (index >= segment) continue;
      file.close();
      this.#open.delete(index);
    }
  }

  close(): void {
    this.forgetBefore(Infinity);
  }

  [Symbol.dispose](): void {
    this.close();
  }

  *#from(
    scan: Scan,
    segment: number,
    from: number,
    to: number,
    told: ((damage: LogDamage) => void) | undefined,
    mends: boolean,
  ): Generator<LogRecord> {
    // What is before the records that are wanted is of no interest, whatever became of it.
    const report = (damage: LogDamage) => {
      if (damage.last >= from) this.#report({ ...damage, first: Math.max(damage.first, from) }, told);
    };
    try {
      while (scan.expected <= to) {
        const expected = scan.expected;
        const offset = scan.at;
        const found = scan.next();
        if (found === "record") {
          if (scan.number < from) continue;
          yield {
            number: scan.number,
            type: scan.type,
            payload: scan.payload,
            segment,
            offset: scan.payloadAt,
          };
          continue;
        }
        if (found === "bad" && mends && expected >= from && mend(scan.file, offset, scan.salt, expected)) {
          scan.refresh();
          report({ segment, offset, bytes: 1, first: expected, last: expected, isMended: true });
          continue;
        }
        let bytes = scan.size - offset;
        if (found === "bad" && scan.resume()) {
          bytes = scan.at - offset;
          const place = { segment, offset, bytes, first: expected, last: scan.expected - 1 };
          report({ ...place, found: foundAt(scan.file, place) });
          continue;
        }
        const next = this.#following(segment);
        if (next === undefined) {
          // Who says up to where there are records is told of those that are gone from the end, too.
          const last = to === Infinity ? expected : to;
          if (found === "bad" || to !== Infinity) {
            const place = { segment, offset, bytes, first: expected, last };
            report({ ...place, found: foundAt(scan.file, place) });
          }
          return;
        }
        const { file, header } = this.#segment(next);
        if (found === "bad" || header!.first !== expected) {
          report({ segment, offset, bytes, first: expected, last: header!.first - 1 });
        }
        segment = next;
        scan = new Scan(file, header!.salt, header!.first);
      }
    } finally {
      this.#place = { segment, scan };
    }
  }

  #report(damage: LogDamage, onDamage: ((damage: LogDamage) => void) | undefined): void {
    if (onDamage === undefined) throw damageError(this.#folder, damage);
    onDamage(damage);
  }

  /** The last segment that starts at or before a number, or the oldest. */
  #startOf(number: number): number | undefined {
    const place = this.#place;
    if (place !== undefined && (place.scan.expected === number || place.scan.number === number)) {
      if (this.#open.has(place.segment)) return place.segment;
    }
    let start: number | undefined;
    for (const index of segmentsIn(this.#disk, this.#folder)) {
      const header = this.#segment(index).header;
      if (header === undefined) continue;
      if (header.first > number && start !== undefined) break;
      start = index;
    }
    return start;
  }

  /** The next segment with a good header. */
  #following(segment: number): number | undefined {
    if (this.#exists(segment + 1) && this.#segment(segment + 1).header !== undefined) return segment + 1;
    return segmentsIn(this.#disk, this.#folder).find((index) =>
      index > segment && this.#segment(index).header !== undefined
    );
  }

  #exists(segment: number): boolean {
    try {
      this.#segment(segment);
      return true;
    } catch (thrown) {
      if (thrown instanceof NineError && thrown.errno === Errno.ENOENT) return false;
      throw thrown;
    }
  }

  #segment(index: number): OpenSegment {
    const known = this.#open.get(index);
    if (known !== undefined) return known;
    const path = this.#path(index);
    const file = this.#disk.open(path);
    const found = { file, header: readHeader(file, path) };
    // Without a header nothing in it can be found; one that is being written is looked at again.
    if (found.header === undefined) file.close();
    else this.#open.set(index, found);
    return found;
  }

  #path(segment: number): string {
    return `${this.#folder}/${segmentName(segment)}`;
  }
}

/** What stands where one record was, if it is as long as it says. */
function foundAt(file: DiskFile, { offset, bytes, first, last }: LogDamage): LogDamage["found"] {
  const record = new Uint8Array(bytes);
  if (first !== last || file.pread(record, offset) < RECORD_HEADER) return undefined;
  if (RECORD_HEADER + lengthAt(record, 0) !== bytes) return undefined;
  return { type: record[16], payload: record.subarray(RECORD_HEADER) };
}
