import type { DatabaseSync, StatementSync } from "node:sqlite";
import { crc32 } from "node:zlib";
import { NineError } from "../../9p/mod.ts";

/** When a record of the journal was written, seconds since 1970. It outlives the record, as history tells it. */
export interface Moment {
  readonly seq: number;
  readonly time: number;
  readonly sum: number;
}

export function momentSum(seq: number, time: number): number {
  return crc32(new Uint8Array(Float64Array.of(seq, time).buffer));
}

/** EIO where it is not what was stored. */
export function checkMoment({ seq, time, sum }: Moment): void {
  if (momentSum(seq, time) === sum) return;
  throw new NineError("EIO", `The time of record ${seq} of the journal does not match its checksum`);
}

/** Writes when each record was. */
export class Moments {
  readonly #add: StatementSync;

  constructor(db: DatabaseSync) {
    this.#add = db.prepare("INSERT OR REPLACE INTO moment(seq, time, sum) VALUES(?, ?, ?)");
  }

  add(seq: number, time: number): void {
    this.#add.run(seq, time, momentSum(seq, time));
  }
}
