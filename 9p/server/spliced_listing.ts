import type { Entry, Later } from "./file_server.ts";
import { then } from "./file_server.ts";
import type { U64 } from "../qid.ts";

/**
 * A directory's listing with entries of one's own before those of another server. As cookies of that server may be any
 * number, what is given out are positions in this listing, which stay valid as long as the directory is open.
 */
export class SplicedListing {
  /** What the server's cookies were behind our own entries, position by position. */
  readonly #cookies: U64[] = [0];

  /** `rest` lists the other server's entries after a cookie of its own. */
  constructor(
    readonly first: readonly Entry[],
    readonly rest: (cookie: U64, max: number) => Later<Entry[]>,
  ) {}

  list(cookie: U64, max: number): Later<Entry[]> {
    const { first } = this;
    const position = Number(cookie);
    if (position < first.length) {
      return first.slice(position, position + max).map((entry, i) => ({
        ...entry,
        cookie: position + i + 1,
      }));
    }
    const from = this.#cookies[position - first.length];
    if (from === undefined) return [];
    return then(this.rest(from, max), (entries) =>
      entries.map((entry, i) => {
        const at = position - first.length + i + 1;
        this.#cookies[at] = entry.cookie;
        return { ...entry, cookie: first.length + at };
      }));
  }
}
