import type { Ending } from "../sync/mod.ts";
import type { Author } from "../tree/mod.ts";
import type { Keeper } from "./keeper.ts";

/**
 * What this copy is to do after an exchange that ended so, where two copies have one name, or one has forgotten what it wrote: go on under another name, or leave its
 * name to the other one. Undefined where there is nothing to do here. `self`: who it wrote as in the exchange.
 */
export function actAfter(
  keeper: Keeper,
  ending: Ending,
  self: Author,
): ((last: number, held: ReadonlySet<number>) => void) | undefined {
  const isSelf = keeper.author === self;
  if (ending.kind === "older" && ending.whose === "mine") {
    return isSelf && keeper.numberOf(self) < ending.number ? () => keeper.beAnother() : undefined;
  }
  if (ending.kind !== "fork" || !ending.isExact) return undefined;
  const { author, number, lower, isProven } = ending;
  // One of the two has not written anything since.
  if (author === self && isSelf && keeper.numberOf(self) < number) return () => keeper.beAnother();
  // Anybody can make up a hash.
  if (!isProven || lower !== "theirs" || !keeper.hasRecord(author, number)) return undefined;
  return (last, held) => keeper.giveWay(author, number, last, held);
}
