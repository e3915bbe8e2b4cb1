import { randomBytes } from "node:crypto";
import type { DatabaseSync } from "node:sqlite";
import { automerge, loadWithChanges } from "../automerge/mod.ts";
import { copyKey, newCopyKey } from "../record/mod.ts";
import { type IndexWriter, Journal, run, SqliteTreeIndex, StoredDocuments } from "../store/mod.ts";
import { authorOf, directoryOf, type DocId, packValue, parseKey, View } from "../tree/mod.ts";

/**
 * Writes the documents of a volume of format 3 anew, whose values did not tell which record they came with, and the rows of their tree. The volume
 * gets a new incarnation, since what the older one wrote are no records of today, and they are taken to have come with the first record of that.
 */
export function bringFromFormat3(db: DatabaseSync, index: IndexWriter): void {
  run(db, "BEGIN IMMEDIATE");
  try {
    index.setMeta("incarnation", new Uint8Array(randomBytes(8)));
    index.setMeta("secret", newCopyKey());
    const author = authorOf(index.meta("incarnation") as Uint8Array);
    const ids = db.prepare("SELECT doc, seq, saved FROM extent LEFT JOIN document ON id = doc").all();
    const changesOf = db.prepare("SELECT bytes FROM change_before WHERE doc = ? AND seq > ? ORDER BY seq");
    const actor = randomBytes(16).toString("hex");
    db.exec("DELETE FROM document; DELETE FROM extent; DELETE FROM tree_node; DELETE FROM tree_edge");
    const documents = new StoredDocuments(db, automerge);
    const view = new View(new SqliteTreeIndex(db), (id) => documents.get(id), () => "unmergeable");
    for (
      const { doc, seq, saved } of ids as unknown as { doc: DocId; seq: number; saved: Uint8Array | null }[]
    ) {
      const changes = (changesOf.all(doc, seq) as { bytes: Uint8Array }[]).map(({ bytes }) => bytes);
      const old = loadWithChanges(doc, saved ?? new Uint8Array(), changes, actor);
      const next = documents.create(doc);
      for (const key of old.keys()) {
        const node = parseKey(key)?.node ?? directoryOf(doc);
        // Nobody but this copy ever wrote, so a key has one value.
        const [payload] = old.get(key);
        if (payload) next.set(key, [packValue(payload, node, { author, number: 1 })]);
      }
      next.commit();
      old.free();
      documents.received([doc], 0);
      view.update(new Map([[doc, next.keys()]]));
    }
    documents.free();
    const journal = new Journal(db, { author, key: copyKey(index.meta("secret") as Uint8Array) });
    const { time } = db.prepare("SELECT max(time) AS time FROM moment").get() as { time: number | null };
    journal.append(index.seq + 1, time ?? 0, Number(index.meta("clock") ?? 0), [new Map()]);
    index.setMeta("seq", index.seq += 1);
    db.exec("DROP TABLE change_before; DELETE FROM meta WHERE key = 'isOfFormat3'");
    run(db, "COMMIT");
  } catch (thrown) {
    if (db.isTransaction) run(db, "ROLLBACK");
    throw thrown;
  }
}
