import { Buffer } from "node:buffer";
import type { DatabaseSync } from "node:sqlite";
import type { DatabaseGuard } from "../guard/mod.ts";
import { copyKey, newCopyKey } from "../record/mod.ts";
import { type IndexWriter, Journal } from "../store/mod.ts";
import { authorOf } from "../tree/mod.ts";
import { secretIn } from "./key_file.ts";
import { holdKeys, isTaken } from "./own_key.ts";
import type { Surroundings } from "./surroundings.ts";

export interface AloneOptions {
  readonly db: DatabaseSync;
  readonly index: IndexWriter;
  readonly guard: DatabaseGuard;
  readonly surroundings: Surroundings;
  /** The last operation that is applied. */
  readonly applied: number;
  /** Of the volume. */
  readonly folder: string;
  /** Where the home has its key. */
  readonly keyFile: string | undefined;
}

/**
 * Two stores must not write under one name: a copy of a volume is a new incarnation of it from its first start on, with a key of its own, and so is one that
 * lost what it had written before, with the key that it had. Which records of an author there are, the journal tells; that others may know more of them is for
 * when they meet. `place`: where the volume is.
 */
export function beAlone(options: AloneOptions, place: string): void {
  const { index, guard, surroundings, applied } = options;
  const before = index.meta("place");
  const isCopy = before !== undefined && before !== place;
  const { hasLost } = guard;
  if (before === place && !hasLost) return;
  // The volumes of a home that was copied may be opened all at once.
  using _ = isCopy ? holdKeys(options.folder) : undefined;
  index.begin();
  index.setMeta("place", place);
  if (isCopy) takeKey(options);
  if (isCopy || hasLost) index.setMeta("incarnation", surroundings.randomBytes(8));
  index.commit(applied);
  guard.hasLost = false;
}

/**
 * Whoever has the key that was copied with the volume lets another key in that only this copy has: an incarnation of one record, which everything that
 * is written with the new key comes after.
 */
function takeKey({ db, index, surroundings, folder, keyFile }: AloneOptions): void {
  const before = index.meta("secret") as Uint8Array;
  const ofHome = secretIn(keyFile);
  const isOther = Buffer.compare(ofHome, before) === 0 ||
    isTaken({ folder, volume: index.meta("volume") as string, secret: ofHome });
  const secret = isOther ? newCopyKey() : ofHome;
  const author = authorOf(surroundings.randomBytes(8));
  const journal = new Journal(db, { author, key: copyKey(before) });
  const clock = Number(index.meta("clock") ?? 0);
  journal.append(index.seq, surroundings.nowSec(), clock, [new Map()], [copyKey(secret).publicKey]);
  index.setMeta("secret", secret);
}
