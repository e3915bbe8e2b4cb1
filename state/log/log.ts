import { NineError, reasonOf } from "../../9p/mod.ts";
import type { Disk } from "../disk/mod.ts";
import type { LogDamage } from "./damage.ts";
import { LogReader, type LogRecord } from "./reader.ts";
import { PAYLOAD_MAX, RECORD_HEADER, seal } from "./record.ts";
import { type KeptSegment, recover, type TornTail } from "./recovery.ts";
import { encodeHeader, SEGMENT_HEADER, segmentName, writeMark } from "./segment.ts";

export interface LogOptions {
  /** The number of the last record that nobody needs any more. The log goes on after it. 0 if not given. */
  readonly after?: number;
  /** How long a segment grows, in bytes; 64 MiB if not given. */
  readonly segmentBytes?: number;
  /** 32 bits, another for each segment; random if not given. */
  readonly salt?: () => number;
}

/** Where a record went. */
export interface LogPlace {
  readonly number: number;
  readonly segment: number;
  /** Where the payload starts in the segment, for `read`. */
  readonly offset: number;
}

const SEGMENT_BYTES = 64 << 20;
/** A body from this size on is written by itself rather than copied behind its header. */
const BODY_APART = 16384;
const SCRATCH = RECORD_HEADER + BODY_APART;

/**
 * The operation log: records with numbers that follow each other, in segment files. A record is a type byte and a
 * payload, and this layer knows nothing of either.
 *
 * `append` returns once the record is in the kernel: it survives the death of the process. `sync` waits for the disk.
 * After a power loss the log holds all that was synced, and of the rest a beginning, in order.
 */
export class Log {
  /** What was cut off when the log was opened: it had been appended and not been synced. */
  readonly torn: TornTail | undefined;
  /** Durable records that opening found to be bad; segments that were wholly durable are checked by replaying them. */
  readonly damage: readonly LogDamage[];
  readonly #disk: Disk;
  readonly #folder: string;
  readonly #segmentBytes: number;
  readonly #salt: () => number;
  readonly #segments = new Map<number, KeptSegment>();
  /** Segments with records that are not durable, oldest first, without the current one. */
  #behind: KeptSegment[] = [];
  #current!: KeptSegment;
  #nextSegment: number;
  #isFolderDirty = false;
  #last: number;
  #synced: number;
  #running: Promise<void> | undefined;
  #waiting: Promise<void> | undefined;
  #failed: NineError | undefined;
  readonly #scratch = new Uint8Array(SCRATCH);

