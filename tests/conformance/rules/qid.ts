/** R19, R20 and R44: which file it is. */
import assert from "node:assert/strict";
import { type Qid, Qt, type U64 } from "../../../9p/qid.ts";
import { Dm } from "../../../9p/wire/stat.ts";
import type { Client } from "../client.ts";
import { ALL, CLASSIC, LINUX, type Rule, rule, type Trial } from "../rule.ts";

/** How many more changes one version stands for than another; versions wrap at 2^32. */
const growth = (from: number, to: number): number => (to - from) | 0;

/** What every way of asking says of one file. */
async function qidsOf(client: Client, dir: number, name: string): Promise<Qid[]> {
  const { wqid } = await client.rpc("Twalk", { fid: dir, newfid: 200, wname: [name] });
  const info = await client.info(200);
  const opened = await client.open(200, "r");
  await client.clunk(200);
  const listed = (await client.list(dir)).find((entry) => entry.name === name);
  return [wqid[0], info.qid, opened.qid, ...listed ? [listed.qid] : []];
}

/** Every file below a directory, by path. */
async function tree(
  client: Client,
  dir: number,
  path = "",
  found = new Map<string, U64>(),
): Promise<Map<string, U64>> {
  for (const { name, qid } of await client.list(dir)) {
    found.set(`${path}/${name}`, qid.path);
    const fid = await client.walk(dir, name);
    assert.equal(
      (await client.info(fid)).qid.path,
      qid.path,
      `${path}/${name} has one qid in the listing and another`,
    );
    if (qid.type & Qt.DIR) await tree(client, fid, `${path}/${name}`, found);
    await client.clunk(fid);
  }
  return found;
}

async function plant(client: Client, home: number): Promise<void> {
  for (const outer of ["a", "b", "c"]) {
    const dir = await client.mkdir(home, outer);
    for (const inner of ["x", "y"]) {
      const below = await client.mkdir(dir, inner);
      for (let i = 0; i < 5; i++) await client.put(below, `file ${i}`, outer + inner);
    }
  }
}

async function qidAt(client: Client, t: Trial, path: string): Promise<Qid> {
  const fid = await client.walk(await t.home(client), ...path.split("/"));
  return (await client.info(fid)).qid;
}

