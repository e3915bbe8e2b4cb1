import { FRAME } from "../../state/volume/mod.ts";
import { bothEnds } from "./both_ends.ts";
import { wordOf } from "./carry.ts";
import type { End } from "./end.ts";
import type { Pair } from "./pairs.ts";
import type { Side } from "./side.ts";

/** Carries what is read on one of two copies and only the other one has, until either has enough of it or `signal` is aborted. */
export async function stand(
  { here, there }: Pair,
  mine: Side,
  theirs: Side,
  signal: AbortSignal,
): Promise<void> {
  const [own, other] = await bothEnds(mine.end(here), theirs.end(there));
  const over = new AbortController();
  const either = AbortSignal.any([signal, over.signal]);
  const pump = async (from: End, to: End) => {
    try {
      await from.write(wordOf({ do: "fetch" }));
      for (;;) {
        const frames = await from.read(either);
        if (frames.length === 0) return;
        for (const frame of frames) if (frame.kind === FRAME.message) await to.write(frame);
      }
    } finally {
      over.abort();
    }
  };
  try {
    // Whatever ends it, whoever watches begins it anew.
    await Promise.allSettled([pump(own, other), pump(other, own)]);
  } finally {
    await own.close();
    await other.close();
  }
}

/** The volumes of which that goes on. */
export class Stands implements AsyncDisposable {
  readonly #open = new Map<string, Promise<void>>();
  readonly #aborter = new AbortController();

  constructor(readonly mine: Side, readonly theirs: Side) {}

  /** Begins it where it does not go on. */
  open(pair: Pair): void {
    if (this.#open.has(pair.here)) return;
    const over = stand(pair, this.mine, this.theirs, this.#aborter.signal).catch(() => {});
    this.#open.set(pair.here, over.finally(() => this.#open.delete(pair.here)));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#aborter.abort();
    await Promise.all(this.#open.values());
  }
}
