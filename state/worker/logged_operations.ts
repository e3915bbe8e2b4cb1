import { S } from "../../9p/mod.ts";
import { LOG } from "../guard/mod.ts";
import type { LogDamage, LogReader, LogRecord } from "../log/mod.ts";
import { decode, type Operation, RECORD_TYPES } from "../operation/mod.ts";
import type { IndexWriter } from "../store/mod.ts";
import type { LostWrite } from "../volume/mod.ts";
import type { Applier, Place } from "./applier.ts";
import type { Unsettled } from "./unsettled.ts";

/** A transaction has at most so many operations, and so many bytes of contents. */
const OPERATIONS_MAX = 5000;
const BYTES_MAX = 64 * 1024 * 1024;
/** What one record has was done within about so long. */
const RECORD_SEC_MAX = 1;

/** What came of the log in one transaction. */
export interface AppliedSome {
  /** The last operation that is applied with it. */
  readonly applied: number;
  readonly operations: number;
  readonly bytes: number;
  /** When the last of them was done, seconds since 1970; undefined where there was none. */
  readonly sec: number | undefined;
  /** Where the last of them is; undefined where there was none. */
  readonly segment: number | undefined;
  /** Something became as it was in a snapshot. */
  readonly isRestored: boolean;
}

/**
 * The operations as the log has them: as many as one transaction is to have, and once more those that wrote what is in no version yet. What is damaged is told, and
 * missed only as far as it has to be.
 */
export class LoggedOperations {
  readonly #log: LogReader;
  readonly #index: IndexWriter;
  readonly #unsettled: Unsettled;
  #lost: LostWrite[] = [];

  constructor(log: LogReader, index: IndexWriter, unsettled: Unsettled) {
    this.#log = log;
    this.#index = index;
    this.#unsettled = unsettled;
  }

  /** Applies some from `from` on, up to `last` at most, within the transaction that is open. Adds to `damage` what could not be had. */
  apply(applier: Applier, from: number, last: number, damage: string[]): AppliedSome {
    let [applied, operations, bytes] = [from - 1, 0, 0];
    let since: number | undefined;
    let time: number | undefined;
    let lastSegment: number | undefined;
    let isRestored = false;
    let isLater = false;
    const onDamage = (found: LogDamage) => {
      const { first, last } = found;
      const told = this.#takeDamaged(found);
      damage.push(told ?? `Operations ${first} to ${last} are damaged in the log and were left out`);
      if (!found.isMended) applied = Math.max(applied, last);
    };
    for (const record of this.#log.records(from, { to: last, onDamage, mends: true })) {
      const { number, type, payload, segment } = record;
      const operation = decode(type, payload);
      // Records tell when things were; what is applied late is not put together with what came long after it.
      const { sec } = operation.time;
      if (since !== undefined && Math.abs(sec - since) > RECORD_SEC_MAX) break;
      since ??= sec;
      if (operation.kind === "restore" && (applied >= from || this.#unsettled.isAnyNew)) {
        // It looks at rows that are stored, so it begins a transaction, and finds everything settled that can be.
        for (const ino of this.#unsettled.inos) applier.settle(ino);
        isLater = true;
        break;
      }
      applier.apply(operation, placeOf(record, operation));
      isRestored ||= operation.kind === "restore";
      applied = number;
      time = sec;
      lastSegment = segment;
      bytes += payload.byteLength;
      const isBoundary = operation.kind === "snapshot";
      if (isBoundary || ++operations >= OPERATIONS_MAX || bytes >= BYTES_MAX) break;
    }
    // What the log is to have and has not will not come.
    if (applied < from && !isLater) applied = last;
    return { applied, operations, bytes, sec: time, segment: lastSegment, isRestored };
  }

  /** Takes up again what the log holds, up to operation `applied`, of files that were not settled. */
  resume(applied: number, damage: string[]): void {
    const unsettled = this.#index.unsettled();
    if (unsettled.size === 0) return;
    const from = Math.min(...unsettled.values());
    const onDamage = (found: LogDamage) => {
      const { first, last } = found;
      const told = this.#takeDamaged(found, unsettled);
      damage.push(told ?? `Operations ${first} to ${last} are damaged in the log: what they wrote is lost`);
    };
    for (const record of this.#log.records(from, { to: applied, onDamage, mends: true })) {
      const { number, type, payload } = record;
      if (type !== RECORD_TYPES.write && type !== RECORD_TYPES.attributes) continue;
      const operation = decode(type, payload);
      if (operation.kind !== "write" && operation.kind !== "attributes") continue;
      const first = unsettled.get(operation.ino);
      if (first === undefined || number < first) continue;
      this.#unsettled.note(operation, placeOf(record, operation));
    }
  }

  /** What was found since the last time to be lost of what was written. */
  takeLost(): LostWrite[] {
    const lost = this.#lost;
    this.#lost = [];
    return lost;
  }

  /**
   * Says what became of a damaged record, unless it is lost altogether. Where the bytes of a write are damaged it is known whose they are, and they are
   * missed only there.
   */
  #takeDamaged(
    { first, last, isMended, found, segment, offset, bytes }: LogDamage,
    unsettled?: ReadonlyMap<number, number>,
  ): string | undefined {
    if (isMended) return `Operation ${first} was damaged in the log, and is mended`;
    if (first !== last || found?.type !== RECORD_TYPES.write) return undefined;
    try {
      const operation = decode(found.type, found.payload);
      if (operation.kind !== "write") return undefined;
      const { ino, offset: start, bytes: written } = operation;
      const row = this.#index.node(ino);
      if (row === undefined || (row.mode & S.IFMT) !== S.IFREG || !Number.isSafeInteger(start) || start < 0) {
        return undefined;
      }
      const from = unsettled?.get(ino);
      if (unsettled !== undefined && (from === undefined || first < from)) return undefined;
      const lost =
        `The ${written.byteLength} bytes at ${start} that operation ${first} wrote to file ${ino} are ` +
        `damaged in ${LOG}: write them again`;
      const position = offset + bytes - written.byteLength;
      this.#unsettled.note(operation, { number: first, segment, position }, lost);
      this.#lost.push({ number: first, ino, reason: lost });
      return lost;
    } catch {
      // What it is about is damaged as well.
      return undefined;
    }
  }
}

/** The bytes of a write are the end of its record. */
function placeOf({ number, payload, segment, offset }: LogRecord, operation: Operation): Place {
  const bytes = operation.kind === "write" ? operation.bytes.byteLength : 0;
  return { number, segment, position: offset + payload.byteLength - bytes };
}
