import assert from "node:assert/strict";
import { DatabaseSync } from "node:sqlite";
import { fileURLToPath } from "node:url";
import { S } from "../../9p/mod.ts";
import { IndexReader } from "../store/mod.ts";
import { DATABASE, VolumeStore, type VolumeStoreOptions } from "../volume/mod.ts";
import { verify } from "./mod.ts";

const ROOT_INO = 1;
const FOLDERS = 8;
const ROUNDS = 80;
/** So short a time ago that all history since is kept. */
const time = { sec: Math.floor(Date.now() / 1000), nsec: 5 };
const utf8 = new TextEncoder();

/** A volume in which each of some files was written in 80 transactions, and others came and went. */
async function work(folder: string, options: VolumeStoreOptions): Promise<VolumeStore> {
  const store = await VolumeStore.open(folder, { gatherMs: 0, ...options });
  const create = (parent: number, name: string, type: number) => {
    const ino = store.nextIno();
    store.append({
      ...{ kind: "create", by: "me", time, ino, parent, eid: store.nextEid(), name },
      ...{ mode: type | 0o644, uid: "me", gid: "us", flags: 0, rdev: 0, target: "" },
    });
    return ino;
  };
  const write = (ino: number, text: string) => {
    store.append({ kind: "write", by: "me", time, ino, offset: 0, bytes: utf8.encode(text) });
    store.append({ kind: "settle", by: "me", time, ino });
  };
  const folders = Array.from({ length: FOLDERS }, (_, i) => create(ROOT_INO, `folder ${i}`, S.IFDIR));
  const files = folders.map((parent) => create(parent, "file", S.IFREG));
  for (let round = 0; round < ROUNDS; round++) {
    for (const [i, ino] of files.entries()) write(ino, `version ${round} of ${i}`);
    const passing = folders.map((parent) => create(parent, `temporary ${round}`, S.IFREG));
    await store.caughtUp();
    for (const [i, ino] of passing.entries()) {
      store.append({
        ...{
          kind: "unlink",
          by: "me",
          time,
          parent: folders[i],
          name: `temporary ${round}`,
          ino,
          held: false,
        },
      });
    }
    if (round === ROUNDS / 2) await store.snapshot("half", "me");
  }
  // One is gone, with all that was in it.
  const [gone] = folders;
  store.append({ kind: "unlink", by: "me", time, parent: gone, name: "file", ino: files[0], held: false });
  store.append({
    kind: "unlink",
    by: "me",
    time,
    parent: ROOT_INO,
    name: "folder 0",
    ino: gone,
    held: false,
  });
  await store.caughtUp();
  return store;
}

/** All that can be seen: the tree, the tree as it was, and the versions of every file. */
function seen(index: IndexReader): unknown[] {
  const { past } = index;
  const below = (ino: number, seq: number): unknown[] =>
    past.list(ino, seq, 0, 1000).map(({ name, eid, ino }) => {
      const node = past.node(ino, seq)!;
      return {
        name,
        eid,
        node,
        in: (node.mode & S.IFMT) === S.IFDIR ? below(ino, seq) : past.history(ino, 1000),
      };
    });
  return [below(ROOT_INO, index.seq), below(ROOT_INO, past.snapshot("half")!.seq)];
}

function seenIn(folder: string): unknown[] {
  using index = new IndexReader(`${folder}/${DATABASE}`);
  return seen(index);
}

/** Numbers of what is stored. */
function stored(folder: string, sql: string): number {
  const db = new DatabaseSync(`${folder}/${DATABASE}`, { readOnly: true });
  try {
    return Object.values(db.prepare(sql).get() as Record<string, number>)[0];
  } finally {
    db.close();
  }
}

