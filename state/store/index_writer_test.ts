import assert from "node:assert/strict";
import { IndexWriter, openDatabase } from "./mod.ts";

Deno.test("a transaction that the disk has no room for is as if it had not begun, and the next one goes", async () => {
  const folder = await Deno.makeTempDir({ prefix: "lux9-index-" });
  const db = openDatabase(`${folder}/index.sqlite`);
  try {
    const index = new IndexWriter(db);
    const add = (from: number, to: number) => {
      index.begin();
      for (let eid = from; eid < to; eid++) index.addEdge(1, { eid, name: `${eid}`.repeat(200), ino: 1 });
      index.commit(to);
    };
    add(1, 10);
    const { page_count: pages } = db.prepare("PRAGMA page_count").get() as { page_count: number };
    db.exec(`PRAGMA max_page_count = ${pages + 10}`);
    assert.throws(() => add(10, 1000), /full/);
    // SQLite has rolled it back by itself.
    assert.equal(db.isTransaction, false);
    index.rollback();
    assert.equal(index.meta("applied"), 10);
    assert.equal(index.edge(1, "10".repeat(200)), undefined);
    add(10, 20);
    assert.equal(index.meta("applied"), 20);
  } finally {
    db.close();
    await Deno.remove(folder, { recursive: true });
  }
});
