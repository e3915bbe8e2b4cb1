/** R38 and R43: attributes and durability in 9P2000.L. */
import assert from "node:assert/strict";
import { S } from "../../../9p/qid.ts";
import { MESSAGES } from "../../../9p/wire/messages.ts";
import { GETATTR_BASIC, Setattr } from "../client.ts";
import { ALL, LINUX, refused, type Rule, rule } from "../rule.ts";
import { frameOf, rawFrame } from "../wire.ts";

const GETATTR = { BTIME: 0x800, GEN: 0x1000, DATA_VERSION: 0x2000, ALL: 0x3fff };
export const attributes: Rule[] = [
  rule("R38", "Tgetattr's valid covers only what is filled, whatever was asked for", LINUX, async (t) => {
    const { client, home } = await t.start();
    await client.put(home, "file", "text");
    const file = await client.walk(home, "file");
    for (const mask of [0, 1, GETATTR_BASIC, GETATTR.ALL, 0x3fff + 2 ** 20, 2 ** 63]) {
      const attr = await client.getattr(file, mask);
      assert.equal(attr.valid & GETATTR_BASIC & mask, mask & GETATTR_BASIC, "a basic field was not filled");
      assert.equal(attr.valid & ~GETATTR.ALL, 0, `valid 0x${attr.valid.toString(16)}`);
      if (attr.valid & GETATTR.BTIME) {
        assert.ok(attr.btimeSec > 1e9, "the time of birth is said to be filled");
      }
      if (attr.valid & GETATTR.GEN) assert.notEqual(attr.gen, 0, "the generation is said to be filled");
      if (attr.valid & GETATTR.DATA_VERSION) {
        assert.notEqual(attr.dataVersion, 0, "the data version likewise");
      }
    }
  }),

  rule("R38", "the attributes of files, directories and links are right", LINUX, async (t) => {
    const { client, home } = await t.start();
    const before = Date.now() / 1000;
    await client.put(home, "file", "x".repeat(5000), 0o640);
    const file = await client.getattr(await client.walk(home, "file"));
    assert.equal(file.mode, S.IFREG | 0o640);
    assert.deepEqual([file.size, file.nlink, file.uid], [5000, 1, t.subject.uid]);
    assert.ok(file.blocks >= 8 && file.blocks <= 64, `${file.blocks} blocks of 512 bytes`);
    assert.ok(file.blksize >= 512);
    for (const sec of [file.mtimeSec, file.atimeSec, file.ctimeSec]) {
      assert.ok(Math.abs(sec - before) < 10, `a time of ${sec}`);
    }
    for (const nsec of [file.mtimeNsec, file.atimeNsec, file.ctimeNsec]) assert.ok(nsec < 1e9);
    const dir = await client.getattr(await client.mkdir(home, "dir", 0o711));
    assert.equal(dir.mode, S.IFDIR | 0o711);
    t.need("symlinks");
    await client.rpc("Tsymlink", { fid: home, name: "link", symtgt: "über", gid: 0 });
    const link = await client.walk(home, "link");
    const attr = await client.getattr(link);
    assert.deepEqual([attr.mode & S.IFMT, attr.size], [S.IFLNK, 5]);
    assert.equal((await client.rpc("Treadlink", { fid: link })).target, "über");
    await refused(client.rpc("Treadlink", { fid: home }), "EINVAL");
  }),

  rule("R38", "Tsetattr with ATIME or MTIME and no _SET means the server's now", LINUX, async (t) => {
    const { client, home } = await t.start();
    await client.put(home, "file", "text");
    const file = await client.walk(home, "file");
    const { ATIME, MTIME, ATIME_SET, MTIME_SET } = Setattr;
    const old = { atimeSec: 1_000_000, mtimeSec: 2_000_000 };
    await client.setattr(file, ATIME | ATIME_SET | MTIME | MTIME_SET, old);
    const set = await client.getattr(file);
    assert.deepEqual([set.atimeSec, set.mtimeSec], [1_000_000, 2_000_000]);
    await client.setattr(file, MTIME, { mtimeSec: 5, atimeSec: 5 });
    const touched = await client.getattr(file);
    assert.ok(Math.abs(touched.mtimeSec - Date.now() / 1000) < 10, `mtime ${touched.mtimeSec}`);
    assert.equal(touched.atimeSec, 1_000_000, "MTIME alone changed atime");
    await client.setattr(file, ATIME, { mtimeSec: 5, atimeSec: 5 });
    const both = await client.getattr(file);
    assert.ok(Math.abs(both.atimeSec - Date.now() / 1000) < 10, `atime ${both.atimeSec}`);
    assert.equal(both.mtimeSec, touched.mtimeSec);
    await client.setattr(file, ATIME_SET | MTIME_SET, { mtimeSec: 5, atimeSec: 5 });
    assert.equal(
      (await client.getattr(file)).mtimeSec,
      touched.mtimeSec,
      "_SET without its time changed something",
    );
  }),

  rule("R38", "times keep their nanoseconds, and may lie before 1970 and after 2038", LINUX, async (t) => {
    const { client, home } = await t.start();
    await client.put(home, "file", "text");
    const file = await client.walk(home, "file");
    const { ATIME, MTIME, ATIME_SET, MTIME_SET } = Setattr;
    for (
      const [sec, nsec] of [[1_000_000, 123_456_789], [0, 0], [2 ** 31 + 5, 999_999_999], [2 ** 32 + 7, 1], [
        -5,
        1,
      ]]
    ) {
      await client.rpc("Tsetattr", {
        fid: file,
        valid: ATIME | MTIME | ATIME_SET | MTIME_SET,
        mode: 0,
        uid: 0,
        gid: 0,
        size: 0,
        atimeSec: sec,
        atimeNsec: nsec,
        mtimeSec: sec,
        mtimeNsec: nsec,
      });
      const attr = await client.getattr(file);
      assert.deepEqual([attr.mtimeSec, attr.mtimeNsec, attr.atimeSec, attr.atimeNsec], [
        sec,
        nsec,
        sec,
        nsec,
      ]);
    }
  }),

  rule(
    "R38",
    "Tsetattr changes what its bits name and nothing else; ctime moves by itself",
    LINUX,
    async (t) => {
      const { client, home } = await t.start();
      await client.put(home, "file", "some text", 0o640);
      const file = await client.walk(home, "file");
      const before = await client.getattr(file);
      const junk = { mode: 0o777, uid: 7, gid: 7, size: 3, mtimeSec: 3, atimeSec: 3 };
      await client.setattr(file, Setattr.MODE, { ...junk, mode: 0o4711 });
      const mode = await client.getattr(file);
      assert.equal(mode.mode, S.IFREG | 0o4711);
      const rest = (
        { size, uid, gid, mtimeSec, atimeSec, nlink }: typeof mode,
      ) => [size, uid, gid, mtimeSec, atimeSec, nlink];
      assert.deepEqual(rest(mode), rest(before));
      await client.setattr(file, Setattr.SIZE, { ...junk, size: 4 });
      assert.equal(await client.get(home, "file"), "some");
      await client.setattr(file, Setattr.CTIME, junk);
      await client.setattr(file, Setattr.MODE | Setattr.CTIME, { ...junk, mode: S.IFREG | 0o600 });
      assert.equal((await client.getattr(file)).mode, S.IFREG | 0o600);
      await refused(client.setattr(home, Setattr.SIZE, { size: 0 }), "EISDIR", "EINVAL");
      const { uid } = t.need("claims");
      await client.setattr(file, Setattr.UID | Setattr.GID, { ...junk, uid, gid: uid });
      const owned = await client.getattr(file);
      assert.deepEqual([owned.uid, owned.gid], [uid, uid]);
    },
  ),

  rule("R43", "Tfsync carries datasync[4]; 0, 1 and its absence are answered", LINUX, async (t) => {
    const { client, home } = await t.start();
    const file = await client.create(home, "file");
    await client.write(file, 0, "text");
    for (const datasync of [0, 1]) await client.rpc("Tfsync", { fid: file, datasync });
    const dir = await client.walk(home);
    await client.open(dir, "r");
    await client.rpc("Tfsync", { fid: dir, datasync: 0 });
    const old = frameOf(t.dialect, "Tfsync", 5, { fid: file, datasync: 0 });
    client.wire.sendBytes(rawFrame(MESSAGES.Tfsync.type, 5, old.subarray(7, 11)), { name: "Tfsync", tag: 5 });
    await client.wire.reply(5);
    await refused(client.rpc("Tfsync", { fid: 0x7ffffff1, datasync: 0 }));
    assert.equal(await client.readText(file), "text");
  }),

  rule("R43", "what cannot be made durable is an error, never a false success", ALL, async (t) => {
    const path = t.need("unsyncableFile");
    const client = await t.client();
    const fid = await client.walk(client.root, ...path.split("/"));
    await refused(client.sync(fid), "EIO");
    await client.open(fid, "r");
    await refused(client.sync(fid), "EIO");
  }),
];
