import {
  type Entry,
  NineError,
  readPage,
  type RemoteEntry,
  type RemoteFile,
  type U64,
} from "../../9p/mod.ts";
import type { Life } from "./link.ts";

/** An open remote file. */
export interface Handle {
  readonly life: Life;
  readonly file: RemoteFile;
  /** Writes go to the end, and the dialect has no word for it. */
  readonly appends: boolean;
  /** In 9P2000 and .u: what was listed so far. */
  listing?: Listing;
}

/** In 9P2000 a listing goes on only where the last request ended, so what came is kept for other places to go on. */
interface Listing {
  readonly entries: RemoteEntry[];
  next: U64;
  isEnd: boolean;
}

/** What one entry takes on the wire, about, bytes. */
const ENTRY_BYTES = 32;
const PAGE_BYTES_MIN = 2048;
const PAGE_BYTES_MAX = 64 * 1024;
/** Entries that one open directory may keep in memory. */
const LISTED_MAX = 1_000_000;

/** About `max` entries after `cookie`; none at the end. */
export async function listFrom(
  handle: Handle,
  cookie: U64,
  max: number,
  signal?: AbortSignal,
): Promise<Entry[]> {
  const bytes = Math.min(Math.max(max * ENTRY_BYTES, PAGE_BYTES_MIN), PAGE_BYTES_MAX);
  if (handle.life.client.dialect !== "9P2000.L") {
    return await listClassic(handle, Number(cookie), max, signal);
  }
  let at = cookie;
  while (true) {
    const page = await readPage(handle.file, at, bytes, signal);
    if (page.isEnd || page.entries.length > 0) return page.entries;
    at = page.next;
  }
}

/** Cookies are one more than the entry's index in what was listed. */
async function listClassic(
  handle: Handle,
  cookie: number,
  max: number,
  signal?: AbortSignal,
): Promise<Entry[]> {
  if (cookie === 0 || !handle.listing) handle.listing = { entries: [], next: 0, isEnd: false };
  const { listing } = handle;
  const { entries } = listing;
  while (entries.length <= cookie && !listing.isEnd) {
    const page = await readPage(handle.file, listing.next, PAGE_BYTES_MAX, signal);
    listing.isEnd = page.isEnd;
    listing.next = page.next;
    entries.push(...page.entries);
    if (entries.length > LISTED_MAX) {
      throw new NineError(
        "ENOBUFS",
        `A remote directory of more than ${LISTED_MAX} entries cannot be listed in 9P2000`,
      );
    }
  }
  return entries.slice(cookie, cookie + max).map((entry, i) => ({ ...entry, cookie: cookie + i + 1 }));
}
