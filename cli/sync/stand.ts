import { FRAME } from "../../state/volume/mod.ts";
import { bothEnds } from "./both_ends.ts";
import { wordOf } from "./carry.ts";
import type { End } from "./end.ts";
import type { Side } from "./side.ts";

/** Carries what is read on one of two copies and only the other one has, until either has enough of it or `signal` is aborted. */
export async function stand(volume: string, mine: Side, theirs: Side, signal: AbortSignal): Promise<void> {
  const [own, other] = await bothEnds(mine.end(volume), theirs.end(volume));
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
  open(volume: string): void {
    if (this.#open.has(volume)) return;
    const over = stand(volume, this.mine, this.theirs, this.#aborter.signal).catch(() => {});
    this.#open.set(volume, over.finally(() => this.#open.delete(volume)));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#aborter.abort();
    await Promise.all(this.#open.values());
  }
}
