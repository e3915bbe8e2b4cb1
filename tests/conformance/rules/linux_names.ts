/** R40: making, moving and removing names in 9P2000.L. */
import assert from "node:assert/strict";
import { O, S } from "../../../9p/qid.ts";
import { LINUX, refused, type Rule, rule } from "../rule.ts";

const AT_REMOVEDIR = 0x200;
export const linuxNames: Rule[] = [
  rule("R40", "names are made, moved and removed through an open fid of the directory", LINUX, async (t) => {
    const { client, home } = await t.start();
    await client.put(home, "file", "text");
    const open = await client.walk(home);
    await client.open(open, "r");
    await client.rpc("Tmkdir", { dfid: open, name: "dir", mode: 0o755, gid: 0 });
    const to = await client.walk(home, "dir");
    await client.open(to, "r");
    await client.rpc("Trenameat", { olddirfid: open, oldname: "file", newdirfid: to, newname: "moved" });
    assert.deepEqual(await client.names(to), ["moved"]);
    if (t.subject.features.symlinks) {
      await client.rpc("Tsymlink", { fid: open, name: "link", symtgt: "dir", gid: 0 });
      await client.rpc("Tunlinkat", { dirfd: open, name: "link", flags: 0 });
    }
    if (t.subject.features.hardLinks) {
      await client.rpc("Tlink", { dfid: open, fid: await client.walk(to, "moved"), name: "second" });
      await client.rpc("Tunlinkat", { dirfd: open, name: "second", flags: 0 });
    }
    if (t.subject.features.fifos) {
      await client.rpc("Tmknod", {
        dfid: open,
        name: "fifo",
        mode: S.IFIFO | 0o644,
        major: 0,
        minor: 0,
        gid: 0,
      });
      await client.rpc("Tunlinkat", { dirfd: open, name: "fifo", flags: 0 });
    }
    await client.rpc("Trename", { fid: await client.walk(to, "moved"), dfid: open, name: "back" });
    await client.rpc("Tunlinkat", { dirfd: open, name: "dir", flags: AT_REMOVEDIR });
    assert.deepEqual(await client.names(home), ["back"]);
    assert.deepEqual(
      (await client.readdir(open, 0)).map(({ name }) => name).filter((name) => !name.startsWith(".")),
      ["back"],
    );
  }),

  rule(
    "R40",
    "Tunlinkat: AT_REMOVEDIR on a file is ENOTDIR, its absence on a directory EISDIR",
    LINUX,
    async (t) => {
      const { client, home } = await t.start();
      await client.put(home, "file", "text");
      const dir = await client.mkdir(home, "dir");
      await client.put(dir, "inside", "text");
      const unlink = (dirfd: number, name: string, flags: number) =>
        client.rpc("Tunlinkat", { dirfd, name, flags });
      await refused(unlink(home, "file", AT_REMOVEDIR), "ENOTDIR");
      await refused(unlink(home, "dir", 0), "EISDIR");
      await refused(unlink(home, "dir", AT_REMOVEDIR), "ENOTEMPTY", "EEXIST");
      await refused(unlink(home, "missing", 0), "ENOENT");
      await refused(unlink(home, "missing", AT_REMOVEDIR), "ENOENT");
      await refused(unlink(await client.walk(home, "file"), "x", 0), "ENOTDIR");
      if (t.subject.features.symlinks) {
        await client.rpc("Tsymlink", { fid: home, name: "link", symtgt: "dir", gid: 0 });
        await refused(unlink(home, "link", AT_REMOVEDIR), "ENOTDIR");
        await unlink(home, "link", 0);
      }
      await unlink(dir, "inside", 0);
      await unlink(home, "dir", AT_REMOVEDIR);
      assert.deepEqual(await client.names(home), ["file"]);
    },
  ),

  rule(
    "R40",
    "Trenameat replaces as rename(2) does: files by files, empty directories by directories",
    LINUX,
    async (t) => {
      const { client, home } = await t.start();
      await client.put(home, "one", "one");
      await client.put(home, "two", "two");
      await client.clunk(await client.mkdir(home, "empty"));
      const full = await client.mkdir(home, "full");
      await client.put(full, "inside", "text");
      const rename = (oldname: string, newname: string) =>
        client.rpc("Trenameat", { olddirfid: home, oldname, newdirfid: home, newname });
      await rename("one", "two");
      assert.equal(await client.get(home, "two"), "one");
      await refused(rename("two", "empty"), "EISDIR");
      await refused(rename("empty", "two"), "ENOTDIR");
      await refused(rename("empty", "full"), "ENOTEMPTY", "EEXIST");
      await refused(rename("missing", "two"), "ENOENT");
      await rename("full", "empty");
      await rename("empty", "empty");
      assert.deepEqual(await client.names(home), ["empty", "two"]);
      assert.equal(await client.get(home, "empty", "inside"), "text");
      t.need("hardLinks");
      await client.rpc("Tlink", { dfid: home, fid: await client.walk(home, "two"), name: "second" });
      await rename("second", "two");
      assert.deepEqual(
        await client.names(home),
        ["empty", "second", "two"],
        "two names of one file stay as they are",
      );
    },
  ),

  rule("R40", "Tlink gives a file another name, and never a directory", LINUX, async (t) => {
    t.need("hardLinks");
    const { client, home } = await t.start();
    await client.put(home, "file", "text");
    const file = await client.walk(home, "file");
    await client.rpc("Tlink", { dfid: home, fid: file, name: "second" });
    await refused(client.rpc("Tlink", { dfid: home, fid: file, name: "second" }), "EEXIST");
    await refused(client.rpc("Tlink", { dfid: file, fid: file, name: "third" }), "ENOTDIR");
    await refused(
      client.rpc("Tlink", { dfid: home, fid: await client.mkdir(home, "dir"), name: "third" }),
      "EPERM",
    );
    const second = await client.walk(home, "second");
    await client.open(second, "rw");
    await client.write(second, 0, "TEXT");
    assert.equal(await client.get(home, "file"), "TEXT");
    await client.remove(file);
    assert.equal((await client.getattr(second)).nlink, 1);
    assert.equal(await client.readText(second), "TEXT");
  }),

  rule(
    "R40",
    "Tlcreate without O_EXCL opens a file that is there, with O_TRUNC it empties it",
    LINUX,
    async (t) => {
      const { client, home } = await t.start();
      await client.put(home, "file", "some text");
      const create = async (flags: number) => {
        const fid = await client.walk(home);
        await client.rpc("Tlcreate", { fid, name: "file", flags, mode: 0o644, gid: 0 });
        return fid;
      };
      await refused(create(O.CREAT | O.EXCL | O.RDWR), "EEXIST");
      const opened = await create(O.CREAT | O.RDWR);
      assert.equal(await client.readText(opened), "some text");
      const emptied = await create(O.CREAT | O.TRUNC | O.RDWR);
      assert.equal(await client.readText(emptied), "");
      await client.mkdir(home, "dir");
      await refused(
        client.rpc("Tlcreate", { fid: home, name: "dir", flags: O.CREAT | O.RDWR, mode: 0o644, gid: 0 }),
        "EISDIR",
        "EEXIST",
      );
    },
  ),

  rule(
    "R40",
    "Tmknod makes what its mode says, also a regular file, and nothing that mode cannot be",
    LINUX,
    async (t) => {
      const { client, home } = await t.start();
      const mknod = (name: string, mode: number, major = 0, minor = 0) =>
        client.rpc("Tmknod", { dfid: home, name, mode, major, minor, gid: 0 });
      await mknod("file", S.IFREG | 0o640);
      assert.equal((await client.getattr(await client.walk(home, "file"))).mode, S.IFREG | 0o640);
      assert.equal(await client.get(home, "file"), "");
      await refused(mknod("file", S.IFREG | 0o640), "EEXIST");
      for (const type of [S.IFDIR, S.IFLNK, S.IFMT, 0o030000]) await refused(mknod("bad", type | 0o640));
      t.need("devices");
      await mknod("null", S.IFCHR | 0o600, 1, 300);
      const { mode, rdev } = await client.getattr(await client.walk(home, "null"));
      assert.deepEqual([mode, rdev], [S.IFCHR | 0o600, (300 & 0xff) | (1 << 8) | ((300 & ~0xff) << 12)]);
    },
  ),
];
