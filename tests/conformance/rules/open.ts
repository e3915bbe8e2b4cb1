/** R21–R23: opening files. */
import assert from "node:assert/strict";
import { O, Qt } from "../../../9p/qid.ts";
import { Dm } from "../../../9p/wire/stat.ts";
import type { Client } from "../client.ts";
import { ALL, CLASSIC, LINUX, refused, type Rule, rule, type Trial } from "../rule.ts";

const OTRUNC = 0x10;
const ORCLOSE = 0x40;

/** A client of another user, held to permission bits, and its fid of the home, in which everybody may write. */
async function stranger(t: Trial): Promise<{ client: Client; home: number }> {
  t.need("permissions");
  const { uname, uid } = t.need("claims");
  const own = await t.start();
  await own.client.chmod(own.home, 0o777);
  return t.start({ uname, uid });
}

export const open: Rule[] = [
  rule("R21", "opening an open fid is an error, and it stays open as it was", ALL, async (t) => {
    const { client, home } = await t.start();
    const file = await client.create(home, "file", { access: "w" });
    await client.write(file, 0, "text");
    for (const access of ["r", "w", "rw"] as const) await refused(client.open(file, access));
    await refused(client.open(file, "rw", { trunc: true }));
    await refused(client.createOn(file, "below"));
    await client.write(file, 4, " more");
    await refused(client.read(file));
    const dir = await client.walk(home);
    await client.open(dir, "r");
    await refused(client.open(dir, "r"));
    await refused(client.createOn(dir, "new"));
    assert.equal(await client.get(home, "file"), "text more");
    assert.deepEqual(await client.names(home), ["file"]);
  }),

  rule("R21", "an open for reading cannot write, one for writing cannot read", ALL, async (t) => {
    const { client, home } = await t.start();
    await client.put(home, "file", "text");
    const reader = await client.walk(home, "file");
    await client.open(reader, "r");
    await refused(client.write(reader, 0, "X"));
    const writer = await client.walk(home, "file");
    await client.open(writer, "w");
    await refused(client.read(writer));
    const both = await client.walk(home, "file");
    await client.open(both, "rw");
    await client.write(both, 0, "T");
    assert.equal(await client.readText(both), "Text");
  }),

  rule("R21", "OTRUNC empties a file, also under those who have it open", ALL, async (t) => {
    const { client, home } = await t.start();
    await client.put(home, "file", "some text");
    const reader = await client.walk(home, "file");
    await client.open(reader, "r");
    const writer = await client.walk(home, "file");
    await client.open(writer, "w", { trunc: true });
    assert.equal((await client.info(reader)).size, 0);
    assert.equal(await client.readText(reader), "");
    await client.write(writer, 2, "x");
    assert.equal(await client.readText(reader), "\0\0x");
  }),

  rule("R21", "OTRUNC with OREAD needs write permission, and has it here", CLASSIC, async (t) => {
    const { client, home } = await t.start();
    await client.put(home, "file", "some text");
    const file = await client.walk(home, "file");
    await client.rpc("Topen", { fid: file, mode: OTRUNC });
    assert.equal((await client.info(file)).size, 0);
    await refused(client.write(file, 0, "x"));
  }),

  rule("R21", "OTRUNC without write permission is an error and empties nothing", ALL, async (t) => {
    const { client, home } = await stranger(t);
    await client.put(home, "file", "some text");
    await client.chmod(await client.walk(home, "file"), 0o444);
    const file = await client.walk(home, "file");
    await refused(client.open(file, "w", { trunc: true }), "EACCES", "EPERM");
    await refused(client.open(file, "r", { trunc: true }), "EACCES", "EPERM");
    assert.equal(await client.get(home, "file"), "some text");
  }),

  rule("R21", "a directory cannot be written, truncated or removed at close", CLASSIC, async (t) => {
    const { client, home } = await t.start();
    const dir = await client.mkdir(home, "dir");
    for (const mode of [1, 2, OTRUNC, OTRUNC | 1, OTRUNC | 2, ORCLOSE, ORCLOSE | 2]) {
      await refused(client.rpc("Topen", { fid: dir, mode }));
      await refused(
        client.rpc("Tcreate", { fid: home, name: "new", perm: Dm.DIR + 0o755, mode, extension: "" }),
      );
    }
    await client.rpc("Topen", { fid: dir, mode: 0 });
    await refused(client.write(dir, 0, "x"));
    await client.clunk(dir);
    assert.deepEqual(await client.names(home), ["dir"]);
  }),

  rule("R21", "a directory cannot be opened to write, a file not as a directory", LINUX, async (t) => {
    const { client, home } = await t.start();
    const dir = await client.mkdir(home, "dir");
    for (const flags of [O.WRONLY, O.RDWR, O.WRONLY | O.TRUNC]) {
      await refused(client.rpc("Tlopen", { fid: dir, flags }), "EISDIR");
    }
    await client.put(home, "file", "text");
    const file = await client.walk(home, "file");
    await refused(client.rpc("Tlopen", { fid: file, flags: O.DIRECTORY }), "ENOTDIR");
    await client.rpc("Tlopen", { fid: dir, flags: O.DIRECTORY });
    await refused(client.write(dir, 0, "x"), "EBADF", "EISDIR");
  }),

  rule("R21", "an append-only file ignores OTRUNC and offsets", CLASSIC, async (t) => {
    t.need("plan9Flags");
    const { client, home } = await t.start();
    const file = await client.create(home, "log", { perm: Dm.APPEND + 0o644 });
    assert.ok((await client.stat(file)).mode & Dm.APPEND);
    assert.ok((await client.stat(file)).qid.type & Qt.APPEND);
    await client.write(file, 0, "one ");
    await client.write(file, 0, "two ");
    await client.write(file, 1000, "three ");
    const again = await client.walk(home, "log");
    await client.open(again, "rw", { trunc: true });
    await client.write(again, 0, "four");
    assert.equal(await client.get(home, "log"), "one two three four");
    assert.equal(await client.readText(file, 4, 3), "two");
  }),

  rule(
    "R21",
    "append-only holds from the moment a wstat says so, for those who open it then",
    CLASSIC,
    async (t) => {
      t.need("plan9Flags");
      const { client, home } = await t.start();
      await client.put(home, "log", "one ");
      await client.wstat(await client.walk(home, "log"), { mode: Dm.APPEND + 0o644 });
      const file = await client.walk(home, "log");
      await client.open(file, "w", { trunc: true });
      await client.write(file, 0, "two");
      assert.equal(await client.get(home, "log"), "one two");
    },
  ),

  rule("R21", "O_APPEND writes at the end, wherever the offset is", LINUX, async (t) => {
    const { client, home } = await t.start();
    await client.put(home, "log", "one ");
    const file = await client.walk(home, "log");
    await client.rpc("Tlopen", { fid: file, flags: O.WRONLY | O.APPEND });
    await client.write(file, 0, "two ");
    const other = await client.walk(home, "log");
    await client.rpc("Tlopen", { fid: other, flags: O.WRONLY | O.APPEND });
    await client.write(other, 0, "three ");
    await client.write(file, 0, "four");
    assert.equal(await client.get(home, "log"), "one two three four");
  }),

  rule("R22", "ORCLOSE removes at clunk and not before", CLASSIC, async (t) => {
    const { client, home } = await t.start();
    await client.put(home, "opened", "text");
    const opened = await client.walk(home, "opened");
    await client.rpc("Topen", { fid: opened, mode: ORCLOSE });
    const made = await client.create(home, "made", { mode: ORCLOSE });
    await client.write(made, 0, "text");
    const bystander = await client.walk(home, "made");
    assert.deepEqual(await client.names(home), ["made", "opened"]);
    await client.clunk(bystander);
    assert.deepEqual(await client.names(home), ["made", "opened"], "another fid's clunk removed it");
    await client.clunk(opened);
    assert.deepEqual(await client.names(home), ["made"]);
    await client.clunk(made);
    assert.deepEqual(await client.names(home), []);
  }),

  rule("R22", "ORCLOSE removes when the connection goes", CLASSIC, async (t) => {
    const { client, home } = await t.start();
    const victim = await t.start();
    await victim.client.create(victim.home, "file", { mode: ORCLOSE });
    assert.deepEqual(await client.names(home), ["file"]);
    victim.client.wire.close();
    for (let i = 0; i < 500 && (await client.names(home)).length > 0; i++) await t.sleep(10);
    assert.deepEqual(await client.names(home), []);
  }),

  rule(
    "R22",
    "ORCLOSE removes the file that was opened, not one that has its name now",
    CLASSIC,
    async (t) => {
      const { client, home } = await t.start();
      const file = await client.create(home, "file", { mode: ORCLOSE });
      await client.rename(await client.walk(home, "file"), home, "renamed");
      await client.put(home, "file", "another");
      await client.clunk(file);
      assert.deepEqual(await client.names(home), ["file"]);
      assert.equal(await client.get(home, "file"), "another");
    },
  ),

  rule(
    "R22",
    "ORCLOSE of a file that somebody else removed frees the fid, and harms no newcomer",
    CLASSIC,
    async (t) => {
      const { client, home } = await t.start();
      const file = await client.create(home, "file", { mode: ORCLOSE });
      await client.unlink(home, "file");
      await client.put(home, "file", "another");
      await client.clunk(file).catch(() => {});
      await refused(client.clunk(file));
      assert.equal(await client.get(home, "file"), "another");
    },
  ),

  rule("R22", "ORCLOSE needs the parent's write permission at open", CLASSIC, async (t) => {
    const { client, home } = await stranger(t);
    const own = await t.start();
    const dir = await own.client.mkdir(own.home, "dir", 0o755);
    await own.client.put(dir, "file", "text", 0o666);
    await own.client.chmod(await own.client.walk(dir, "file"), 0o666);
    const file = await client.walk(home, "dir", "file");
    await refused(client.rpc("Topen", { fid: file, mode: ORCLOSE }), "EACCES", "EPERM");
    await client.rpc("Topen", { fid: file, mode: 2 });
    await client.clunk(file);
    assert.deepEqual(await own.client.names(dir), ["file"]);
  }),

  rule("R22", "permissions are checked at open, and not again", ALL, async (t) => {
    const { client, home } = await stranger(t);
    await client.put(home, "file", "text");
    const file = await client.walk(home, "file");
    await client.open(file, "rw");
    await client.chmod(file, 0);
    await client.write(file, 0, "T");
    assert.equal(await client.readText(file), "Text");
    await refused(client.open(await client.walk(home, "file"), "r"), "EACCES", "EPERM");
    const made = await client.create(home, "made", { perm: 0o000 });
    await client.write(made, 0, "through the fid that made it");
  }),

  rule("R23", "a DMEXCL file is open once across all clients", CLASSIC, async (t) => {
    t.need("plan9Flags");
    const { client, home } = await t.start();
    const file = await client.create(home, "lock", { perm: Dm.EXCL + 0o666 });
    assert.ok((await client.stat(file)).mode & Dm.EXCL);
    const other = await t.start();
    const theirs = await other.client.walk(other.home, "lock");
    await refused(other.client.open(theirs, "r"));
    const own = await client.walk(home, "lock");
    await refused(client.open(own, "r"));
    await other.client.info(theirs);
    await client.clunk(file);
    await other.client.open(theirs, "rw");
    await refused(client.open(own, "r"));
    await other.client.clunk(theirs);
    await client.open(own, "r");
  }),

  rule(
    "R23",
    "a DMEXCL file is free again when its client goes, removes it or fails to open",
    CLASSIC,
    async (t) => {
      t.need("plan9Flags");
      const { client, home } = await t.start();
      const victim = await t.start();
      await victim.client.create(victim.home, "lock", { perm: Dm.EXCL + 0o666 });
      victim.client.wire.close();
      const file = await client.walk(home, "lock");
      for (let i = 0;; i++) {
        try {
          await client.open(file, "r");
          break;
        } catch (thrown) {
          if (i === 500) throw thrown;
          await t.sleep(10);
        }
      }
      await client.remove(file);
      const again = await client.create(home, "lock", { perm: Dm.EXCL + 0o666 });
      await client.wire.version(8192, t.dialect);
      await t.attach(client, client.root);
      const home2 = await t.home(client);
      const file2 = await client.walk(home2, "lock");
      await refused(client.rpc("Topen", { fid: file2, mode: 0x08 }));
      await client.open(file2, "r");
      assert.ok(again > 0);
    },
  ),
];
