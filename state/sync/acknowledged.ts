import type { Author } from "../tree/mod.ts";
import type { Statement } from "./statement.ts";
import type { Numbers } from "./vector.ts";

/** A copy that was let into the volume. */
export interface RegisteredCopy {
  readonly key: Uint8Array;
  /** When it was let in, seconds since 1970. */
  readonly sinceSec: number;
}

export interface Acknowledged {
  /** Of each author, up to which record every registered copy has everything. Where there is nothing, the author is not in it. */
  readonly upTo: ReadonlyMap<Author, number>;
  /** Keys of copies that were not heard of for the retention time, and are not waited for. */
  readonly leftOut: readonly Uint8Array[];
}

export interface AcknowledgedOptions {
  readonly copies: readonly RegisteredCopy[];
  /** Signed by keys of registered copies; of each incarnation one or more, this copy's own among them. */
  readonly statements: readonly Statement[];
  /** What is durable here. */
  readonly here: Numbers;
  readonly nowSec: number;
  readonly retentionSec: number;
}

/**
 * What every registered copy has.
 *
 * A statement counts once all is here that its copy had written by then: whatever that copy wrote without having seen a record is then here as well, so that what is let go of with
 * the record is nothing that anybody may still refer to. Until then the one before it counts, where it was given too.
 */
export function acknowledged(options: AcknowledgedOptions): Acknowledged {
  const { copies, statements, here, nowSec, retentionSec } = options;
  const isRecent = (sec: number) => sec >= nowSec - retentionSec;
  const leftOut: Uint8Array[] = [];
  // As far as nobody else counts, it is what is here.
  const upTo = new Map(here);
  for (const { key, sinceSec } of copies) {
    const said = statements.filter((each) => nameOf(each.key) === nameOf(key) && isRecent(each.time));
    if (said.length === 0) {
      if (!isRecent(sinceSec)) leftOut.push(key);
      else upTo.clear();
      continue;
    }
    // A key may write as several authors: after a restored backup, or in a copied home. Each of them may be somewhere.
    for (const author of new Set(said.map((each) => each.author))) {
      const counted = said.filter((each) => each.author === author && isWhole(each, here));
      for (const [each, number] of upTo) {
        const has = Math.max(0, ...counted.map(({ numbers }) => numbers.get(each) ?? 0));
        if (has === 0) upTo.delete(each);
        else upTo.set(each, Math.min(number, has));
      }
    }
  }
  return { upTo, leftOut };
}

function isWhole({ author, numbers }: Statement, here: Numbers): boolean {
  return (numbers.get(author) ?? 0) <= (here.get(author) ?? 0);
}

function nameOf(key: Uint8Array): string {
  return String.fromCharCode(...key);
}
