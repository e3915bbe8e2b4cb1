import type { Contents } from "./contents.ts";
import type { VolumeStore } from "./store.ts";

/** What comes is read at once; if something else is missing then, that is no matter of waiting. */
const TRIES_MAX = 3;
/** Contents are cut anew around what changes in them: so far a change reaches, or hardly ever farther. */
const AROUND_BYTES = 1024 * 1024;

/** Reads again what could not be read, as `thrown` says, once other copies have given what is not here; throws that where it is no matter of this. */
export async function readWhenHere(
  store: VolumeStore,
  { content, offset, count, read }: {
    /** The settled version, which is what may not be here. */
    readonly content: () => Uint8Array | null | undefined;
    readonly offset: number;
    readonly count: number;
    read(into: Uint8Array): number;
  },
  thrown: unknown,
  signal: AbortSignal,
): Promise<Uint8Array> {
  for (let tries = 0; tries < TRIES_MAX; tries++) {
    const stored = content();
    if (!stored || !store.lacks(stored, offset, offset + count)) break;
    await store.fetch(stored, offset, offset + count, signal);
    const into = new Uint8Array(count);
    try {
      return into.subarray(0, read(into));
    } catch (again) {
      thrown = again;
    }
  }
  throw thrown;
}

/** What to wait for before bytes are written or cut: what is to become a version takes what is around them. */
export function whenHere(
  store: VolumeStore,
  contents: Contents,
  [start, end]: readonly [number, number],
  signal: AbortSignal,
): Promise<void> | undefined {
  // Of most volumes everything is here, and most files are new.
  if (!store.hasAbsent) return undefined;
  const content = contents.settledContent(store);
  if (content === null) return undefined;
  const from = Math.max(0, Math.min(start, contents.size) - AROUND_BYTES);
  const to = end + AROUND_BYTES;
  return store.lacks(content, from, to, true) ? store.fetch(content, from, to, signal, true) : undefined;
}
