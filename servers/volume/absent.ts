import type { Call } from "../../9p/mod.ts";
import type { Contents } from "./contents.ts";
import type { VolumeStore } from "./store.ts";

/** What comes is read at once; if something else is missing then, that is no matter of waiting. */
const TRIES_MAX = 3;
/** Contents are cut anew around what changes in them: so far a change reaches, or hardly ever farther. */
const AROUND_BYTES = 1024 * 1024;

/** A part of contents that could not be read. */
export interface Unread {
  /** The settled version, which is what may not be here. */
  content(): Uint8Array | null | undefined;
  readonly offset: number;
  readonly count: number;
  /** Reads it once more. */
  read(into: Uint8Array): number;
}

/** Reads again what could not be read, as `thrown` says, once other copies have given what is not here; throws that at once where it is no matter of this. */
export function readWhenHere(
  store: VolumeStore,
  unread: Unread,
  thrown: unknown,
  call: Call,
): Promise<Uint8Array> {
  if (!isAbsent(store, unread)) throw thrown;
  return read(store, unread, thrown, call.signal);
}

async function read(
  store: VolumeStore,
  unread: Unread,
  thrown: unknown,
  signal: AbortSignal,
): Promise<Uint8Array> {
  const { content, offset, count } = unread;
  for (let tries = 0; tries < TRIES_MAX && isAbsent(store, unread); tries++) {
    await store.fetch(content()!, offset, offset + count, signal);
    const into = new Uint8Array(count);
    try {
      return into.subarray(0, unread.read(into));
    } catch (again) {
      thrown = again;
    }
  }
  throw thrown;
}

function isAbsent(store: VolumeStore, { content, offset, count }: Unread): boolean {
  if (!store.hasAbsent) return false;
  const stored = content();
  return !!stored && store.lacks(stored, offset, offset + count);
}

/** What to wait for before bytes are written or cut: what is to become a version takes what is around them. */
export function whenHere(
  store: VolumeStore,
  contents: Contents,
  [start, end]: readonly [number, number],
  call: Call,
): Promise<void> | undefined {
  // Of most volumes everything is here, and most files are new.
  if (!store.hasAbsent) return undefined;
  const content = contents.settledContent(store);
  if (content === null) return undefined;
  const from = Math.max(0, Math.min(start, contents.size) - AROUND_BYTES);
  const to = end + AROUND_BYTES;
  return store.lacks(content, from, to, true) ? store.fetch(content, from, to, call.signal, true) : undefined;
}
