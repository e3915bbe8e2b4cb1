import type { DatabaseSync } from "node:sqlite";
import { S, type Timestamp } from "../../9p/mod.ts";
import { type IndexWriter, type NodeRow, run } from "../store/mod.ts";
import { ROOT } from "../tree/mod.ts";
import type { Owned } from "../volume/mod.ts";
import type { DocumentKeeper } from "./documents.ts";
import { secretIn } from "./key_file.ts";
import type { Surroundings } from "./surroundings.ts";

export const ROOT_INO = 1;

/** What tells a new volume from all others. `keyFile`: where the home has its key. */
export function nameVolume(
  db: DatabaseSync,
  index: IndexWriter,
  { randomBytes }: Surroundings,
  keyFile: string | undefined,
): void {
  run(db, "BEGIN IMMEDIATE");
  index.setMeta("volume", crypto.randomUUID());
  index.setMeta("incarnation", randomBytes(8));
  index.setMeta("key", randomBytes(32));
  index.setMeta("secret", secretIn(keyFile));
  run(db, "COMMIT");
}

/** A new volume has nothing but its root. */
export function addRoot(index: IndexWriter, documents: DocumentKeeper, { uid, gid }: Owned): void {
  index.begin();
  const now = timestamp(Date.now());
  const root: NodeRow = {
    ...{ ino: ROOT_INO, mode: S.IFDIR | 0o755, uid, gid, muid: uid, flags: 0, nlink: 1, size: 0, folders: 0 },
    ...{ rdev: 0, target: "", version: 0, content: null, atime: now, mtime: now, ctime: now, btime: now },
  };
  index.addNode(root, ROOT);
  documents.createRoot(root);
  documents.commit(index.seq, now.sec);
  index.commit(0);
}

function timestamp(ms: number): Timestamp {
  const sec = Math.floor(ms / 1000);
  return { sec, nsec: (ms - sec * 1000) * 1_000_000 };
}
