/** What copies on folders of this machine hand to each other, for tests, without the exchange that is for that. */
import { Buffer } from "node:buffer";
import { DatabaseSync } from "node:sqlite";
import { join } from "node:path";
import { ChunkReader, Packs } from "../chunks/mod.ts";
import { realDisk } from "../disk/mod.ts";
import { copyKey } from "../record/mod.ts";
import { ChunkRows, Journal } from "../store/mod.ts";
import { authorBytes, authorOf } from "../tree/mod.ts";
import { DATABASE, type News, PACKS } from "../volume/mod.ts";

/** What the copy in one folder has and that in the other has not. Both may be open. */
export function newsFrom(from: string, to: string): News {
  using theirs = opened(from);
  using ours = opened(to);
  const there = new Map(authorsOf(ours.value).map(({ author, number }) => [hex(author), number]));
  const [{ author }] = authorsOf(theirs.value);
  const secret = metaOf(theirs.value, "secret") as Uint8Array;
  const journal = new Journal(theirs.value, { author: authorOf(author), key: copyKey(secret) });
  const records = journal.after(0, 1_000_000).filter(({ record: { author, number } }) =>
    number > (there.get(hex(authorBytes(author))) ?? 0)
  ).map(({ record, hash, signature }) => ({ record, hash, signature }));
  return { records, chunks: [...missing(from, to)] };
}

function authorsOf(db: DatabaseSync): { author: Uint8Array; number: number }[] {
  return db.prepare("SELECT author, number FROM author").all() as { author: Uint8Array; number: number }[];
}

function metaOf(db: DatabaseSync, key: string): unknown {
  return db.prepare("SELECT value FROM meta WHERE key = ?").get(key)?.value;
}

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString("hex");
}

/** Chunks that the copy in one folder has and that in the other has not. */
function* missing(from: string, to: string): Generator<Uint8Array> {
  using theirs = opened(from);
  using ours = opened(to);
  const key = metaOf(theirs.value, "key") as Uint8Array;
  const packs = new Packs(realDisk(from), PACKS);
  const reader = new ChunkReader({ packs, index: new ChunkRows(theirs.value), key });
  const there = new ChunkRows(ours.value);
  const ids = theirs.value.prepare("SELECT id FROM chunk").all() as { id: Uint8Array }[];
  for (const { id } of ids) if (there.find(id) === undefined) yield reader.chunk(id);
  reader.close();
}

function opened(folder: string): { readonly value: DatabaseSync; [Symbol.dispose](): void } {
  const value = new DatabaseSync(join(folder, DATABASE), { readOnly: true });
  return { value, [Symbol.dispose]: () => value.close() };
}

/** A copy of a volume that nobody has open. */
export function copyFolder(from: string, to: string): void {
  Deno.mkdirSync(to);
  for (const { name, isDirectory } of Deno.readDirSync(from)) {
    if (isDirectory) copyFolder(join(from, name), join(to, name));
    else Deno.copyFileSync(join(from, name), join(to, name));
  }
}