  /** Opens a log, or starts one: the torn tail is cut off, and what is needed no more is removed. */
  constructor(
    disk: Disk,
    folder: string,
    { after = 0, segmentBytes = SEGMENT_BYTES, salt }: LogOptions = {},
  ) {
    this.#disk = disk;
    this.#folder = folder;
    this.#segmentBytes = segmentBytes;
    this.#salt = salt ?? (() => crypto.getRandomValues(new Uint32Array(1))[0]);
    disk.makeFolder(folder);
    const found = recover(disk, folder, after);
    this.torn = found.torn;
    this.damage = found.damage;
    this.#nextSegment = found.nextSegment;
    this.#last = Math.max(found.last, after);
    this.#synced = found.synced;
    for (const segment of found.segments) this.#segments.set(segment.index, segment);
    const last = found.segments.at(-1);
    if (last === undefined || last.last < this.#last) {
      // There is nothing, or nothing that is needed, or what was durable is gone from the end.
      if (found.last <= after) { for (const segment of found.segments) this.#remove(segment); }
      this.#roll();
    } else {
      this.#behind = found.segments.filter((segment) => segment !== last && segment.last > found.synced);
      // Whether it was synced after the last segment was made, nobody knows.
      this.#isFolderDirty = true;
      this.#current = last;
    }
  }

  /** Number of the last record, or of the one before the first. */
  get last(): number {
    return this.#last;
  }

  /** All records up to this number are durable. */
  get synced(): number {
    return this.#synced;
  }

  /** Number of the oldest record there is. */
  get first(): number {
    return this.#segments.values().next().value!.first;
  }

  /** How long all segments are together. */
  get bytes(): number {
    let bytes = 0;
    for (const { end } of this.#segments.values()) bytes += end;
    return bytes;
  }

  /**
   * Appends a record; its payload is `head`, then `body`. Both are the caller's again when it returns. Where it throws
   * (ENOSPC, EIO), the log is as it was and takes the next record if the disk does.
   */
  append(type: number, head: Uint8Array, body?: Uint8Array): LogPlace {
    if (this.#failed !== undefined) throw this.#failed;
    const length = head.length + (body === undefined ? 0 : body.length);
    if (length > PAYLOAD_MAX) {
      throw new NineError("EMSGSIZE", `A record of ${length} bytes; the log takes up to ${PAYLOAD_MAX}`);
    }
    let segment = this.#current;
    if (segment.end + RECORD_HEADER + length > this.#segmentBytes && segment.end > SEGMENT_HEADER) {
      segment = this.#roll();
    }
    const offset = segment.end;
    const number = this.#last + 1;
    try {
      this.#write(segment, number, type, head, body);
    } catch (thrown) {
      this.#cutBack(segment);
      throw thrown;
    }
    segment.end = offset + RECORD_HEADER + length;
    segment.last = number;
    this.#last = number;
    return { number, segment: segment.index, offset: offset + RECORD_HEADER };
  }

  /**
   * Resolves when every record appended before the call is durable. One fdatasync runs at a time, and all who call
   * meanwhile share the next. Once it failed, it and `append` fail for ever: what the kernel dropped, nobody knows.
   */
  sync(): Promise<void> {
    if (this.#failed !== undefined) return Promise.reject(this.#failed);
    if (this.#running === undefined) {
      return this.#synced >= this.#last ? Promise.resolve() : this.#running = this.#sync();
    }
    return this.#waiting ??= this.#running.then(() => {
      this.#waiting = undefined;
      // Somebody who asked a moment earlier may have started one; it holds all that was appended before.
      return this.#running ?? this.sync();
    });
  }

  /** Fills `into` from the place of a payload, or from within it. */
  read(segment: number, offset: number, into: Uint8Array): void {
    const found = this.#segments.get(segment);
    if (found === undefined) {
      throw new NineError(
        "EIO",
        `${this.#folder} has no segment ${segment}, where ${into.length} bytes were to be`,
      );
    }
    const got = Math.min(into.length, found.end - offset);
    if (got < into.length || found.file.pread(into, offset) < into.length) {
      throw new NineError(
        "EIO",
        `${this.#folder}/${
          segmentName(segment)
        } is ${found.end} bytes long; ${into.length} at ${offset} were to be read`,
      );
    }
  }

  /** The records from a number on, up to the last there is now; see `LogReader.records`. */
  *records(from: number, onDamage?: (damage: LogDamage) => void): Generator<LogRecord> {
    using reader = new LogReader(this.#disk, this.#folder);
    yield* reader.records(from, { to: this.#last, onDamage });
  }

  /** Removes the segments in which no record has a number above `upTo`. The current one stays. */
  drop(upTo: number): void {
    for (const segment of [...this.#segments.values()]) {
      if (segment === this.#current || segment.last > upTo) return;
      this.#remove(segment);
    }
  }

  /** Closes its files. What was not synced is in the kernel. */
  close(): void {
    for (const { file } of this.#segments.values()) file.close();
    this.#failed ??= new NineError("EBADF", `The log in ${this.#folder} is closed`);
  }

  [Symbol.dispose](): void {
    this.close();
  }

  #write(
    segment: KeptSegment,
    number: number,
    type: number,
    head: Uint8Array,
    body: Uint8Array | undefined,
  ): void {
    const { salt, end: offset, file } = segment;
    const isApart = body !== undefined && body.length >= BODY_APART;
    const size = RECORD_HEADER + head.length + (body === undefined || isApart ? 0 : body.length);
    const record = size <= SCRATCH ? this.#scratch : new Uint8Array(size);
    record.set(head, RECORD_HEADER);
    if (isApart) {
      // Two writes cost less than a copy of this size. The body goes first: without its header it is nothing.
      seal(record, { salt, offset, number, type, head: head.length, body });
      file.pwrite(body, offset + size);
    } else {
      if (body !== undefined) record.set(body, RECORD_HEADER + head.length);
      seal(record, { salt, offset, number, type, head: size - RECORD_HEADER, body: undefined });
    }
    file.pwrite(record.subarray(0, size), offset);
  }

  /** Takes back what a failed append left behind the last record. */
  #cutBack(segment: KeptSegment): void {
    try {
      segment.file.truncate(segment.end);
    } catch {
      // It is no whole record, so whoever opens the log cuts it; the next append writes over it.
    }
  }

  #roll(): KeptSegment {
    const index = this.#nextSegment;
    const salt = this.#salt() >>> 0;
    const first = this.#last + 1;
    const path = `${this.#folder}/${segmentName(index)}`;
    const file = this.#disk.open(path, { create: true });
    try {
      file.truncate(0);
      file.pwrite(encodeHeader(salt, first), 0);
    } catch (thrown) {
      file.close();
      this.#disk.remove(path);
      throw thrown;
    }
    const before = this.#current;
    if (before !== undefined && before.last > this.#synced) this.#behind.push(before);
    this.#nextSegment = index + 1;
    this.#isFolderDirty = true;
    this.#current = { index, salt, first, file, last: first - 1, end: SEGMENT_HEADER };
    this.#segments.set(index, this.#current);
    return this.#current;
  }

  async #sync(): Promise<void> {
    const last = this.#last;
    const current = this.#current;
    const behind = this.#behind.slice();
    const isFolderDirty = this.#isFolderDirty;
    this.#isFolderDirty = false;
    try {
      for (const segment of [...behind, current]) {
        if (segment === current && isFolderDirty) await this.#disk.syncFolder(this.#folder);
        // What was dropped meanwhile, nobody needs.
        if (this.#segments.has(segment.index)) await segment.file.sync();
      }
    } catch (thrown) {
      this.#failed ??= new NineError(
        "EIO",
        `${reasonOf(thrown)}; the log takes nothing more until it is opened again`,
      );
      throw this.#failed;
    } finally {
      this.#running = undefined;
    }
    this.#behind = this.#behind.filter((segment) => !behind.includes(segment));
    this.#synced = last;
    this.#mark(current, last);
  }

  #mark(segment: KeptSegment, last: number): void {
    try {
      writeMark(segment.file, last);
    } catch {
      // A lost mark makes nothing undurable: at worst a flipped bit in the next moments passes for a torn tail.
    }
  }

  #remove(segment: KeptSegment): void {
    segment.file.close();
    this.#disk.remove(`${this.#folder}/${segmentName(segment.index)}`);
    this.#segments.delete(segment.index);
    this.#behind = this.#behind.filter((other) => other !== segment);
  }
}
