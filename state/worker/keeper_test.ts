import assert from "node:assert/strict";
import { DatabaseSync } from "node:sqlite";
import { Errno, NineError, S } from "../../9p/mod.ts";
import { type Disk, realDisk } from "../disk/mod.ts";
import { DATABASE, GUARD, VolumeStore } from "../volume/mod.ts";
import { DatabaseGuard } from "../guard/mod.ts";
import { durableOf, takeBack } from "./_taken_back.ts";
import { Keeper } from "./keeper.ts";
import { verify } from "./mod.ts";

const ROOT_INO = 1;
const time = { sec: 1_700_000_000, nsec: 5 };
const OPTIONS = { owned: { uid: "me", gid: "us" }, checkpointOperations: 50_000 };

async function withFolder(act: (folder: string) => Promise<void>): Promise<void> {
  const folder = await Deno.makeTempDir({ prefix: "lux9-keeper-" });
  try {
    await act(folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

/** A new file, which is open. */
function create(store: VolumeStore, name: string): number {
  const ino = store.nextIno();
  store.append({
    ...{ kind: "create", by: "me", time, ino, parent: ROOT_INO, eid: store.nextEid(), name },
    ...{ mode: S.IFREG | 0o644, uid: "me", gid: "us", flags: 0, rdev: 0, target: "" },
  });
  return ino;
}

function write(store: VolumeStore, ino: number, offset: number, length: number) {
  const bytes = Uint8Array.from({ length }, (_, i) => Math.imul(i + offset, 0x9e3779b1) >>> 24);
  return store.append({ kind: "write", by: "me", time, ino, offset, bytes });
}

function truncate(store: VolumeStore, ino: number, size: number): void {
  const unchanged = { mode: S.IFREG | 0o644, uid: "me", gid: "us", flags: 0, atime: time, mtime: time };
  store.append({ kind: "attributes", by: "me", time, ino, ...unchanged, size });
}

function settle(store: VolumeStore, ino: number): void {
  store.append({ kind: "settle", by: "me", time, ino });
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
function edit(folder: string, sql: string): void {
  const db = new DatabaseSync(`${folder}/${DATABASE}`);
  db.exec(sql);
  db.close();
  Deno.removeSync(`${folder}/${GUARD}`);
}

/** The disk of a folder, which says what of it was made durable. */
function watched(folder: string, onSynced: (path: string) => void): Disk {
  const real = realDisk(folder);
  return new Proxy(real, {
    get(of, key) {
      if (key !== "open") return Reflect.get(of, key).bind(of);
      return (...[path, options]: Parameters<Disk["open"]>) => {
        const file = of.open(path, options);
        const { syncBlocking } = file;
        file.syncBlocking = () => {
          syncBlocking.call(file);
          onSynced(path);
        };
        return file;
      };
    },
  });
}

Deno.test("what a killed process left of the database is durable before the log is told to lose it", async () => {
  await withFolder(async (folder) => {
    const store = await VolumeStore.open(folder);
    create(store, "file");
    await store.caughtUp();
    // Its rows are in the database's own log, and that one is in the kernel.
    store.abandon();
    assert.ok(Deno.statSync(`${folder}/${DATABASE}-wal`).size > 0);
    const synced: string[] = [];
    using guard = new DatabaseGuard(realDisk(folder));
    guard.open(Infinity);
    using keeper = new Keeper(watched(folder, (path) => synced.push(path)), folder, OPTIONS, guard);
    assert.equal(keeper.needless, 1);
    assert.ok(synced.includes(`${DATABASE}-wal`), `Only ${synced} was synced`);
  });
});

Deno.test("what a start settles is durable before anything comes after it, as no operation of the log says so", async () => {
  await withFolder(async (folder) => {
    const store = await VolumeStore.open(folder);
    write(store, create(store, "file"), 0, 5000);
    await store.caughtUp();
    store.abandon();
    const left = `${folder}/left`;
    Deno.mkdirSync(left);
    const disk = watched(folder, (path) => {
      if (path !== `${DATABASE}-wal`) return;
      for (const name of [DATABASE, path]) Deno.copyFileSync(`${folder}/${name}`, `${left}/${name}`);
    });
    using guard = new DatabaseGuard(realDisk(folder));
    using keeper = new Keeper(disk, folder, OPTIONS, guard);
    assert.deepEqual(keeper.recover(2), []);
    // Or a snapshot that is taken now would be without it, when power is lost and the log is applied again.
    const db = new DatabaseSync(`${left}/${DATABASE}`);
    assert.deepEqual(db.prepare("SELECT * FROM unsettled").all(), []);
    db.close();
  });
});

Deno.test("going back leads to the same snapshot when the database lost what the log has", async () => {
  await withFolder(async (folder) => {
    await (await VolumeStore.open(folder)).close();
    const durable = durableOf(folder);
    let store = await VolumeStore.open(folder);
    const ino = create(store, "file");
    for (let i = 0; i < 5; i++) {
      write(store, ino, 0, 100 + i);
      settle(store, ino);
      await store.caughtUp();
    }
    await store.snapshot("five", "me");
    truncate(store, ino, 7);
    settle(store, ino);
    create(store, "other");
    await store.caughtUp();
    await store.restore("five", [], "before", "me");
    assert.equal(store.index.node(ino)!.size, 104);
    store.abandon();
    // None of the commits reached the disk. What took ten transactions is one when the log is applied again.
    const left = `${folder}/left`;
    takeBack(folder, left, durable);
    store = await VolumeStore.open(left, { onTrouble: assert.fail });
    assert.equal(store.index.node(ino)!.size, 104);
    assert.equal(store.index.edge(ROOT_INO, "other"), undefined);
    await store.close();
    assert.deepEqual(verify(left).problems, []);
  });
});

Deno.test("what going back made is durable before operations name it, as its numbers are none of the log", async () => {
  await withFolder(async (folder) => {
    await (await VolumeStore.open(folder)).close();
    const durable = durableOf(folder);
    const store = await VolumeStore.open(folder);
    const ino = create(store, "file");
    await store.snapshot("one", "me");
    store.append({ kind: "unlink", by: "me", time, ino, parent: ROOT_INO, name: "file", held: false });
    await store.restore("one", [], "before", "me");
    assert.notEqual(store.index.edge(ROOT_INO, "file")!.ino, ino);
    const { last } = store.log;
    store.abandon();

    const [back, left] = [`${folder}/back`, `${folder}/left`];
    takeBack(folder, back, durable);
    Deno.mkdirSync(left);
    const disk = watched(back, (path) => {
      if (path !== `${DATABASE}-wal`) return;
      for (const name of [DATABASE, path]) Deno.copyFileSync(`${back}/${name}`, `${left}/${name}`);
    });
    using guard = new DatabaseGuard(realDisk(back));
    guard.open(Infinity);
    using keeper = new Keeper(disk, back, OPTIONS, guard);
    while (keeper.applied < last) keeper.apply(last, []);
    const db = new DatabaseSync(`${left}/${DATABASE}`);
    assert.deepEqual({ ...db.prepare("SELECT value FROM meta WHERE key = 'applied'").get() }, {
      value: last,
    });
    db.close();
  });
});

Deno.test("a snapshot that is being gone back to goes when that is done", async () => {
  await withFolder(async (folder) => {
    const store = await VolumeStore.open(folder, { onTrouble: assert.fail });
    const ino = create(store, "file");
    write(store, ino, 0, 100);
    settle(store, ino);
    await store.snapshot("first", "me");
    truncate(store, ino, 7);
    settle(store, ino);
    await Promise.all([store.restore("first", [], "before", "me"), store.unsnapshot("first", "me")]);
    assert.equal(store.index.node(ino)!.size, 100);
    assert.deepEqual(store.index.past.snapshots().map(({ name }) => name), ["before"]);
    await store.close();
  });
});

Deno.test("a database that cannot be made durable is not said to be, and is closed again", async () => {
  await withFolder(async (folder) => {
    await (await VolumeStore.open(folder)).close();
    const failing = watched(folder, (path) => {
      throw new NineError("EIO", `${path} cannot be synced`);
    });
    using guard = new DatabaseGuard(realDisk(folder));
    guard.open(Infinity);
    assert.throws(() => new Keeper(failing, folder, OPTIONS, guard), /index.sqlite-wal cannot be synced/);
    const unlisted: Disk = Object.assign(realDisk(folder), {
      list: (path: string) => {
        if (path === "packs") throw new NineError("EIO", "packs cannot be listed");
        return realDisk(folder).list(path);
      },
    });
    assert.throws(() => new Keeper(unlisted, folder, OPTIONS, guard), /packs cannot be listed/);
    guard[Symbol.dispose]();
    const open = [...Deno.readDirSync("/proc/self/fd")].flatMap(({ name }) => {
      try {
        return [Deno.readLinkSync(`/proc/self/fd/${name}`)];
      } catch {
        // The one that this listing had.
        return [];
      }
    });
    assert.deepEqual(open.filter((path) => path.endsWith(`${folder}/${DATABASE}`)), []);
  });
});

Deno.test("what is found to be damaged in the log while the node runs is told", async () => {
  await withFolder(async (folder) => {
    const troubles: string[] = [];
    const onTrouble = (message: string) => troubles.push(message);
    const store = await VolumeStore.open(folder, { gatherMs: 1e9, onTrouble });
    create(store, "one");
    const ino = create(store, "two");
    const { segment, position } = write(store, ino, 0, 5000);
    create(store, "three");
    await store.log.sync();
    flip(`${folder}/log/${String(segment).padStart(10, "0")}`, position + 1000);
    await store.caughtUp();
    assert.match(
      troubles.join(),
      /The 5000 bytes at 0 that operation 3 wrote to file \d+ are damaged in log/,
    );
    assert.ok(store.index.edge(ROOT_INO, "three"));
    await store.close();
  });
});

Deno.test("what is written over a damaged content stays in the log, and all else goes on", async () => {
  await withFolder(async (folder) => {
    let store = await VolumeStore.open(folder);
    const ino = create(store, "file");
    write(store, ino, 0, 200_000);
    settle(store, ino);
    await store.close();
    flip(`${folder}/packs/000001`, 199_000);
    const troubles: string[] = [];
    const onTrouble = (message: string) => troubles.push(message);
    store = await VolumeStore.open(folder, { onTrouble });
    const place = write(store, ino, 200_000, 10);
    settle(store, ino);
    create(store, "other");
    await store.caughtUp();
    assert.match(
      troubles.join(),
      /What was written to file \d+ stays in the log: Chunk [0-9a-f]+ is damaged/,
    );
    assert.ok(store.index.edge(ROOT_INO, "other"));
    await store.close();

    troubles.length = 0;
    store = await VolumeStore.open(folder, { onTrouble });
    assert.match(troubles.join(), /What was written to file \d+ stays in the log/);
    // The bytes are there until they are a version.
    store.readLogged(place.segment, place.position, new Uint8Array(10));
    assert.equal(store.index.node(ino)!.size, 200_000);
    write(store, ino, 0, 200_000);
    settle(store, ino);
    await store.caughtUp();
    const { size, content } = store.index.node(ino)!;
    assert.equal(size, 200_010);
    store.openContent(content!).read(0, new Uint8Array(size));
    await store.close();
    assert.deepEqual(verify(folder).problems.filter((problem) => !/past version/.test(problem)), []);
  });
});

Deno.test("going back to a snapshot does not wait for what is written over a damaged content", async () => {
  await withFolder(async (folder) => {
    let store = await VolumeStore.open(folder);
    const ino = create(store, "file");
    write(store, ino, 0, 200_000);
    settle(store, ino);
    await store.snapshot("one", "me");
    await store.close();
    flip(`${folder}/packs/000001`, 199_000);
    store = await VolumeStore.open(folder);
    create(store, "other");
    write(store, ino, 200_000, 10);
    await store.restore("one", [], "before", "me");
    assert.equal(store.index.edge(ROOT_INO, "other"), undefined);
    await store.close();
  });
});

Deno.test("a version that grows by a hole is made without a look at the hole, and is what it would be made at once", async () => {
  await withFolder(async (folder) => {
    const store = await VolumeStore.open(folder);
    const size = 2 ** 50;
    const contentOf = async (name: string, isAtOnce: boolean) => {
      const ino = create(store, name);
      write(store, ino, 0, 150_000);
      if (!isAtOnce) settle(store, ino);
      await store.caughtUp();
      // Cut within, then grown, written to and grown again.
      truncate(store, ino, 120_000);
      truncate(store, ino, 2 ** 49);
      write(store, ino, 2 ** 48, 100_000);
      truncate(store, ino, size);
      settle(store, ino);
      await store.caughtUp();
      const row = store.index.node(ino)!;
      assert.equal(row.size, size);
      return row.content;
    };
    const started = performance.now();
    assert.deepEqual(await contentOf("changed", false), await contentOf("whole", true));
    assert.ok(performance.now() - started < 10_000);
    await store.close();
  });
});

Deno.test("when the Worker dies, what waits for it ends, and so does the volume", async () => {
  await withFolder(async (folder) => {
    const troubles: string[] = [];
    const store = await VolumeStore.open(folder, { onTrouble: (message) => troubles.push(message) });
    create(store, "file");
    await store.caughtUp();
    const collecting = store.collect();
    // As when it is out of memory.
    store.state.worker!.terminate();
    store.state.worker!.dispatchEvent(new ErrorEvent("error", { message: "out of memory" }));
    const ended = /The state Worker ended, and the volume takes nothing more: out of memory/;
    await assert.rejects(collecting, ended);
    await assert.rejects(store.collect(), ended);
    await assert.rejects(store.snapshot("one", "me"), ended);
    assert.throws(() => store.behind(), ended);
    assert.match(troubles.join(), ended);
    await store.close();
    // What was answered is there.
    const again = await VolumeStore.open(folder);
    assert.ok(again.index.edge(ROOT_INO, "file"));
    assert.deepEqual(again.index.past.snapshots(), []);
    await again.close();
  });
});

Deno.test("collecting works while applying does not, as it may be what makes room", async () => {
  await withFolder(async (folder) => {
    let store = await VolumeStore.open(folder);
    create(store, "file");
    await store.close();
    edit(folder, "UPDATE document SET saved = x'00'; DELETE FROM change");
    store = await VolumeStore.open(folder);
    create(store, "other");
    await assert.rejects(store.caughtUp(), /Document .* does not match its checksum|Document .* is damaged/);
    await store.collect();
    await assert.rejects(store.caughtUp(), /Document .* does not match its checksum|Document .* is damaged/);
    await store.close();
  });
});

Deno.test("a damaged document is made anew from the journal, and damaged rows of the tree from the documents", async () => {
  for (
    const [files, sql, told] of [
      // A document is saved after 64 changes.
      [
        70,
        "UPDATE document SET saved = CAST(x'00' || substr(saved, 2) AS BLOB) WHERE length(saved) > 0",
        /made anew from the journal/,
      ],
      [
        2,
        "UPDATE tree_node SET data = CAST(x'00' || substr(data, 2) AS BLOB)",
        /made anew from the documents/,
      ],
      [
        2,
        "UPDATE tree_edge SET data = CAST(x'00' || substr(data, 2) AS BLOB)",
        /made anew from the documents/,
      ],
    ] as const
  ) {
    await withFolder(async (folder) => {
      const troubles: string[] = [];
      let store = await VolumeStore.open(folder, { gatherMs: 0 });
      const ino = create(store, "file");
      for (let i = 0; i < files; i++) {
        create(store, `file ${i}`);
        await store.caughtUp();
      }
      await store.close();
      edit(folder, sql);
      assert.notDeepEqual(verify(folder).problems, []);
      store = await VolumeStore.open(folder, { onTrouble: (message) => troubles.push(message) });
      store.append({ kind: "unlink", by: "me", time, ino, parent: ROOT_INO, name: "file", held: false });
      create(store, "other");
      // It is tried again by itself.
      for (let tries = 0; tries < 600 && store.index.edge(ROOT_INO, "other") === undefined; tries++) {
        await new Promise((wake) => setTimeout(wake, 100));
      }
      assert.match(troubles.join(), told);
      assert.ok(store.index.edge(ROOT_INO, "other"));
      await store.close();
      assert.deepEqual(verify(folder).problems, []);
    });
  }
});

Deno.test("a name that is given anew where what took it away is lost leads to the new file, and the old one has another", async () => {
  await withFolder(async (folder) => {
    const told: string[] = [];
    const store = await VolumeStore.open(folder, { onTrouble: (message) => told.push(message) });
    const name = `${"ä".repeat(127)}x`;
    const [first, second] = [create(store, name), create(store, name)];
    await store.caughtUp();
    assert.equal(store.index.edge(ROOT_INO, name)!.ino, second);
    assert.equal(store.index.edge(ROOT_INO, `${"ä".repeat(124)}.lost-${first}`)!.ino, first);
    assert.match(told.join(), /What removed or renamed "ä+x" is lost/);
    await store.close();
    assert.deepEqual(verify(folder).problems, []);
  });
});

Deno.test("collecting that fails stops nothing else", async () => {
  await withFolder(async (folder) => {
    const troubles: string[] = [];
    const store = await VolumeStore.open(folder, { onTrouble: (message) => troubles.push(message) });
    const ino = create(store, "file");
    write(store, ino, 0, 10);
    settle(store, ino);
    await store.caughtUp();
    const db = new DatabaseSync(`${folder}/${DATABASE}`);
    const { data } = db.prepare("SELECT data FROM node WHERE ino = ?").get(ino) as { data: Uint8Array };
    db.prepare("UPDATE node SET data = x'00' WHERE ino = ?").run(ino);
    await assert.rejects(store.collect(), { errno: Errno.EIO });
    assert.equal(troubles.length, 1);
    assert.equal(store.status().trouble, undefined);
    await store.snapshot("one", "me");
    db.prepare("UPDATE node SET data = ? WHERE ino = ?").run(data, ino);
    db.close();
    await store.collect();
    await store.close();
    assert.deepEqual(verify(folder).problems, []);
  });
});

Deno.test("a file that is settled and written to again is read from the second write on", async () => {
  await withFolder(async (folder) => {
    const store = await VolumeStore.open(folder);
    const ino = create(store, "file");
    write(store, ino, 0, 10);
    await store.caughtUp();
    // Within one transaction.
    settle(store, ino);
    const { number } = write(store, ino, 10, 10);
    await store.caughtUp();
    const db = new DatabaseSync(`${folder}/${DATABASE}`, { readOnly: true });
    assert.deepEqual({ ...db.prepare("SELECT ino, number FROM unsettled").get() }, { ino, number });
    db.close();
    await store.close();
    const again = await VolumeStore.open(folder);
    assert.equal(again.index.node(ino)!.size, 20);
    await again.close();
  });
});

Deno.test("changes wait where the log has too many bytes, however few operations these are", async () => {
  await withFolder(async (folder) => {
    const store = await VolumeStore.open(folder, { gatherMs: 1e9 });
    Object.defineProperty(store.log, "bytes", { get: () => 2 ** 31 });
    create(store, "file");
    assert.ok(store.index.applied < store.log.last);
    await store.behind();
    assert.equal(store.index.applied, store.log.last);
    // There is nothing more to wait for.
    assert.equal(store.behind(), undefined);
    await store.close();
  });
});
