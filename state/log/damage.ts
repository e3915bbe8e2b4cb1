import { NineError } from "../../9p/mod.ts";
import { segmentName } from "./segment.ts";

/** Records that were durable and are no longer what was written. */
export interface LogDamage {
  readonly segment: number;
  /** Where the bad bytes start in it, and how many there are up to the next good record. */
  readonly offset: number;
  readonly bytes: number;
  /** The numbers of the records that are lost, both included. */
  readonly first: number;
  readonly last: number;
  /** One bit was wrong, and is right again: nothing is lost. */
  readonly isMended?: boolean;
  /** Where it is one record: what is there in its place, of which some is wrong. */
  readonly found?: { readonly type: number; readonly payload: Uint8Array };
}

export function damageError(folder: string, { segment, offset, bytes, first, last }: LogDamage): NineError {
  return new NineError(
    "EIO",
    `${folder}/${
      segmentName(segment)
    } is damaged: ${bytes} bytes at ${offset} are not what was written, so that ` +
      `records ${first} to ${last} are lost`,
  );
}
