/** R34 and R35: what is said of files, and how it is changed. */
import assert from "node:assert/strict";
import { Qt } from "../../../9p/qid.ts";
import { Dm, type Stat } from "../../../9p/wire/stat.ts";
import type { Client } from "../client.ts";
import { CLASSIC, LINUX, refused, type Rule, rule } from "../rule.ts";
import { frameOf, isError } from "../wire.ts";

/** The stat without what reading and time change by themselves. */
function steady(stat: Stat): Partial<Stat> {
  const { atime: _, qid: { version: __, ...qid }, ...rest } = stat;
  return { ...rest, qid: qid as Stat["qid"] };
}

async function file(client: Client, home: number, name = "file", text = "some text"): Promise<number> {
  await client.put(home, name, text, 0o640);
  return client.walk(home, name);
}

/** The bytes of a Twstat, for fields whose raw value matters. */
function wstatFrame(client: Client, tag: number, fid: number, stat: Stat): Uint8Array {
  return frameOf(client.dialect, "Twstat", tag, { fid, stat });
}

export const stat: Rule[] = [
  rule(
    "R34",
    "the stat's size stands twice in an Rstat, and a Twstat where they differ is refused",
    CLASSIC,
    async (t) => {
      const { client, home } = await t.start();
      const fid = await file(client, home);
      const reply = await client.wire.reply(client.wire.send("Tstat", { fid }));
      // size[4] Rstat tag[2] n[2] size[2] …
      const view = new DataView(reply.bytes.buffer);
      const [outer, inner] = [view.getUint16(7, true), view.getUint16(9, true)];
      assert.deepEqual([outer, inner], [reply.bytes.byteLength - 9, reply.bytes.byteLength - 11]);
      const full = await client.stat(fid);
      for (const [at, by] of [[11, 1], [11, -1], [13, 1], [13, -1], [13, -20], [11, 1000]]) {
        const frame = wstatFrame(client, 5, fid, { ...full, name: "changed" });
        const sizes = new DataView(frame.buffer);
        sizes.setUint16(at, sizes.getUint16(at, true) + by, true);
        client.wire.sendBytes(frame, { name: "Twstat", tag: 5 });
        assert.ok(isError(await client.wire.reply(5)), `size at ${at} off by ${by}`);
      }
      assert.deepEqual(await client.names(home), ["file"]);
    },
  ),

  rule(
    "R34",
    "a wstat that touches nothing changes nothing, and succeeds on files, directories and open fids",
    CLASSIC,
    async (t) => {
      const { client, home } = await t.start();
      const fid = await file(client, home);
      const dir = await client.mkdir(home, "dir");
      const open = await client.walk(fid);
      await client.open(open, "rw");
      for (const one of [fid, dir, open, client.root]) {
        const before = await client.stat(one);
        await client.wstat(one, {});
        assert.deepEqual(await client.stat(one), before);
      }
    },
  ),

  rule("R34", "a stat that is sent back as it came changes nothing, and succeeds", CLASSIC, async (t) => {
    const { client, home } = await t.start();
    for (const fid of [await file(client, home), await client.mkdir(home, "dir")]) {
      const before = await client.stat(fid);
      await client.wstat(fid, before);
      assert.deepEqual(steady(await client.stat(fid)), steady(before));
    }
  }),

  rule("R34", "each field alone changes, and no other does", CLASSIC, async (t) => {
    const { client, home } = await t.start();
    const fid = await file(client, home);
    const changes: Partial<Stat>[] = [{ mode: 0o604 }, { mtime: 1_000_000 }, { length: 4 }, { length: 20 }, {
      name: "renamed",
    }];
    for (const change of changes) {
      const before = await client.stat(fid);
      await client.wstat(fid, change);
      const after = await client.stat(fid);
      const expected = { ...steady(before), ...change };
      // A new length is a change of the contents, which has a time of its own.
      if ("length" in change) expected.mtime = after.mtime;
      assert.deepEqual(steady(after), expected, Object.keys(change).join());
    }
    assert.deepEqual(await client.names(home), ["renamed"]);
    assert.equal(await client.get(home, "renamed"), "some" + "\0".repeat(16));
  }),

  rule("R34", "a change of type, dev, qid or the DMDIR bit is an error", CLASSIC, async (t) => {
    const { client, home } = await t.start();
    const fid = await file(client, home);
    const dir = await client.mkdir(home, "dir");
    const { qid } = await client.stat(fid);
    const bad: Partial<Stat>[] = [
      { type: 1 },
      { dev: 7 },
      { qid: { ...qid, type: Qt.DIR } },
      { qid: { ...qid, path: Number(qid.path) + 1 } },
      { qid: { ...qid, version: qid.version + 1000 } },
      { mode: Dm.DIR + 0o640 },
    ];
    for (const change of bad) {
      const before = await client.stat(fid);
      await refused(client.wstat(fid, change));
      assert.deepEqual(await client.stat(fid), before, Object.keys(change).join());
    }
    await refused(client.wstat(dir, { mode: 0o755 }));
    await refused(client.wstat(dir, { length: 5 }));
    assert.ok((await client.stat(dir)).mode & Dm.DIR);
  }),

  rule("R34", "all or nothing: one field that cannot change keeps the others", CLASSIC, async (t) => {
    const { client, home } = await t.start();
    const fid = await file(client, home);
    await client.put(await client.mkdir(home, "dir"), "inside", "");
    const before = steady(await client.stat(fid));
    const good: Partial<Stat> = { mode: 0o600, mtime: 1_000_000, length: 1 };
    const bad: Partial<Stat>[] = [
      { type: 1 },
      { dev: 7 },
      { qid: { type: Qt.DIR, version: 0xffffffff, path: 0xffffffffffffffffn } },
      { mode: Dm.DIR + 0o600 },
      { name: "dir" },
      { name: "a/b" },
      { name: ".." },
    ];
    for (const change of bad) {
      await refused(client.wstat(fid, { ...good, ...change }));
      assert.deepEqual(steady(await client.stat(fid)), before, Object.keys(change).join());
      await refused(client.wstat(fid, { ...good, name: "renamed", ...change }));
      assert.deepEqual(steady(await client.stat(fid)), before, Object.keys(change).join());
    }
    assert.equal(await client.get(home, "file"), "some text");
    await client.wstat(fid, { ...good, name: "renamed" });
    const { mode, mtime, length, name } = await client.stat(fid);
    assert.deepEqual({ mode, mtime, length, name }, { ...good, name: "renamed" });
  }),

  rule("R34", "owner and group change by name, one without the other", CLASSIC, async (t) => {
    const { uname } = t.need("claims");
    const { client, home } = await t.start();
    const fid = await file(client, home);
    const before = await client.stat(fid);
    await client.wstat(fid, { gid: uname });
    assert.deepEqual([(await client.stat(fid)).uid, (await client.stat(fid)).gid], [before.uid, uname]);
    await client.wstat(fid, { uid: uname });
    const after = await client.stat(fid);
    assert.deepEqual([after.uid, after.gid, after.mode], [uname, uname, before.mode]);
  }),

  rule("R34", "a changed muid is ignored: Linux sends one", CLASSIC, async (t) => {
    const { client, home } = await t.start();
    const fid = await file(client, home);
    const before = await client.stat(fid);
    await client.wstat(fid, { muid: "somebody else", mode: 0o600 });
    const after = await client.stat(fid);
    assert.equal(after.mode, 0o600);
    assert.equal(after.muid, before.muid);
    await client.wstat(fid, { muid: "somebody else" });
  }),

  rule("R34", "a rename onto an existing file replaces it", CLASSIC, async (t) => {
    const { client, home } = await t.start();
    const fid = await file(client, home, "new", "new text");
    await client.put(home, "old", "old text");
    const replaced = await client.walk(home, "old");
    await client.open(replaced, "rw");
    const { qid } = await client.stat(fid);
    await client.wstat(fid, { name: "old" });
    assert.deepEqual(await client.names(home), ["old"]);
    assert.equal(await client.get(home, "old"), "new text");
    assert.equal((await client.stat(await client.walk(home, "old"))).qid.path, qid.path);
    assert.equal((await client.stat(fid)).name, "old");
    assert.equal(await client.readText(replaced), "old text");
  }),

  rule(
    "R34",
    "a rename onto a directory, or of a directory onto a file, is an error and changes nothing",
    CLASSIC,
    async (t) => {
      const { client, home } = await t.start();
      const fid = await file(client, home);
      const empty = await client.mkdir(home, "empty");
      await client.put(await client.mkdir(home, "full"), "inside", "text");
      await refused(client.wstat(fid, { name: "empty" }));
      await refused(client.wstat(fid, { name: "full" }));
      await refused(client.wstat(empty, { name: "file" }));
      await refused(client.wstat(empty, { name: "full" }));
      assert.deepEqual(await client.names(home), ["empty", "file", "full"]);
      assert.equal(await client.get(home, "file"), "some text");
      assert.equal((await client.stat(fid)).name, "file");
    },
  ),

  rule(
    "R34",
    "a rename to the name it has is nothing, and the root cannot be renamed",
    CLASSIC,
    async (t) => {
      const { client, home } = await t.start();
      const fid = await file(client, home);
      await client.wstat(fid, { name: "file" });
      assert.equal(await client.get(home, "file"), "some text");
      await refused(client.wstat(await client.walk(client.root), { name: "other" }));
      assert.equal((await client.stat(client.root)).name, "/");
    },
  ),

  rule(
    "R34",
    "a strict listener refuses a rename onto an existing name, and no other",
    CLASSIC,
    async (t) => {
      const address = t.need("strictAddress");
      const { client, home } = await t.start({ address });
      const fid = await file(client, home, "new", "new text");
      await client.put(home, "old", "old text");
      await refused(client.wstat(fid, { name: "old" }), "EEXIST");
      await refused(client.wstat(fid, { name: "old", mode: 0o600 }), "EEXIST");
      assert.equal(await client.get(home, "old"), "old text");
      assert.equal((await client.stat(fid)).mode, 0o640);
      await client.wstat(fid, { name: "other" });
      assert.deepEqual(await client.names(home), ["old", "other"]);
    },
  ),

  rule(
    "R34",
    "a length makes a file shorter or longer, and the new part reads as zeros",
    CLASSIC,
    async (t) => {
      const { client, home } = await t.start();
      const fid = await file(client, home);
      await client.wstat(fid, { length: 4 });
      await client.wstat(fid, { length: 6 });
      assert.equal(await client.get(home, "file"), "some\0\0");
      await client.wstat(fid, { length: 0 });
      assert.equal(await client.get(home, "file"), "");
      await refused(client.wstat(fid, { length: 2 ** 63 }));
      assert.equal((await client.stat(fid)).length, 0);
    },
  ),

  rule("R34", "a Tsetattr without any bit changes nothing", LINUX, async (t) => {
    const { client, home } = await t.start();
    const fid = await file(client, home);
    const before = await client.getattr(fid);
    await client.setattr(fid, 0, { mode: 0, size: 0, uid: 5, gid: 5, mtimeSec: 5 });
    const after = await client.getattr(fid);
    assert.deepEqual({ ...after, tag: 0, ctimeNsec: 0, ctimeSec: 0 }, {
      ...before,
      tag: 0,
      ctimeNsec: 0,
      ctimeSec: 0,
    });
  }),

  rule("R35", 'the root\'s stat name is "/", however it was reached', CLASSIC, async (t) => {
    const { client, home } = await t.start();
    const up = await client.walk(home, "..");
    const clone = await client.walk(client.root);
    await client.open(clone, "r");
    for (const fid of [client.root, up, clone]) assert.equal((await client.stat(fid)).name, "/");
    assert.notEqual((await client.stat(home)).name, "/");
  }),
];
