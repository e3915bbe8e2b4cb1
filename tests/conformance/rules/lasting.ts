/** R39 and R45: what fids go on standing for, after removals and renames. */
import assert from "node:assert/strict";
import { type Client, Setattr } from "../client.ts";
import { ALL, LINUX, refused, type Rule, rule, unknownFid } from "../rule.ts";

/** Tries everything a fid of a regular file, open for both, can be used for; `text` is what is in it. */
async function usable(client: Client, fid: number, text: string, isOpen: boolean): Promise<void> {
  const { size } = await client.info(fid);
  assert.equal(size, text.length);
  if (isOpen) {
    assert.equal(await client.readText(fid), text);
    await client.write(fid, 0, text[0].toUpperCase());
    assert.equal(await client.readText(fid, 0, 1), text[0].toUpperCase());
    await client.write(fid, 0, text[0]);
    await client.truncate(fid, 2);
    assert.equal(await client.readText(fid), text.slice(0, 2));
    await client.write(fid, 0, text);
    await client.sync(fid);
  } else {
    await client.truncate(fid, text.length + 1);
    assert.equal((await client.info(fid)).size, text.length + 1);
    await client.truncate(fid, text.length);
  }
  await client.chmod(fid, 0o600);
  assert.equal((await client.info(fid)).mode, 0o600);
  const clone = await client.walk(fid);
  assert.deepEqual((await client.info(clone)).qid.path, (await client.info(fid)).qid.path);
  await client.clunk(clone);
}

