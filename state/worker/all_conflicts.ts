import { reasonOf } from "../../9p/mod.ts";
import { FRAME, type FromWorker, type ToWorker } from "../volume/mod.ts";
import type { Conflict } from "./conflicts.ts";
import { parseWish, type Told } from "./exchange_words.ts";

type ExchangeMessage = Extract<ToWorker, { readonly kind: "exchange" }>;

/** Conflicts that are told in one frame: paths may be long. */
const TOLD_AT_ONCE = 100;

/** Whether that frame asks for all conflicts, also those for which every name has to be looked at. */
export function asksForAll({ frame: { kind, payload } }: ExchangeMessage): boolean {
  if (kind !== FRAME.word) return false;
  try {
    const wish = parseWish(payload);
    return wish.do === "conflicts" && wish.all === true;
  } catch {
    // Whoever takes it otherwise says what is wrong with it.
    return false;
  }
}

/** What such a frame is answered with: it is the only one of its exchange. */
export function* tellAll(
  { id, frame }: ExchangeMessage,
  conflicts: () => readonly Conflict[],
): Generator<FromWorker> {
  const told = (word: Told): FromWorker => ({
    ...{ kind: "exchange", id },
    frame: { kind: FRAME.word, payload: new TextEncoder().encode(JSON.stringify(word)) },
  });
  yield { kind: "exchangeTook", id, bytes: frame.payload.byteLength };
  try {
    const all = conflicts();
    // One that has none says so.
    for (let at = 0; at === 0 || at < all.length; at += TOLD_AT_ONCE) {
      yield told({ conflicts: all.slice(at, at + TOLD_AT_ONCE) });
    }
  } catch (thrown) {
    yield told({ failed: reasonOf(thrown) });
  }
  yield { kind: "exchangeEnded", id };
}
