import assert from "node:assert/strict";
import { DatabaseSync } from "node:sqlite";
import { Errno, S } from "../../9p/mod.ts";
import { verify } from "../worker/mod.ts";
import { DATABASE, GUARD, VolumeStore } from "./mod.ts";

const ROOT_INO = 1;
const time = { sec: 1_700_000_000, nsec: 5 };

/** Makes a file with these bytes, which is a version when this resolves. */
async function put(store: VolumeStore, name: string, bytes: Uint8Array): Promise<number> {
  const ino = store.nextIno();
  const common = { by: "me", time };
  store.append({
    ...{ kind: "create", ...common, ino, parent: ROOT_INO, eid: store.nextEid(), name },
    ...{ mode: S.IFREG | 0o644, uid: "me", gid: "us", flags: 0, rdev: 0, target: "" },
  });
  store.append({ kind: "write", ...common, ino, offset: 0, bytes });
  store.append({ kind: "settle", ...common, ino });
  await store.caughtUp();
  return ino;
}

function get(store: VolumeStore, ino: number): Uint8Array {
  const { size, content } = store.index.node(ino)!;
  const into = new Uint8Array(size);
  store.openContent(content!).read(0, into);
  return into;
}

const contents = (seed: number) =>
  Uint8Array.from({ length: 100_000 }, (_, i) => Math.imul(i + seed, 0x9e3779b1) >>> 24);

