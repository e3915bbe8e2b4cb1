import assert from "node:assert/strict";
import { DatabaseSync } from "node:sqlite";
import { differences, FORMAT, formatOf } from "../store/mod.ts";
import { DATABASE, GUARD, VolumeStore } from "../volume/mod.ts";
import { verify } from "./mod.ts";

Deno.test("a volume of format 1, which could not tell what changed since, is brought to today's", async () => {
  const folder = await Deno.makeTempDir({ prefix: "lux9-store-" });
  try {
    const store = await VolumeStore.open(folder);
    await store.snapshot("then", "me");
    await store.close();
    const db = new DatabaseSync(`${folder}/${DATABASE}`);
    db.exec("DROP INDEX node_past_by_end; DROP INDEX edge_past_by_end");
    // As documents were kept before they were re-rooted: one that was never saved has a row without bytes.
    db.exec(`
      ALTER TABLE document ADD COLUMN seq INTEGER NOT NULL DEFAULT 0;
      ALTER TABLE document ADD COLUMN keys INTEGER NOT NULL DEFAULT 0;
      INSERT OR IGNORE INTO document(id, saved, sum) SELECT doc, x'', 0 FROM extent;
      UPDATE document SET keys = (SELECT keys FROM extent WHERE doc = id);
      DROP TABLE extent; DROP TABLE moment; DROP TABLE chain; PRAGMA user_version = 1;
    `);
    db.close();
    Deno.removeSync(`${folder}/${GUARD}`);
    assert.match(verify(folder).problems[0], /has format 1/);
    const again = await VolumeStore.open(folder);
    const { index } = again;
    const time = { sec: 1, nsec: 0 };
    again.append({
      ...{
        kind: "create",
        by: "me",
        time,
        ino: again.nextIno(),
        parent: 1,
        eid: again.nextEid(),
        name: "new",
      },
      ...{ mode: 0o100644, uid: "me", gid: "us", flags: 0, rdev: 0, target: "" },
    });
    await again.caughtUp();
    const steps = differences(index.past, index.changes, {
      from: index.past.snapshot("then")!.seq,
      to: index.seq,
    });
    let step = steps.next();
    while (!step.done) step = steps.next();
    assert.deepEqual(step.value, [{ kind: "added", path: "/new" }]);
    const [now] = index.past.history(1, 10);
    assert.equal(now.sec, time.sec);
    await again.collect();
    await again.close();
    const after = new DatabaseSync(`${folder}/${DATABASE}`, { readOnly: true });
    assert.equal(formatOf(after), FORMAT);
    const indexes = after.prepare("SELECT name FROM sqlite_master WHERE name LIKE '%_by_end' ORDER BY name")
      .all();
    assert.deepEqual(indexes.map(({ name }) => name), ["edge_past_by_end", "node_past_by_end"]);
    after.close();
    assert.deepEqual(verify(folder).problems, []);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});
