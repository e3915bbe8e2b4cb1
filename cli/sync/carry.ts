import { FRAME, type Frame } from "../../state/volume/mod.ts";
import type { Told, Wish } from "../../state/worker/mod.ts";
import type { End } from "./end.ts";

/** What each of two copies told at the end of an exchange; undefined for one that ended without a word. */
export interface Carried {
  readonly own: Told | undefined;
  readonly other: Told | undefined;
}

/**
 * Carries an exchange between two copies, each of which is told what is wanted of it, until both have ended, or one of them could not go on. `onTold` hears what the own one tells meanwhile. Throws what `signal` is
 * aborted with; what was acknowledged by then stays.
 */
export async function carry(
  own: End,
  other: End,
  wishes: readonly [Partial<Wish>, Partial<Wish>],
  signal: AbortSignal,
  onTold: (told: Told) => void = () => {},
): Promise<Carried> {
  await own.write(wordOf(wishes[0]));
  await other.write(wordOf(wishes[1]));
  const told: { own?: Told; other?: Told } = {};
  const stopped = new AbortController();
  // Of each exchange its own, as a signal keeps whoever listened to it.
  const either = AbortSignal.any([signal, stopped.signal]);

  async function pump(from: End, to: End, who: "own" | "other"): Promise<void> {
    for (;;) {
      const frames = await from.read(either);
      if (frames.length === 0) {
        const last = told[who];
        // The other one would wait for what never comes.
        if (last === undefined || "failed" in last || "progress" in last) stopped.abort();
        return;
      }
      for (const frame of frames) {
        if (frame.kind === FRAME.word) {
          told[who] = JSON.parse(new TextDecoder().decode(frame.payload)) as Told;
          if (who === "own") onTold(told[who]);
        } else {
          // One that has ended hears no more, and has told why.
          await to.write(frame).catch(() => {});
        }
      }
    }
  }

  await Promise.all([pump(own, other, "own"), pump(other, own, "other")]).catch((thrown) => {
    if (signal.aborted || !stopped.signal.aborted) throw thrown;
  });
  return { own: told.own, other: told.other };
}

export function wordOf(value: unknown): Frame {
  return { kind: FRAME.word, payload: new TextEncoder().encode(JSON.stringify(value)) };
}