/** A folder with a volume that has one file, and which is closed. */
async function withVolume(act: (folder: string, ino: number) => Promise<void>): Promise<void> {
  const folder = await Deno.makeTempDir({ prefix: "lux9-store-" });
  try {
    const store = await VolumeStore.open(folder);
    const ino = await put(store, "file", contents(1));
    await store.close();
    await act(folder, ino);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

function flip(path: string, at: number): void {
  using file = Deno.openSync(path, { read: true, write: true });
  const byte = new Uint8Array(1);
  file.seekSync(at, Deno.SeekMode.Start);
  file.readSync(byte);
  byte[0] ^= 4;
  file.seekSync(at, Deno.SeekMode.Start);
  file.writeSync(byte);
}

/** Changes the database past what guards its pages. */
function edit(folder: string, act: (db: DatabaseSync) => void): void {
  const db = new DatabaseSync(`${folder}/${DATABASE}`);
  act(db);
  db.close();
  Deno.removeSync(`${folder}/${GUARD}`);
}

Deno.test("a volume of a newer version is refused, and left as it is", async () => {
  await withVolume(async (folder) => {
    edit(folder, (db) => db.exec("PRAGMA user_version = 99"));
    await assert.rejects(VolumeStore.open(folder), /format 99 of a newer lux9/);
    assert.match(verify(folder).problems[0], /format 99/);
  });
});

Deno.test("what is appended while the log is synced is applied as well, when nothing comes after it", async () => {
  await withVolume(async (folder, ino) => {
    const store = await VolumeStore.open(folder, { gatherMs: 1 });
    const { log } = store;
    const append = () => store.append({ kind: "settle", by: "me", time, ino });
    const sync = log.sync.bind(log);
    log.sync = () => {
      log.sync = sync;
      const synced = sync();
      append();
      return synced;
    };
    append();
    const until = performance.now() + 5000;
    while ((log.sync !== sync || store.index.applied < log.last) && performance.now() < until) {
      await new Promise((wake) => setTimeout(wake, 10));
    }
    assert.equal(store.index.applied, log.last);
    await store.close();
  });
});

Deno.test("a flipped bit in a pack is found, named, and never served", async () => {
  await withVolume(async (folder, ino) => {
    flip(`${folder}/packs/000001`, 40_000);
    assert.match(
      verify(folder).problems.join("\n"),
      /Chunk [0-9a-f]+ is damaged: the \d+ bytes at \d+ of packs\/000001/,
    );
    const store = await VolumeStore.open(folder);
    assert.throws(() => get(store, ino), /is damaged/);
    // The rest goes on.
    assert.deepEqual(get(store, await put(store, "other", contents(2))), contents(2));
    await store.close();
  });
});

Deno.test("a flipped bit in a row of the index is found, named, and never served", async () => {
  for (const table of ["node", "edge"]) {
    await withVolume(async (folder, ino) => {
      edit(folder, (db) => {
        const { data } = db.prepare("SELECT data FROM node WHERE ino = ?").get(ino) as { data: Uint8Array };
        data[30] ^= 4;
        if (table === "node") db.prepare("UPDATE node SET data = ? WHERE ino = ?").run(data, ino);
        else db.exec("UPDATE edge SET name = 'fime' WHERE name = 'file'");
      });
      assert.match(verify(folder).problems.join("\n"), /does not match its checksum/);
      const store = await VolumeStore.open(folder);
      if (table === "node") assert.throws(() => store.index.node(ino), /does not match its checksum/);
      else assert.throws(() => store.index.edge(ROOT_INO, "fime"), /does not match its checksum/);
      await store.close();
    });
  }
});

Deno.test("a flipped bit in a row of the documents' tree is found and named", async () => {
  for (const table of ["tree_node", "tree_edge"]) {
    await withVolume((folder) => {
      const db = new DatabaseSync(`${folder}/${DATABASE}`);
      const { data } = db.prepare(`SELECT data FROM ${table} LIMIT 1`).get() as { data: Uint8Array };
      const flipped = data.slice();
      flipped[10] ^= 4;
      db.prepare(`UPDATE ${table} SET data = ? WHERE data = ?`).run(flipped, data);
      db.close();
      assert.match(verify(folder).problems.join("\n"), /The tree's row of .* does not match its checksum/);
      return Promise.resolve();
    });
  }
});

Deno.test("a flipped bit in the journal or in a document is found and named", async () => {
  const cases = [
    [
      "UPDATE change SET bytes = CAST(x'00' || substr(bytes, 2) AS BLOB) WHERE id = 2",
      /its hash is not that of what is in it/,
    ],
    ["UPDATE journal SET time = time + 1 WHERE id = 2", /its hash is not that of what is in it/],
    ["UPDATE journal SET previous = zeroblob(32) WHERE id = 2", /its hash is not|does not follow/],
    ["UPDATE journal SET signature = zeroblob(64) WHERE id = 2", /its signature is not that of its author/],
    ["DELETE FROM journal WHERE id = 2", /is not there, and what it set is|after number 1/],
    ["UPDATE author SET number = number + 1", /where .* is due/],
  ] as const;
  for (const [sql, expected] of cases) {
    await withVolume(async (folder) => {
      const store = await VolumeStore.open(folder);
      await put(store, "other", contents(3));
      await store.close();
      const db = new DatabaseSync(`${folder}/${DATABASE}`);
      db.exec(sql);
      db.close();
      assert.match(verify(folder).problems.join("\n"), expected, sql);
    });
  }
});

Deno.test("operations that were torn out of the log's end are gone, and those before them are there", async () => {
  const folder = await Deno.makeTempDir({ prefix: "lux9-store-" });
  try {
    // A Worker that is never told of what was logged: as if the process had died before it was applied.
    const store = await VolumeStore.open(folder, { gatherMs: 1e9 });
    const inos: number[] = [];
    for (let i = 0; i < 3; i++) {
      const ino = store.nextIno();
      inos.push(ino);
      store.append({
        ...{ kind: "create", by: "me", time, ino, parent: ROOT_INO, eid: store.nextEid(), name: `file ${i}` },
        ...{ mode: S.IFREG | 0o644, uid: "me", gid: "us", flags: 0, rdev: 0, target: "" },
      });
      store.append({ kind: "write", by: "me", time, ino, offset: 0, bytes: contents(i) });
    }
    store.abandon();
    const segment = `${folder}/log/${[...Deno.readDirSync(`${folder}/log`)][0].name}`;
    Deno.truncateSync(segment, Deno.statSync(segment).size - 50_000);
    const again = await VolumeStore.open(folder);
    assert.deepEqual(get(again, inos[0]), contents(0));
    assert.deepEqual(get(again, inos[1]), contents(1));
    assert.equal(again.index.node(inos[2])!.size, 0);
    // Numbers go on behind all that there are.
    assert.ok(await put(again, "next", contents(9)) > inos[2]);
    await again.close();
    assert.deepEqual(verify(folder).problems, []);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("the database's own log begins anew while a volume is written, though its index is always looked at", async () => {
  const folder = await Deno.makeTempDir({ prefix: "lux9-store-" });
  try {
    const store = await VolumeStore.open(folder, { gatherMs: 0, checkpointOperations: 20 });
    const sizes: number[] = [];
    for (let i = 0; i < 120; i++) {
      await put(store, `file ${i}`, contents(i).subarray(0, 5000));
      sizes.push(Deno.statSync(`${folder}/${DATABASE}-wal`).size);
    }
    // It holds what came since the last checkpoint, which is a little more the larger the tree; else it would double.
    assert.ok(sizes[119] < 1.4 * Math.max(...sizes.slice(0, 60)), `${sizes[59]} bytes, then ${sizes[119]}`);
    await store.close();
    assert.deepEqual(verify(folder).problems, []);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("a volume that a node has open is refused to another, whatever home it is reached by", async () => {
  await withVolume(async (folder) => {
    const store = await VolumeStore.open(folder);
    await assert.rejects(VolumeStore.open(folder), /Another node has the volume in .* open/);
    const other = `${folder}-other`;
    Deno.symlinkSync(folder, other);
    await assert.rejects(VolumeStore.open(other), { errno: Errno.EBUSY });
    Deno.removeSync(other);
    await store.close();
    await (await VolumeStore.open(folder)).close();
  });
});

Deno.test("a volume that is abandoned while its log is synced has no trouble to tell of", async () => {
  await withVolume(async (folder, ino) => {
    const told: string[] = [];
    const store = await VolumeStore.open(folder, { gatherMs: 0, onTrouble: (message) => told.push(message) });
    const synced = Promise.withResolvers<void>();
    const { sync } = store.log;
    store.log.sync = async () => {
      await sync.call(store.log);
      store.abandon();
      // Whoever waits for the next one finds the log closed.
      await sync.call(store.log).finally(() => setTimeout(synced.resolve, 0));
    };
    store.append({ kind: "write", by: "me", time, ino, offset: 0, bytes: new Uint8Array(9) });
    await synced.promise;
    assert.deepEqual(told, []);
  });
});

Deno.test("a start that fails leaves the database and its guard to the next one as they belong together", async () => {
  const top = await Deno.makeTempDir({ prefix: "lux9-store-" });
  try {
    const [folder, left] = [`${top}/volume`, `${top}/left`];
    Deno.mkdirSync(folder);
    await (await VolumeStore.open(folder)).close();
    const killed = await VolumeStore.open(folder);
    await put(killed, "file", contents(1));
    killed.abandon();
    // What the killed process left, in another folder, as this one still has the index open.
    for (const at of ["", "/log", "/packs"]) {
      Deno.mkdirSync(left + at);
      for (const { name, isFile } of Deno.readDirSync(folder + at)) {
        if (isFile) Deno.copyFileSync(`${folder}${at}/${name}`, `${left}${at}/${name}`);
      }
    }
    const segment = `${left}/log/${[...Deno.readDirSync(`${left}/log`)][0].name}`;
    Deno.renameSync(segment, `${top}/segment`);
    Deno.mkdirSync(segment);
    await assert.rejects(VolumeStore.open(left), /0000000001/);
    Deno.removeSync(segment);
    Deno.renameSync(`${top}/segment`, segment);
    // A Worker that ends takes its time to close what it has open.
    await new Promise((wake) => setTimeout(wake, 1000));
    const store = await VolumeStore.open(left, { onTrouble: assert.fail });
    assert.ok(store.index.edge(ROOT_INO, "file"));
    await store.close();
    assert.deepEqual(verify(left).problems, []);
  } finally {
    await Deno.remove(top, { recursive: true });
  }
});
