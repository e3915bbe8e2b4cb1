import { NineError } from "../error.ts";
import type { U64 } from "../qid.ts";
import { checkName } from "../server/names.ts";
import type { Page, RemoteEntry } from "./dialects/verbs.ts";
import { verbsOf } from "./dialects/verbs_of.ts";
import type { RemoteFile } from "./file.ts";

/** What one request of a listing asks for at most, bytes. */
const PAGE_BYTES = 64 * 1024;

/** All entries of an open directory, from its start. */
export async function* list(dir: RemoteFile, signal?: AbortSignal): AsyncGenerator<RemoteEntry> {
  let at: U64 = 0;
  while (true) {
    const page = await readPage(dir, at, PAGE_BYTES, signal);
    if (page.isEnd) return;
    yield* page.entries;
    at = page.next;
  }
}

/**
 * About `bytes` bytes of entries from `at` on: 0, a page's `next`, or in .L any entry's cookie. Throws EPROTO for a name that no file can
 * have: whoever gets a name from here may use it in a path.
 */
export async function readPage(dir: RemoteFile, at: U64, bytes: number, signal?: AbortSignal): Promise<Page> {
  const page = await verbsOf(dir.client).list(dir.fid, at, Math.min(bytes, dir.iounit), signal);
  if (!page.isEnd && page.next === at) {
    throw new NineError("EPROTO", `The server's listing stands still at ${at}`);
  }
  for (const { name } of page.entries) {
    try {
      checkName(name);
    } catch {
      throw new NineError(
        "EPROTO",
        `The server lists ${JSON.stringify(name.slice(0, 300))}, which is no name of a file`,
      );
    }
  }
  return page;
}