async function withFolder(act: (folder: string) => Promise<void>): Promise<void> {
  const folder = await Deno.makeTempDir({ prefix: "lux9-tidy-" });
  try {
    await act(folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

Deno.test("collecting re-roots documents that are mostly history, and nothing that can be seen changes", async () => {
  await withFolder(async (folder) => {
    const store = await work(folder, {});
    const before = seen(store.index);
    const [operations, nodes] = [
      "SELECT sum(operations) FROM extent",
      "SELECT count(*) FROM tree_node",
    ].map((sql) => stored(folder, sql));
    await store.collect();
    assert.deepEqual(seen(store.index), before);
    // What is left is the root with its folders, which has not enough history itself, and in each folder the file: its
    // name, its contents, and the time of the folder.
    assert.ok(
      stored(folder, "SELECT sum(operations) FROM extent") < 5 * FOLDERS,
      `${stored(folder, "SELECT sum(operations) FROM extent")} after ${operations}`,
    );
    assert.equal(stored(folder, "SELECT count(*) FROM tree_node"), 2 + 2 * (FOLDERS - 1), `of ${nodes}`);
    assert.equal(stored(folder, "SELECT count(*) FROM extent"), FOLDERS, "the folder that is gone has none");
    assert.equal(stored(folder, "SELECT count(*) FROM extent WHERE root > 1"), FOLDERS - 1);
    // It goes on as before, here and after a start.
    store.append({
      ...{ kind: "create", by: "me", time, ino: store.nextIno(), parent: ROOT_INO, eid: store.nextEid() },
      ...{ name: "new", mode: S.IFREG | 0o644, uid: "me", gid: "us", flags: 0, rdev: 0, target: "" },
    });
    await store.close();
    assert.deepEqual(verify(folder).problems, []);
    const again = await VolumeStore.open(folder);
    assert.ok(again.index.edge(ROOT_INO, "new"));
    await again.close();
    assert.deepEqual(verify(folder).problems, []);
  });
});

Deno.test("the journal is bounded, and what is left of it is a chain", async () => {
  await withFolder(async (folder) => {
    const store = await work(folder, { journal: { records: 20, bytes: 1 << 20 } });
    const before = seen(store.index);
    await store.collect();
    assert.ok(stored(folder, "SELECT count(*) FROM journal") <= 21);
    assert.ok(stored(folder, "SELECT count(*) FROM change") <= 21 * (FOLDERS + 1));
    assert.deepEqual(seen(store.index), before, "also the times of versions");
    await store.close();
    assert.deepEqual(verify(folder).problems, []);
    const db = new DatabaseSync(`${folder}/${DATABASE}`);
    db.exec("DELETE FROM journal WHERE id = (SELECT min(id) + 1 FROM journal)");
    db.close();
    assert.match(verify(folder).problems.join("\n"), /after number/);
  });
});

Deno.test("a document that is edited without end is re-rooted on the way", async () => {
  await withFolder(async (folder) => {
    const store = await VolumeStore.open(folder, { gatherMs: 0 });
    let most = 0;
    for (let i = 0; i < 700; i++) {
      store.append({
        ...{ kind: "xattr", by: "me", time: { sec: i, nsec: 0 }, ino: ROOT_INO, name: "user.a" },
        value: utf8.encode(`${i}`),
      });
      await store.caughtUp();
      if (i % 50 === 0) most = Math.max(most, stored(folder, "SELECT max(operations) FROM extent"));
    }
    assert.ok(most < 700, `${most} operations of 1400`);
    await store.close();
    assert.deepEqual(verify(folder).problems, []);
  });
});

Deno.test("whenever it is killed while history is made shorter, all is there and fits together", async () => {
  await withFolder(async (folder) => {
    const store = await work(folder, {});
    await store.close();
    const before = seenIn(folder);
    let killed = 0;
    for (let round = 0; round < 5; round++) {
      const copy = `${folder}.${round}`;
      await new Deno.Command("cp", { args: ["-a", folder, copy] }).output();
      try {
        const child = new Deno.Command(Deno.execPath(), {
          args: [
            ...["run", "-A", "--no-check", "--cached-only"],
            fileURLToPath(new URL("tidy_fixture.ts", import.meta.url)),
            copy,
          ],
          stdout: "piped",
        }).spawn();
        let steps = 0;
        for await (const text of child.stdout.pipeThrough(new TextDecoderStream())) {
          steps += text.split("\n").length - 1;
          if (steps <= round) continue;
          // Now it is somewhere in the next step.
          await new Promise((wake) => setTimeout(wake, Math.random() * 8));
          child.kill("SIGKILL");
          break;
        }
        if (!(await child.status).success) killed++;
        assert.deepEqual(verify(copy).problems, [], `after ${steps} steps`);
        assert.deepEqual(seenIn(copy), before);
      } finally {
        await Deno.remove(copy, { recursive: true });
      }
    }
    assert.ok(killed >= 3, `${killed} of 5 were killed before they were done`);
  });
});
