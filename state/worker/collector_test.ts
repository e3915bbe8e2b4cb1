import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { realDisk } from "../disk/mod.ts";
import { LogReader } from "../log/mod.ts";
import { ChunkRowsWriter, Moments, openDatabase, PastReader } from "../store/mod.ts";
import { Collector } from "./collector.ts";
import { ContentWriter } from "./content_writer.ts";
import { FetchedChunks } from "./fetched.ts";
import { DATABASE, LOG } from "../volume/mod.ts";

const DAY_SEC = 24 * 3600;

Deno.test("Collector.thin: whatever time is asked for, what it leads to is whole, however often history was thinned", async () => {
  const seed = Number(Deno.env.get("LUX9_SEED") ?? 1);
  console.log(`seed ${seed}`);
  const below = numbers(seed);
  const folder = await Deno.makeTempDir({ prefix: "lux9-thin-" });
  const db = openDatabase(`${folder}/${DATABASE}`);
  try {
    const disk = realDisk(folder);
    const chunks = new ChunkRowsWriter(db);
    const key = randomBytes(32);
    const contents = new ContentWriter(disk, new LogReader(disk, LOG), chunks, key);
    const collector = new Collector(db, chunks, contents, new FetchedChunks(contents, () => {}));
    const past = new PastReader(db);
    const moments = new Moments(db);
    const addRow = db.prepare("INSERT INTO node_past VALUES(?, ?, ?, x'00')");
    const rows: { readonly since: number; readonly until: number }[] = [];
    const rowsAt = db.prepare("SELECT count(*) AS n FROM node_past WHERE since <= ? AND until > ?");

    let [seq, sec, thinned, older] = [0, 1_700_000_000, 0, 0];
    for (let round = 0; round < 40; round++) {
      for (let i = 0; i < 30; i++) {
        sec += below(DAY_SEC / 6);
        moments.add(++seq, sec);
        const row = { since: 1 + below(seq), until: seq + 1 };
        rows.push(row);
        addRow.run(rows.length, row.since, row.until);
        if (below(40) === 0) {
          db.prepare("INSERT INTO snapshot VALUES(?, ?, ?, 'me')").run(`s${seq}`, seq, sec);
        }
      }
      // A row that ends is of the past from the next record on.
      moments.add(++seq, sec);
      if (below(4) === 0) db.exec("DELETE FROM snapshot WHERE seq IN (SELECT min(seq) FROM snapshot)");
      const everything = below(3);
      const retention = { everything, hourly: everything + below(10), daily: everything + 10 + below(60) };
      thinned += collector.thin(retention, sec + below(DAY_SEC));
      for (let asked = 0; asked < 60; asked++) {
        const at = sec - below(30 * DAY_SEC);
        const found = past.recordAt(at);
        if (found === undefined) continue;
        assert.ok(found.sec <= at);
        const whole = rows.filter(({ since, until }) => since <= found.seq && until > found.seq).length;
        assert.equal((rowsAt.get(found.seq, found.seq) as { n: number }).n, whole, `record ${found.seq}`);
        if (found.sec < sec - 4 * DAY_SEC) older++;
      }
    }
    assert.ok(thinned > 100 && older > 100, `${thinned} rows went, ${older} times were found`);
  } finally {
    db.close();
    await Deno.remove(folder, { recursive: true });
  }
});

/** Whole numbers below `n`, the same for the same seed. */
function numbers(seed: number): (n: number) => number {
  let state = seed;
  return (n) => {
    state = Math.imul(state ^ state >>> 15, 0x2c1b3c6d) + 0x9e3779b9 | 0;
    return ((state ^ state >>> 13) >>> 0) % Math.floor(n);
  };
}
