import assert from "node:assert/strict";
import { DatabaseSync } from "node:sqlite";
import { realDisk } from "../disk/mod.ts";
import { VolumeStore } from "../volume/mod.ts";
import { DatabaseGuard } from "./database_guard.ts";
import { readWal } from "./database_wal.ts";
import { verify } from "../worker/mod.ts";
import { DATABASE, DATABASE_LOG, GUARD } from "./layout.ts";

const time = { sec: 1_700_000_000, nsec: 0 };
const PAGE = 4096;

async function withFolder(act: (folder: string) => Promise<void>): Promise<void> {
  const folder = await Deno.makeTempDir({ prefix: "lux9-guard-" });
  try {
    await act(folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

function mkdir(store: VolumeStore, name: string): void {
  store.append({
    ...{ kind: "create", by: "me", time, ino: store.nextIno(), parent: 1, eid: store.nextEid(), name },
    ...{ mode: 0o40755, uid: "me", gid: "us", flags: 0, rdev: 0, target: "" },
  });
}

/** A volume that is closed. */
async function make(folder: string): Promise<void> {
  const store = await VolumeStore.open(folder);
  for (let i = 0; i < 300; i++) mkdir(store, `directory ${i}`);
  await store.close();
}

function change(path: string, act: (bytes: Uint8Array) => void): void {
  const bytes = Deno.readFileSync(path);
  act(bytes);
  Deno.writeFileSync(path, bytes);
}

Deno.test("a damaged page of the database is named by verify and mended at the next start", async () => {
  await withFolder(async (folder) => {
    await make(folder);
    const whole = Deno.readFileSync(`${folder}/${DATABASE}`);
    for (let page = 0; page < whole.length / PAGE; page += 3) {
      change(`${folder}/${DATABASE}`, (bytes) => bytes.fill(0xee, page * PAGE, page * PAGE + 512));
      {
        using guard = new DatabaseGuard(realDisk(folder));
        assert.deepEqual([...guard.damage()], [
          `Page ${page + 1} of ${DATABASE} does not match its checksum in ${GUARD}`,
        ]);
      }
      using guard = new DatabaseGuard(realDisk(folder));
      assert.deepEqual(guard.open(Infinity), [`Page ${page + 1} of ${DATABASE} was damaged, and is mended`]);
      assert.deepEqual(Deno.readFileSync(`${folder}/${DATABASE}`), whole);
    }
  });
});

Deno.test("an empty database without a guard is a volume that is just being made, and nothing is told of it", async () => {
  await withFolder(async (folder) => {
    const db = new DatabaseSync(`${folder}/${DATABASE}`);
    db.exec("PRAGMA auto_vacuum = INCREMENTAL; PRAGMA journal_mode = WAL");
    db.close();
    assert.equal(Deno.statSync(`${folder}/${DATABASE}`).size, PAGE);
    const store = await VolumeStore.open(folder, { onTrouble: assert.fail });
    await store.close();
  });
});

Deno.test("a volume of which more pages are damaged than can be mended is refused, and named", async () => {
  await withFolder(async (folder) => {
    await make(folder);
    change(`${folder}/${DATABASE}`, (bytes) => bytes.fill(0xee, 2 * PAGE, 4 * PAGE));
    assert.match(verify(folder).problems.join(), /Page 3 of index.sqlite.*Page 4 of index.sqlite/);
    await assert.rejects(VolumeStore.open(folder), /index.sqlite is damaged in pages 3, 4, .* from a copy/);
  });
});

Deno.test("a database that is gone is not begun anew where there are contents of it", async () => {
  await withFolder(async (folder) => {
    const store = await VolumeStore.open(folder);
    const ino = store.nextIno();
    store.append({
      ...{ kind: "create", by: "me", time, ino, parent: 1, eid: store.nextEid(), name: "file" },
      ...{ mode: 0o100644, uid: "me", gid: "us", flags: 0, rdev: 0, target: "" },
    });
    store.append({ kind: "write", by: "me", time, ino, offset: 0, bytes: new Uint8Array(9) });
    store.append({ kind: "settle", by: "me", time, ino });
    await store.close();
    for (const files of [[DATABASE], [DATABASE, GUARD]]) {
      for (const file of files) Deno.truncateSync(`${folder}/${file}`, 0);
      await assert.rejects(VolumeStore.open(folder), /is damaged in pages 1, 2|is gone or empty/);
    }
  });
});

Deno.test("pages that another program wrote are taken where all rows are as they should be", async () => {
  await withFolder(async (folder) => {
    await make(folder);
    const db = new DatabaseSync(`${folder}/${DATABASE}`);
    db.exec("VACUUM");
    db.close();
    const troubles: string[] = [];
    const store = await VolumeStore.open(folder, { onTrouble: (message) => troubles.push(message) });
    assert.match(troubles.join(), /yet all rows are as they should be/);
    assert.ok(store.index.edge(1, "directory 299"));
    await store.close();
    assert.deepEqual(verify(folder).problems, []);
  });
});

Deno.test("a guard of a newer version is refused, and one that is not there is made", async () => {
  await withFolder(async (folder) => {
    await make(folder);
    const troubles: string[] = [];
    Deno.removeSync(`${folder}/${GUARD}`);
    assert.match(verify(folder).problems.join(), /There is no index.guard/);
    await (await VolumeStore.open(folder, { onTrouble: (message) => troubles.push(message) })).close();
    assert.deepEqual(troubles, [`${GUARD} was not there, and was made`]);
    assert.deepEqual(verify(folder).problems, []);
    const { crc32 } = await import("node:zlib");
    change(`${folder}/${GUARD}`, (bytes) => {
      for (const at of [0, 2048]) {
        bytes[at + 7]++;
        new DataView(bytes.buffer).setUint32(at + 36, crc32(bytes.subarray(at, at + 36)), true);
      }
    });
    await assert.rejects(
      VolumeStore.open(folder),
      /index.guard has the format LUX9GRD2 .* use the newer one/,
    );
  });
});

Deno.test("readWal reads the database's log as SQLite does, and tells a bad frame from an unfinished one", async () => {
  await withFolder(async (folder) => {
    const store = await VolumeStore.open(folder, { gatherMs: 0 });
    for (let i = 0; i < 5; i++) {
      mkdir(store, `directory ${i}`);
      await store.caughtUp();
    }
    const disk = realDisk(folder);
    const wal = disk.open(DATABASE_LOG);
    const whole = readWal(wal, true);
    assert.equal(whole.frames, whole.found);
    assert.equal(whole.isDamaged, false);
    assert.deepEqual(readWal(wal, false), whole);
    const bytes = Deno.readFileSync(`${folder}/${DATABASE_LOG}`);
    wal.close();
    await store.close();
    const frame = 24 + PAGE;
    const injured = (act: (bytes: Uint8Array) => Uint8Array) => {
      Deno.writeFileSync(`${folder}/copy`, act(bytes.slice(0, 32 + whole.found * frame)));
      const file = disk.open("copy");
      const found = readWal(file, true);
      file.close();
      return found;
    };
    // Salt, page, commit and bytes of a frame in the middle.
    for (const at of [2, 6, 10, 500]) {
      const found = injured((bytes) => {
        bytes[32 + 3 * frame + at] ^= 1;
        return bytes;
      });
      assert.equal(found.isDamaged, true, `${at}`);
      assert.ok(found.frames <= 3);
      assert.equal(found.found, whole.found);
    }
    assert.equal(injured((bytes) => bytes.subarray(0, bytes.length - 1)).isDamaged, false);
    const last = injured((bytes) => {
      bytes[bytes.length - 5] ^= 1;
      return bytes;
    });
    assert.deepEqual([last.isDamaged, last.found], [false, whole.found]);
    assert.ok(last.frames < whole.frames);
    assert.equal(injured((bytes) => bytes.fill(0, 16, 20)).salt, "");
  });
});

Deno.test("verify of a volume that is not there says so, and makes none", async () => {
  await withFolder((folder) => {
    assert.throws(() => verify(`${folder}/none`), /There is no volume in/);
    assert.deepEqual([...Deno.readDirSync(folder)], []);
    return Promise.resolve();
  });
});

Deno.test("a guard that power took before it was written for the first time is made, and nothing is told", async () => {
  await withFolder((folder) => {
    const db = new DatabaseSync(`${folder}/${DATABASE}`);
    db.exec("PRAGMA journal_mode = WAL; PRAGMA wal_autocheckpoint = 0; CREATE TABLE some(value)");
    db.exec("PRAGMA wal_checkpoint(PASSIVE)");
    for (const left of [undefined, new Uint8Array(16_612)]) {
      const there = `${folder}/${left?.length ?? 0}`;
      Deno.mkdirSync(there);
      for (const name of [DATABASE, DATABASE_LOG]) Deno.copyFileSync(`${folder}/${name}`, `${there}/${name}`);
      if (left !== undefined) Deno.writeFileSync(`${there}/${GUARD}`, left);
      using guard = new DatabaseGuard(realDisk(there));
      assert.deepEqual(guard.open(Infinity), []);
    }
    db.close();
    return Promise.resolve();
  });
});

Deno.test("a guard of which power took a part while pages were brought over is no damage, and is whole after the next time", async () => {
  await withFolder((folder) => {
    const db = new DatabaseSync(`${folder}/${DATABASE}`);
    db.exec("PRAGMA auto_vacuum = INCREMENTAL; PRAGMA journal_mode = WAL; PRAGMA wal_autocheckpoint = 0");
    db.exec("PRAGMA synchronous = OFF; CREATE TABLE some(value)");
    const fill = db.prepare("INSERT INTO some VALUES(randomblob(3000))");
    const bringOver = (guard: DatabaseGuard, of: DatabaseSync) => {
      guard.before();
      of.exec("PRAGMA wal_checkpoint(PASSIVE)");
      guard.broughtOver(1);
    };
    using guard = new DatabaseGuard(realDisk(folder));
    guard.open(Infinity);
    bringOver(guard, db);
    for (
      const [what, act] of Object.entries({
        grew: () => {
          for (let i = 0; i < 40; i++) fill.run();
        },
        changed: () => db.exec("UPDATE some SET value = randomblob(3000) WHERE rowid % 9 = 1"),
        shrank: () => db.exec("DELETE FROM some WHERE rowid % 5 = 2; PRAGMA incremental_vacuum(100)"),
      })
    ) {
      const before = Deno.readFileSync(`${folder}/${GUARD}`);
      act();
      bringOver(guard, db);
      const after = Deno.readFileSync(`${folder}/${GUARD}`);
      // The head is written once the rest is durable. Each other sector was written or not.
      for (let of = 0; of < 5; of++) {
        const left = after.slice();
        left.set(before.subarray(0, 4096));
        for (let at = 4096; at < left.length; at += 512) {
          if ((at / 512 * 7 ^ of * 13) % 3 === of % 3) {
            left.fill(0, at, at + 512);
            left.set(before.subarray(at, at + 512), at);
          }
        }
        const there = `${folder}/${what}-${of}`;
        Deno.mkdirSync(there);
        for (const name of [DATABASE, DATABASE_LOG]) {
          Deno.copyFileSync(`${folder}/${name}`, `${there}/${name}`);
        }
        Deno.writeFileSync(`${there}/${GUARD}`, left);
        const whole = Deno.readFileSync(`${there}/${DATABASE}`);
        {
          using looking = new DatabaseGuard(realDisk(there));
          assert.deepEqual([...looking.damage()], [], `${what}, ${of}`);
        }
        using again = new DatabaseGuard(realDisk(there));
        assert.deepEqual(again.open(Infinity), [], `${what}, ${of}`);
        assert.deepEqual(Deno.readFileSync(`${there}/${DATABASE}`), whole);
        const other = new DatabaseSync(`${there}/${DATABASE}`);
        bringOver(again, other);
        again.again();
        const told: string[] = [];
        again.check(Infinity, told);
        assert.deepEqual(told, []);
        other.close();
      }
    }
    db.close();
    return Promise.resolve();
  });
});
