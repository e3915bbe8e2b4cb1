/** R24 and R25: making files. */
import assert from "node:assert/strict";
import { O, Qt, S } from "../../../9p/qid.ts";
import { IOHDRSZ } from "../../../9p/wire/codec.ts";
import { Dm } from "../../../9p/wire/stat.ts";
import type { Client } from "../client.ts";
import { ALL, CLASSIC, LINUX, refused, type Rule, rule } from "../rule.ts";
import { Refused } from "../wire.ts";

const OTRUNC = 0x10;
/** Creates with `perm` in a directory of mode `dirMode`, and says what mode the new file has. */
async function createdMode(client: Client, home: number, dirMode: number, perm: number): Promise<number> {
  const dir = await client.mkdir(home, "dir", 0o777);
  await client.chmod(dir, dirMode);
  const isDir = perm >= Dm.DIR;
  const fid = await client.create(dir, "new", { perm, access: isDir ? "r" : "rw" });
  const { mode } = await client.info(fid);
  await client.remove(fid);
  await client.chmod(dir, 0o777);
  await client.remove(dir);
  return mode;
}

export const create: Rule[] = [
  rule("R24", "Tcreate masks a file's mode by perm & (~0666 | dir & 0666)", CLASSIC, async (t) => {
    const { client, home } = await t.start();
    for (const dir of [0o777, 0o755, 0o750, 0o700, 0o711, 0o773]) {
      for (const perm of [0o777, 0o666, 0o644, 0o600, 0o755, 0o111, 0]) {
        const wanted = perm & (~0o666 | (dir & 0o666));
        const mode = await createdMode(client, home, dir, perm);
        assert.equal(mode.toString(8), wanted.toString(8), `perm ${perm.toString(8)} in ${dir.toString(8)}`);
      }
    }
  }),

  rule("R24", "Tcreate masks a directory's mode by perm & (~0777 | dir & 0777)", CLASSIC, async (t) => {
    const { client, home } = await t.start();
    for (const dir of [0o777, 0o755, 0o750, 0o700, 0o711]) {
      for (const perm of [0o777, 0o755, 0o700]) {
        const wanted = perm & (~0o777 | (dir & 0o777));
        const mode = await createdMode(client, home, dir, Dm.DIR + perm);
        assert.equal(mode.toString(8), wanted.toString(8), `perm ${perm.toString(8)} in ${dir.toString(8)}`);
      }
    }
  }),

  rule("R24", "Tlcreate and Tmkdir take the mode as it is: Linux has applied its umask", LINUX, async (t) => {
    const { client, home } = await t.start();
    await client.chmod(home, 0o700);
    for (const mode of [0o777, 0o666, 0o642, 0o600, 0o200]) {
      const file = await client.create(home, "file", { perm: mode });
      assert.equal((await client.getattr(file)).mode & 0o7777, mode);
      await client.remove(file);
      const dir = await client.mkdir(home, "dir", mode | 0o100);
      assert.equal((await client.getattr(dir)).mode & 0o7777, mode | 0o100);
      await client.remove(dir);
    }
  }),

  rule(
    "R24",
    "an existing name is an error; the fid stays the directory and the file as it was",
    ALL,
    async (t) => {
      const { client, home } = await t.start();
      await client.put(home, "file", "text");
      await client.clunk(await client.mkdir(home, "dir"));
      const fid = await client.walk(home);
      for (const name of ["file", "dir"]) {
        await refused(client.createOn(fid, name), "EEXIST");
        if (!t.isLinux) {
          await refused(client.createOn(fid, name, { mode: OTRUNC }), "EEXIST");
          await refused(client.createOn(fid, name, { perm: Dm.DIR + 0o755, access: "r" }), "EEXIST");
        } else await refused(client.rpc("Tmkdir", { dfid: fid, name, mode: 0o755, gid: 0 }), "EEXIST");
      }
      assert.equal(await client.get(fid, "file"), "text");
      await client.createOn(fid, "new");
      assert.deepEqual(await client.names(home), ["dir", "file", "new"]);
    },
  ),

  rule("R24", "the fid of the directory becomes the new file, open as asked", ALL, async (t) => {
    const { client, home } = await t.start();
    const fid = await client.walk(home);
    const { qid } = await client.createOn(fid, "file", { access: "w" });
    assert.equal(qid.type & Qt.DIR, 0);
    assert.equal((await client.info(fid)).qid.path, qid.path);
    await client.write(fid, 0, "text");
    await refused(client.read(fid));
    await refused(client.rpc("Twalk", { fid, newfid: 80, wname: ["x"] }), "ENOTDIR");
    assert.equal(await client.get(home, "file"), "text");
  }),

  rule("R24", "a new directory's fid is open and lists nothing", CLASSIC, async (t) => {
    const { client, home } = await t.start();
    const dir = await client.create(home, "dir", { perm: Dm.DIR + 0o755, access: "r" });
    assert.ok((await client.stat(dir)).mode & Dm.DIR);
    assert.equal((await client.read(dir)).byteLength, 0);
    await refused(client.createOn(dir, "below"));
  }),

  rule(
    "R24",
    "nothing can be made in a file, nor a device or link that the dialect does not have",
    CLASSIC,
    async (t) => {
      const { client, home } = await t.start();
      await client.put(home, "file", "text");
      await refused(client.createOn(await client.walk(home, "file"), "below"), "ENOTDIR");
      if (t.dialect === "9P2000") {
        for (const bit of [Dm.SYMLINK, Dm.DEVICE, Dm.NAMEDPIPE, Dm.SOCKET, Dm.LINK]) {
          await refused(client.create(home, "special", { perm: bit + 0o644 }));
        }
      }
      assert.deepEqual(await client.names(home), ["file"]);
    },
  ),

  rule("R25", "iounit is 0 or at most msize - 24", ALL, async (t) => {
    const own = await t.start();
    await own.client.put(own.home, "file", "text");
    for (const msize of [256, 4096, 8192, 1 << 20, 8 << 20]) {
      const client = await t.client({ msize });
      const home = await t.home(client);
      const made = await client.createOn(await client.walk(home), `made ${msize}`);
      const opened = await client.open(await client.walk(home, "file"), "r");
      const dir = await client.open(await client.walk(home), "r");
      for (const { iounit } of [made, opened, dir]) {
        assert.ok(iounit <= client.wire.msize - IOHDRSZ, `iounit ${iounit}, msize ${client.wire.msize}`);
      }
    }
  }),

  rule("R24", "a new file's type and permission bits arrive as they were asked for", LINUX, async (t) => {
    t.need("fifos");
    const { client, home } = await t.start();
    await client.rpc("Tmknod", {
      dfid: home,
      name: "fifo",
      mode: S.IFIFO | 0o622,
      major: 0,
      minor: 0,
      gid: 0,
    });
    assert.equal((await client.getattr(await client.walk(home, "fifo"))).mode, S.IFIFO | 0o622);
  }),

  rule(
    "R21",
    "Tlcreate of a file that is there opens it as Tlopen does: append-only, exclusive, never a symlink",
    LINUX,
    async (t) => {
      const { client, home } = await t.start();
      // Only 9P2000 makes append-only and exclusive files.
      const classic = await t.client({ dialect: "9P2000.u" }).catch((thrown) => {
        if (thrown instanceof Refused) t.skip("the subject speaks 9P2000.L only");
        throw thrown;
      });
      const theirs = await t.home(classic);
      const create = async (name: string) => {
        const fid = await client.walk(home);
        await client.rpc("Tlcreate", { fid, name, flags: O.WRONLY | O.TRUNC, mode: 0o644, gid: client.gid });
        return fid;
      };
      const log = await classic.create(theirs, "log", { perm: Dm.APPEND + 0o644 });
      if (!((await classic.stat(log)).mode & Dm.APPEND)) t.skip("the subject keeps no append-only files");
      await classic.write(log, 0, "one");
      const again = await create("log");
      await client.write(again, 0, "two");
      assert.equal(await client.get(home, "log"), "onetwo");

      const held = await classic.create(theirs, "held", { perm: Dm.EXCL + 0o644 });
      await classic.write(held, 0, "kept");
      await refused(create("held"), "EBUSY");
      await classic.clunk(held);
      assert.equal(await client.get(home, "held"), "kept");

      await client.rpc("Tsymlink", { fid: home, name: "link", symtgt: "log", gid: client.gid });
      await refused(create("link"), "ELOOP");
    },
  ),
];