export const lasting: Rule[] = [
  rule("R39", "after its removal a file goes on through the fid that has it open", ALL, async (t) => {
    const { client, home } = await t.start();
    const open = await client.create(home, "file");
    await client.write(open, 0, "some text");
    await client.unlink(home, "file");
    assert.deepEqual(await client.names(home), []);
    await usable(client, open, "some text", true);
    await client.clunk(open);
  }),

  rule(
    "R39",
    "and through other fids of it, opened or not, of the same and of another client",
    ALL,
    async (t) => {
      const { client, home } = await t.start();
      const open = await client.create(home, "file");
      await client.write(open, 0, "some text");
      const idle = await client.walk(home, "file");
      const other = await t.start();
      const theirIdle = await other.client.walk(other.home, "file");
      const theirOpen = await other.client.walk(other.home, "file");
      await other.client.open(theirOpen, "rw");
      await other.client.unlink(other.home, "file");
      await client.put(home, "file", "another file");
      await usable(client, idle, "some text", false);
      await usable(other.client, theirIdle, "some text", false);
      await usable(other.client, theirOpen, "some text", true);
      await usable(client, open, "some text", true);
      assert.equal(await client.get(home, "file"), "another file");
    },
  ),

  rule(
    "R39",
    "a fid that was not open can be opened after the removal, while another is open",
    ALL,
    async (t) => {
      const { client, home } = await t.start();
      const open = await client.create(home, "file");
      await client.write(open, 0, "some text");
      const idle = await client.walk(home, "file");
      await client.unlink(home, "file");
      await client.put(home, "file", "another file");
      await client.open(idle, "rw");
      await usable(client, idle, "some text", true);
    },
  ),

  rule("R39", "a file that a rename replaced goes on likewise", ALL, async (t) => {
    const { client, home } = await t.start();
    const open = await client.create(home, "old");
    await client.write(open, 0, "old text");
    const idle = await client.walk(home, "old");
    await client.put(home, "new", "new text");
    if (t.isLinux) await client.move(home, "new", home, "old");
    else await client.wstat(await client.walk(home, "new"), { name: "old" });
    await usable(client, open, "old text", true);
    await usable(client, idle, "old text", false);
    assert.equal(await client.get(home, "old"), "new text");
  }),

  rule("R39", "a removal leaves nlink 0 for those who have the file open", LINUX, async (t) => {
    const { client, home } = await t.start();
    const open = await client.create(home, "file");
    await client.unlink(home, "file");
    assert.equal((await client.getattr(open)).nlink, 0);
    await client.setattr(open, Setattr.MTIME | Setattr.MTIME_SET, { mtimeSec: 1_000_000 });
    assert.equal((await client.getattr(open)).mtimeSec, 1_000_000);
    await client.rpc("Tfsync", { fid: open, datasync: 1 });
  }),

  rule(
    "R39",
    "a removed directory lists nothing and takes nothing, and its fid can be stat'ed and clunked",
    ALL,
    async (t) => {
      const { client, home } = await t.start();
      const dir = await client.mkdir(home, "dir");
      const open = await client.walk(dir);
      await client.open(open, "r");
      await client.unlink(home, "dir");
      await client.info(open);
      if (t.isLinux) {
        assert.deepEqual(
          (await client.readdir(open, 0)).filter(({ name }) => !name.startsWith(".")),
          [],
        );
      } else assert.equal((await client.read(open)).byteLength, 0);
      await refused(client.create(dir, "file"));
      await refused(client.mkdir(dir, "below"));
      await client.clunk(open);
      await client.clunk(dir);
      assert.deepEqual(await client.names(home), []);
    },
  ),

  rule("R45", "after a rename through one fid all others go on, and show the new name", ALL, async (t) => {
    const { client, home } = await t.start();
    const open = await client.create(home, "file");
    await client.write(open, 0, "some text");
    const idle = await client.walk(home, "file");
    const other = await t.start();
    const theirs = await other.client.walk(other.home, "file");
    await client.rename(await client.walk(home, "file"), home, "renamed");
    if (!t.isLinux) {
      for (const fid of [open, idle]) assert.equal((await client.stat(fid)).name, "renamed");
      assert.equal((await other.client.stat(theirs)).name, "renamed");
    }
    await usable(client, open, "some text", true);
    await usable(client, idle, "some text", false);
    await other.client.open(theirs, "rw");
    await usable(other.client, theirs, "some text", true);
    await client.put(home, "file", "another file");
    await other.client.write(theirs, 0, "SOME");
    assert.equal(await client.get(home, "renamed"), "SOME text");
    assert.equal(await client.get(home, "file"), "another file");
  }),

  rule(
    "R45",
    "a fid that was not open when its file was renamed can still be opened, walked from and removed",
    ALL,
    async (t) => {
      const { client, home } = await t.start();
      await client.put(home, "file", "some text");
      const [first, second, third] = [
        await client.walk(home, "file"),
        await client.walk(home, "file"),
        await client.walk(home, "file"),
      ];
      for (const name of ["one", "two", "file again"]) await client.rename(first, home, name);
      await client.open(second, "r");
      assert.equal(await client.readText(second), "some text");
      await client.remove(third);
      assert.deepEqual(await client.names(home), []);
      await unknownFid(client, third);
    },
  ),

  rule(
    "R45",
    "fids deep below a renamed directory go on, and names below it can be made, walked and removed",
    ALL,
    async (t) => {
      const { client, home } = await t.start();
      const top = await client.mkdir(home, "top");
      const middle = await client.mkdir(top, "middle");
      const bottom = await client.mkdir(middle, "bottom");
      const open = await client.create(bottom, "file");
      await client.write(open, 0, "some text");
      const idle = await client.walk(bottom, "file");
      const other = await t.start();
      await other.client.rename(await other.client.walk(other.home, "top"), other.home, "renamed");
      await usable(client, open, "some text", true);
      await usable(client, idle, "some text", false);
      await client.open(idle, "r");
      assert.equal(await client.readText(idle), "some text");
      await client.put(bottom, "made", "made later");
      assert.equal(await client.get(home, "renamed", "middle", "bottom", "made"), "made later");
      assert.deepEqual(await client.names(bottom), ["file", "made"]);
      const up = await client.walk(bottom, "..", "..");
      assert.equal((await client.info(up)).qid.path, (await client.info(top)).qid.path);
      if (!t.isLinux) assert.equal((await client.stat(up)).name, "renamed");
      await client.unlink(bottom, "made");
      assert.equal(await client.get(home, "renamed", "middle", "bottom", "file"), "some text");
    },
  ),

  rule(
    "R45",
    'a move to another directory is seen by every fid: ".." leads to the new place',
    LINUX,
    async (t) => {
      const { client, home } = await t.start();
      const from = await client.mkdir(home, "from");
      const to = await client.mkdir(home, "to");
      const moved = await client.mkdir(from, "dir");
      const open = await client.create(moved, "file");
      await client.write(open, 0, "some text");
      const idle = await client.walk(moved, "file");
      const other = await t.start();
      const theirs = [await other.client.walk(other.home, "from"), await other.client.walk(other.home, "to")];
      await other.client.move(theirs[0], "dir", theirs[1], "moved");
      const up = await client.walk(moved, "..");
      assert.equal((await client.getattr(up)).qid.path, (await client.getattr(to)).qid.path);
      await usable(client, open, "some text", true);
      await usable(client, idle, "some text", false);
      assert.equal(await client.get(to, "moved", "file"), "some text");
      assert.deepEqual(await client.names(from), []);
      await client.rpc("Trename", { fid: idle, dfid: home, name: "out" });
      assert.equal(await client.get(home, "out"), "some text");
      await usable(client, open, "some text", true);
    },
  ),

  rule("R45", "a directory never moves below itself", LINUX, async (t) => {
    const { client, home } = await t.start();
    const top = await client.mkdir(home, "top");
    const below = await client.mkdir(top, "below");
    await refused(client.rpc("Trename", { fid: top, dfid: below, name: "loop" }), "EINVAL");
    await refused(client.rpc("Trename", { fid: top, dfid: top, name: "loop" }), "EINVAL");
    await refused(client.move(home, "top", below, "x"), "EINVAL");
    assert.deepEqual(await client.names(home), ["top"]);
    assert.deepEqual(await client.names(top), ["below"]);
  }),
];
