/** R12–R17: the way to files. */
import assert from "node:assert/strict";
import { Qt } from "../../../9p/qid.ts";
import type { Client } from "../client.ts";
import { ALL, mustRefuse, refused, type Rule, rule, unknownFid } from "../rule.ts";
import { frameOf } from "../wire.ts";

/** A chain of directories d/d/d/…, with a file at its end. */
async function chain(client: Client, home: number, depth: number): Promise<void> {
  let dir = await client.walk(home);
  for (let i = 0; i < depth; i++) {
    const next = await client.mkdir(dir, "d");
    await client.clunk(dir);
    dir = next;
  }
  await client.put(dir, "file", "deep");
  await client.clunk(dir);
}

/** A request that carries a name, which should be refused. */
type Naming = (client: Client, name: string) => { frame: Uint8Array; tag: number; name: string };

interface Places {
  readonly dir: number;
  readonly file: number;
  readonly subdir: number;
}

export const walk: Rule[] = [
  rule("R12", "no names clone the fid: no qids, and two fids that do not know each other", ALL, async (t) => {
    const { client, home } = await t.start();
    const { wqid } = await client.rpc("Twalk", { fid: home, newfid: 80, wname: [] });
    assert.deepEqual(wqid, []);
    assert.equal((await client.info(80)).qid.path, (await client.info(home)).qid.path);
    await client.open(80, "r");
    await client.clunk(home);
    assert.deepEqual(await client.names(80), []);
    await client.rpc("Twalk", { fid: client.root, newfid: client.root, wname: [] });
    await client.info(client.root);
  }),

  rule("R12", "a clone of an open fid is not open", ALL, async (t) => {
    const { client, home } = await t.start();
    const file = await client.create(home, "file");
    await client.write(file, 0, "text");
    const clone = await client.walk(file);
    await refused(client.read(clone));
    await client.open(clone, "r");
    assert.equal(await client.readText(clone), "text");
  }),

  rule("R12", "sixteen names in one walk are fine, seventeen are an error", ALL, async (t) => {
    const { client, home } = await t.start();
    await chain(client, home, 16);
    const { wqid } = await client.rpc("Twalk", { fid: home, newfid: 80, wname: Array(16).fill("d") });
    assert.equal(wqid.length, 16);
    assert.equal(new Set(wqid.map((qid) => qid.path)).size, 16);
    assert.deepEqual(await client.names(80), ["file"]);
    await mustRefuse(
      client.wire,
      frameOf(t.dialect, "Twalk", 5, { fid: home, newfid: 81, wname: Array(17).fill("d") }),
      5,
      "a walk of 17 names",
    );
    if (!client.wire.isClosed) await unknownFid(client, 81);
  }),

  rule("R13", "the first name failing is an error, and newfid stays free", ALL, async (t) => {
    const { client, home } = await t.start();
    await refused(client.rpc("Twalk", { fid: home, newfid: 80, wname: ["missing"] }), "ENOENT");
    await refused(client.rpc("Twalk", { fid: home, newfid: 80, wname: ["missing", "x", ".."] }), "ENOENT");
    await unknownFid(client, 80);
    await client.rpc("Twalk", { fid: home, newfid: 80, wname: [] });
  }),

  rule("R13", "a later name failing is a shorter Rwalk, newfid and fid unchanged", ALL, async (t) => {
    const { client, home } = await t.start();
    const dir = await client.mkdir(home, "dir");
    await client.put(dir, "file", "text");
    const dirQid = (await client.info(dir)).qid;
    for (
      const [names, count] of [
        [["dir", "missing"], 1],
        [["dir", "missing", "file"], 1],
        [["dir", "file", "x"], 2],
        [["dir", "file", ".."], 2],
        [["dir", "..", "dir", "missing"], 3],
        [["dir", "..", "missing", "..", "dir"], 2],
      ] as const
    ) {
      const { wqid } = await client.rpc("Twalk", { fid: home, newfid: 80, wname: [...names] });
      assert.equal(wqid.length, count, names.join("/"));
      assert.deepEqual(wqid[0], dirQid);
      await unknownFid(client, 80);
    }
    assert.deepEqual(await client.names(home), ["dir"]);
  }),

  rule("R13", "a walk from a file is an error", ALL, async (t) => {
    const { client, home } = await t.start();
    await client.put(home, "file", "text");
    const file = await client.walk(home, "file");
    await refused(client.rpc("Twalk", { fid: file, newfid: 80, wname: ["x"] }), "ENOTDIR");
    await unknownFid(client, 80);
    await refused(client.rpc("Twalk", { fid: 0x7ffffff1, newfid: 80, wname: [] }));
    await unknownFid(client, 80);
  }),

  rule("R14", "newfid in use and not fid is an error, and both stay what they were", ALL, async (t) => {
    const { client, home } = await t.start();
    const dir = await client.mkdir(home, "dir");
    const file = await client.create(home, "file");
    const before = [await client.info(dir), await client.info(file)];
    for (const wname of [[], ["dir"], ["missing"]]) {
      await refused(client.rpc("Twalk", { fid: home, newfid: file, wname }));
      await refused(client.rpc("Twalk", { fid: home, newfid: dir, wname }));
      await refused(client.rpc("Twalk", { fid: dir, newfid: home, wname: [".."] }));
    }
    assert.deepEqual([await client.info(dir), await client.info(file)], before);
    await client.write(file, 0, "still open");
    assert.deepEqual(await client.names(home), ["dir", "file"]);
  }),

  rule(
    "R14",
    "a walk of several names onto the same fid happens as a whole or not at all",
    ALL,
    async (t) => {
      const { client, home } = await t.start();
      await chain(client, home, 3);
      const fid = await client.walk(home);
      const start = (await client.info(fid)).qid;
      const short = await client.rpc("Twalk", { fid, newfid: fid, wname: ["d", "d", "missing"] });
      assert.equal(short.wqid.length, 2);
      assert.deepEqual((await client.info(fid)).qid, start, "a short walk moved the fid");
      await refused(client.rpc("Twalk", { fid, newfid: fid, wname: ["missing", "d"] }));
      assert.deepEqual((await client.info(fid)).qid, start, "a failed walk moved the fid");
      const whole = await client.rpc("Twalk", { fid, newfid: fid, wname: ["d", "d"] });
      assert.deepEqual((await client.info(fid)).qid, whole.wqid[1]);
      await client.rpc("Twalk", { fid, newfid: fid, wname: ["..", ".."] });
      assert.deepEqual((await client.info(fid)).qid, start);
    },
  ),

  rule("R15", '".." at the attach root stays there', ALL, async (t) => {
    const client = await t.client();
    const { qid } = await client.info(client.root);
    for (const count of [1, 2, 16]) {
      const { wqid } = await client.rpc("Twalk", {
        fid: client.root,
        newfid: 80,
        wname: Array(count).fill(".."),
      });
      assert.equal(wqid.length, count);
      for (const above of wqid) assert.equal(above.path, qid.path);
      assert.deepEqual(await client.names(80), await client.names(client.root));
      await client.clunk(80);
    }
  }),

  rule("R15", '".." goes up by one, also from where ".." led', ALL, async (t) => {
    const { client, home } = await t.start();
    await chain(client, home, 2);
    const { qid } = await client.info(home);
    const { wqid } = await client.rpc("Twalk", {
      fid: home,
      newfid: 80,
      wname: ["d", "d", "..", "..", "d", ".."],
    });
    assert.equal(wqid[3].path, qid.path);
    assert.equal(wqid[5].path, qid.path);
    assert.ok(wqid.every((one) => one.type & Qt.DIR));
    assert.deepEqual(await client.names(80), ["d"]);
  }),

  rule("R16", "an open fid can be walked to another fid", ALL, async (t) => {
    const { client, home } = await t.start();
    await client.put(home, "file", "text");
    const dir = await client.walk(home);
    await client.open(dir, "r");
    assert.equal(await client.get(dir, "file"), "text");
    const file = await client.create(home, "new");
    await client.clunk(await client.walk(file));
    await client.write(file, 0, "still open");
    assert.deepEqual(await client.names(dir), ["file", "new"]);
  }),

  rule("R16", "an open fid cannot be walked to itself", ALL, async (t) => {
    const { client, home } = await t.start();
    await client.put(home, "file", "text");
    const dir = await client.walk(home);
    await client.open(dir, "r");
    const { qid } = await client.info(dir);
    await refused(client.rpc("Twalk", { fid: dir, newfid: dir, wname: ["file"] }));
    await refused(client.rpc("Twalk", { fid: dir, newfid: dir, wname: [".."] }));
    await refused(client.rpc("Twalk", { fid: dir, newfid: dir, wname: [] }));
    assert.deepEqual((await client.info(dir)).qid, qid);
    const file = await client.create(home, "new");
    await refused(client.rpc("Twalk", { fid: file, newfid: file, wname: ["x"] }));
    await client.write(file, 0, "still open");
  }),

  rule(
    "R17",
    "after a short walk, clunking the newfid that never was is an error and no more",
    ALL,
    async (t) => {
      const { client, home } = await t.start();
      await client.clunk(await client.mkdir(home, "dir"));
      for (let i = 0; i < 10; i++) {
        const { wqid } = await client.rpc("Twalk", { fid: home, newfid: 80, wname: ["dir", "missing"] });
        assert.equal(wqid.length, 1);
        await refused(client.rpc("Tclunk", { fid: 80 }));
      }
      assert.deepEqual(await client.names(home), ["dir"]);
    },
  ),
];