export const qid: Rule[] = [
  rule("R19", "walk, stat, open and listings agree on a file's qid", ALL, async (t) => {
    const { client, home } = await t.start();
    await client.put(home, "file", "text");
    await client.clunk(await client.mkdir(home, "dir"));
    for (const name of ["file", "dir"]) {
      const [first, ...others] = await qidsOf(client, home, name);
      assert.ok(others.length === 3);
      for (const other of others) {
        assert.equal(other.path, first.path);
        assert.equal(other.type, first.type);
      }
      assert.equal((first.type & Qt.DIR) !== 0, name === "dir");
    }
    const created = await client.walk(home);
    const { qid: made } = await client.createOn(created, "new");
    assert.equal((await client.info(created)).qid.path, made.path);
  }),

  rule(
    "R19",
    "different files have different paths, the same file one path for all clients",
    ALL,
    async (t) => {
      const { client, home } = await t.start();
      const paths = new Set<U64>([
        (await client.info(client.root)).qid.path,
        (await client.info(home)).qid.path,
      ]);
      for (let i = 0; i < 50; i++) paths.add((await client.put(home, `file ${i}`, "")).path);
      assert.equal(paths.size, 52);
      const other = await t.start();
      for (const { qid, name } of await other.client.list(other.home)) {
        assert.equal((await qidAt(client, t, name)).path, qid.path);
      }
    },
  ),

  rule("R19", "a path survives a rename, also of a directory above", ALL, async (t) => {
    const { client, home } = await t.start();
    const dir = await client.mkdir(home, "dir");
    const { path } = await client.put(dir, "file", "text");
    const dirPath = (await client.info(dir)).qid.path;
    await client.rename(await client.walk(dir, "file"), dir, "renamed");
    assert.equal((await qidAt(client, t, "dir/renamed")).path, path);
    await client.rename(dir, home, "moved");
    assert.equal((await qidAt(client, t, "moved")).path, dirPath);
    assert.equal((await qidAt(client, t, "moved/renamed")).path, path);
  }),

  rule("R19", "a path survives a move to another directory", LINUX, async (t) => {
    const { client, home } = await t.start();
    const to = await client.mkdir(home, "to");
    const { path } = await client.put(home, "file", "text");
    await client.move(home, "file", to, "other");
    assert.equal((await qidAt(client, t, "to/other")).path, path);
  }),

  rule("R19", "a file that is made again under the same name is another file", ALL, async (t) => {
    const { client, home } = await t.start();
    const paths = new Set<U64>();
    for (let i = 0; i < 20; i++) {
      paths.add((await client.put(home, "file", "text")).path);
      await client.unlink(home, "file");
    }
    assert.equal(paths.size, 20, "a path came back after its file was removed");
  }),

  rule("R19", "a directory that is made again under the same name is another directory", ALL, async (t) => {
    const { client, home } = await t.start();
    const paths = new Set<U64>();
    for (let i = 0; i < 10; i++) {
      const dir = await client.mkdir(home, "dir");
      paths.add((await client.info(dir)).qid.path);
      await client.remove(dir);
    }
    assert.equal(paths.size, 10, "a path came back after its directory was removed");
  }),

  rule("R19", "two names of one file have one path", LINUX, async (t) => {
    t.need("hardLinks");
    const { client, home } = await t.start();
    const { path } = await client.put(home, "file", "text");
    await client.rpc("Tlink", { dfid: home, fid: await client.walk(home, "file"), name: "second" });
    assert.equal((await qidAt(client, t, "second")).path, path);
    assert.equal((await client.getattr(await client.walk(home, "second"))).nlink, 2);
  }),

  rule("R19", "the version changes with each write, however soon, and with a truncation", ALL, async (t) => {
    const { client, home } = await t.start();
    const file = await client.create(home, "file");
    const versions = [(await client.info(file)).qid.version];
    for (let i = 0; i < 30; i++) {
      await client.write(file, i, "x");
      versions.push((await client.info(file)).qid.version);
    }
    await client.write(file, 0, "x");
    versions.push((await client.info(file)).qid.version);
    await client.truncate(file, 3);
    versions.push((await client.info(file)).qid.version);
    assert.equal(new Set(versions).size, versions.length, versions.join(" "));
  }),

  rule("R19", "every client sees the version that another's write made", ALL, async (t) => {
    const { client, home } = await t.start();
    const file = await client.create(home, "file");
    await client.write(file, 0, "one");
    const other = await t.start();
    const theirs = await other.client.walk(other.home, "file");
    const before = (await other.client.info(theirs)).qid.version;
    await client.write(file, 0, "two");
    const after = (await other.client.info(theirs)).qid.version;
    assert.notEqual(after, before);
    assert.equal((await client.info(file)).qid.version, after);
    assert.equal((await other.client.open(theirs, "r")).qid.version, after);
  }),

  rule("R19", "reading changes neither path nor version", ALL, async (t) => {
    const { client, home } = await t.start();
    const before = await client.put(home, "file", "text");
    for (let i = 0; i < 5; i++) await client.get(home, "file");
    assert.deepEqual(await qidAt(client, t, "file"), before);
  }),

  rule("R20", "a control file has version 0 and length 0, before and after it was read", ALL, async (t) => {
    const path = t.need("controlFile");
    const client = await t.client();
    const fid = await client.walk(client.root, ...path.split("/"));
    const check = async () => {
      const { qid, size } = await client.info(fid);
      assert.deepEqual({ version: qid.version, size }, { version: 0, size: 0 });
    };
    await check();
    assert.equal((await client.open(fid, "r")).qid.version, 0);
    await client.read(fid);
    await check();
  }),

  rule("R20", "a stored file has a version that is not 0 and grows with each write", ALL, async (t) => {
    const { client, home } = await t.start();
    const file = await client.create(home, "file");
    let last = (await client.info(file)).qid.version;
    assert.notEqual(last, 0, "the version of a new, empty file");
    for (let i = 0; i < 10; i++) {
      await client.write(file, 0, "x");
      const { version } = (await client.info(file)).qid;
      assert.notEqual(version, 0);
      assert.ok(growth(last, version) > 0, `${version} after ${last}`);
      last = version;
    }
  }),

  rule("R44", "within one attach every path is unique and below 2^53", ALL, async (t) => {
    const { client, home } = await t.start();
    await plant(client, home);
    const found = await tree(client, home);
    assert.equal(found.size, 3 + 6 + 30);
    assert.equal(new Set(found.values()).size, found.size);
    for (const path of found.values()) assert.ok(path < 2 ** 53, String(path));
    assert.ok((await client.info(client.root)).qid.path < 2 ** 53);
  }),

  rule("R44", "paths are stable across reconnects", ALL, async (t) => {
    const { client, home } = await t.start();
    await plant(client, home);
    const root = (await client.info(client.root)).qid.path;
    const found = await tree(client, home);
    client.wire.close();
    const again = await t.start();
    assert.equal((await again.client.info(again.client.root)).qid.path, root);
    assert.deepEqual(await tree(again.client, again.home), found);
  }),

  rule("R44", "paths of different mounted servers never meet", ALL, async (t) => {
    const mounts = t.need("mounts");
    const client = await t.client();
    const seen = new Map<U64, string>([[(await client.info(client.root)).qid.path, "/"]]);
    for (const mount of mounts) {
      const dir = await client.walk(client.root, ...mount.split("/").filter((name) => name !== ""));
      const name = `conformance-R44-${crypto.randomUUID().slice(0, 8)}`;
      const below = await client.mkdir(dir, name);
      try {
        await plant(client, below);
        const found = await tree(client, below);
        found.set("", (await client.info(below)).qid.path);
        for (const [path, qidPath] of found) {
          assert.equal(
            seen.get(qidPath),
            undefined,
            `${mount}${path} has the qid.path of ${seen.get(qidPath)}`,
          );
          seen.set(qidPath, `${mount}${path}`);
        }
      } finally {
        await client.removeTree(dir, name);
      }
    }
  }),

  rule(
    "R44",
    "the top byte of a path is free for 9pfuse, also in the bytes of a listing",
    CLASSIC,
    async (t) => {
      const { client, home } = await t.start();
      await client.put(home, "file", "text");
      const dir = await client.walk(home);
      await client.open(dir, "r");
      const data = await client.read(dir);
      // size[2] type[2] dev[4] qid.type[1] qid.vers[4] qid.path[8]
      const view = new DataView(data.buffer, data.byteOffset, data.byteLength);
      assert.ok(view.getBigUint64(13, true) < 2n ** 53n);
      assert.equal(view.getUint8(8) & (Dm.DIR >>> 24), 0);
    },
  ),
];
