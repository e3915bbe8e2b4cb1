/** R36–R38 and R40–R48 but for those with other rules of their kind: what each dialect adds, and how they agree. */
import assert from "node:assert/strict";
import { Errno } from "../../../9p/errno.ts";
import { O, S } from "../../../9p/qid.ts";
import { Dm } from "../../../9p/wire/stat.ts";
import { MESSAGES } from "../../../9p/wire/messages.ts";
import { type Client, GETATTR_BASIC, Setattr } from "../client.ts";
import { LINUX_PHRASES, NINEPFUSE_WORDS, readBy9pfuse } from "../phrases.ts";
import { ALL, CLASSIC, LINUX, NUMERIC, refused, type Rule, rule, type Trial, unknownFid } from "../rule.ts";
import { frameOf, rawFrame, Refused } from "../wire.ts";

const GETATTR = { BTIME: 0x800, GEN: 0x1000, DATA_VERSION: 0x2000, ALL: 0x3fff };
const AT_REMOVEDIR = 0x200;
const LOCK = { READ: 0, WRITE: 1, UNLOCK: 2 };
const STATUS = { SUCCESS: 0, BLOCKED: 1 };

/** Requests that fail, and why. Each is tried in two ways, so that one errno has one phrase. */
async function failures(t: Trial, client: Client, home: number): Promise<[string, Refused][]> {
  await client.put(home, "file", "text");
  const dir = await client.mkdir(home, "dir");
  await client.put(dir, "inside", "text");
  const file = await client.walk(home, "file");
  const fail = async (code: string, request: Promise<unknown>): Promise<[string, Refused]> => [code, await refused(request)];
  const missing = 0x7ffffff1;
  return [
    await fail("ENOENT", client.walk(home, "missing")),
    await fail("ENOENT", client.walk(dir, "missing too")),
    await fail("EEXIST", client.create(home, "file")),
    await fail("EEXIST", client.create(home, "dir")),
    await fail("ENOTDIR", client.walk(file, "below")),
    await fail("ENOTDIR", client.createOn(file, "below")),
    await fail("EISDIR", client.open(dir, "w")),
    await fail("EISDIR", client.open(dir, "rw")),
    await fail("ENOTEMPTY", client.remove(await client.walk(dir))),
    await fail("EBADF", client.clunk(missing)),
    await fail("EBADF", client.read(missing)),
    await fail("EINVAL", client.create(home, "..")),
    await fail("EINVAL", client.create(home, "a/b")),
    await fail("ENAMETOOLONG", client.create(home, "x".repeat(300))),
    ...t.isLinux ? [] : [
      await fail("EPERM", client.wstat(file, { type: 5 })),
      await fail("EPERM", client.wstat(dir, { dev: 5 })),
    ],
  ];
}

/** A lock on a file that two clients have open, each in its own name. */
async function twoLockers(t: Trial) {
  const { client, home } = await t.start();
  const one = await client.create(home, "file");
  const other = await t.start();
  const two = await other.client.walk(other.home, "file");
  await other.client.open(two, "rw");
  const range = { flags: 0, start: 0, length: 0, procId: 1 };
  const lock = async (who: "one" | "two", type: number, more: Partial<typeof range> = {}) => {
    const [from, fid] = who === "one" ? [client, one] : [other.client, two];
    return (await from.rpc("Tlock", { ...range, type, fid, clientId: who, ...more })).status;
  };
  const getlock = (who: "one" | "two", type: number, start = 0, length = 0) => {
    const [from, fid] = who === "one" ? [client, one] : [other.client, two];
    return from.rpc("Tgetlock", { fid, type, start, length, procId: 1, clientId: who });
  };
  return { client, other: other.client, one, two, home, lock, getlock };
}

async function setXattr(client: Client, fid: number, name: string, value: string, flags = 0): Promise<void> {
  const clone = await client.walk(fid);
  try {
    await client.rpc("Txattrcreate", { fid: clone, name, attrSize: value.length, flags });
  } catch (thrown) {
    await client.clunk(clone);
    throw thrown;
  }
  if (value !== "") await client.write(clone, 0, value);
  await client.clunk(clone);
}

async function getXattr(client: Client, fid: number, name: string): Promise<string> {
  const newfid = client.freeFid();
  const { size } = await client.rpc("Txattrwalk", { fid, newfid, name });
  const value = size > 0 ? await client.readText(newfid, 0, size) : "";
  await client.clunk(newfid);
  assert.equal(value.length, size);
  return value;
}

async function xattrNames(client: Client, fid: number): Promise<string[]> {
  return (await getXattr(client, fid, "")).split("\0").filter((name) => name.startsWith("user.")).sort();
}

export const dialects: Rule[] = [
  rule("R36", "an Rerror of 9P2000.u carries an errno that fits its text, one of 9P2000 none", CLASSIC, async (t) => {
    const { client, home } = await t.start();
    const tag = client.wire.send("Twalk", { fid: home, newfid: 80, wname: ["missing"] });
    const { bytes, type } = await client.wire.reply(tag);
    assert.equal(type, MESSAGES.Rerror.type);
    const view = new DataView(bytes.buffer);
    const end = 9 + view.getUint16(7, true);
    assert.equal(bytes.byteLength, t.dialect === "9P2000.u" ? end + 4 : end);
    if (t.dialect === "9P2000.u") assert.equal(view.getUint32(end, true), Errno.ENOENT);
  }),

  rule("R36", "a stat of 9P2000 ends with muid, one of 9P2000.u has extension and numbers", CLASSIC, async (t) => {
    const { client, home } = await t.start();
    const file = await client.create(home, "file");
    const { bytes } = await client.wire.reply(client.wire.send("Tstat", { fid: file }));
    const view = new DataView(bytes.buffer);
    // size[4] Rstat tag[2] n[2] size[2] type[2] dev[4] qid[13] mode[4] atime[4] mtime[4] length[8] and four strings
    let at = 11 + 2 + 4 + 13 + 4 + 4 + 4 + 8;
    for (let i = 0; i < 4; i++) at += 2 + view.getUint16(at, true);
    if (t.dialect === "9P2000") assert.equal(at, bytes.byteLength);
    else {
      at += 2 + view.getUint16(at, true);
      assert.equal(at + 12, bytes.byteLength);
      const stat = await client.stat(file);
      assert.equal(stat.nUid, t.subject.uid);
      assert.equal(stat.extension, "");
    }
  }),

  rule("R36", "9P2000.u makes and shows symbolic links by the extension", ["9P2000.u"], async (t) => {
    t.need("symlinks");
    const { client, home } = await t.start();
    const target = "somewhere/ünder no/name";
    await client.clunk(await client.create(home, "link", { perm: Dm.SYMLINK + 0o777, access: "r", extension: target }));
    const link = await client.walk(home, "link");
    const { mode, extension } = await client.stat(link);
    assert.ok(mode & Dm.SYMLINK);
    assert.equal(extension, target);
    const [entry] = client.entries(await (async () => {
      const dir = await client.walk(home);
      await client.open(dir, "r");
      return client.read(dir);
    })());
    assert.equal(entry.extension, target);
    assert.ok(entry.mode & Dm.SYMLINK);
    await refused(client.create(home, "link", { perm: Dm.SYMLINK + 0o777, access: "r", extension: "x" }), "EEXIST");
  }),

  rule("R36", "9P2000.u makes and shows fifos and devices", ["9P2000.u"], async (t) => {
    t.need("fifos");
    const { client, home } = await t.start();
    await client.clunk(await client.create(home, "fifo", { perm: Dm.NAMEDPIPE + 0o644, access: "r" }));
    assert.ok((await client.stat(await client.walk(home, "fifo"))).mode & Dm.NAMEDPIPE);
    t.need("devices");
    for (const [name, extension] of [["null", "c 1 3"], ["disk", "b 7 300"]]) {
      await client.clunk(await client.create(home, name, { perm: Dm.DEVICE + 0o644, access: "r", extension }));
      const stat = await client.stat(await client.walk(home, name));
      assert.ok(stat.mode & Dm.DEVICE);
      assert.equal(stat.extension, extension);
    }
    for (const extension of ["", "c", "c 1", "x 1 2", "c 1 3 4 5".repeat(50), "c -1 2", "c 1 99999999999"]) {
      await refused(client.create(home, "bad", { perm: Dm.DEVICE + 0o644, access: "r", extension }));
    }
    assert.equal(await client.has(home, "bad"), false);
  }),

  rule("R36", "9P2000.u carries setuid, setgid and numeric owners", ["9P2000.u"], async (t) => {
    const { client, home } = await t.start();
    await client.put(home, "file", "text");
    const file = await client.walk(home, "file");
    await client.wstat(file, { mode: Dm.SETUID + Dm.SETGID + 0o755 });
    assert.equal((await client.stat(file)).mode, Dm.SETUID + Dm.SETGID + 0o755);
    const { uid } = t.need("claims");
    await client.wstat(file, { nUid: uid });
    assert.equal((await client.stat(file)).nUid, uid);
  }),

  rule("R36", "what one dialect made, the others show", ["9P2000.u"], async (t) => {
    if (!t.subject.dialects.includes("9P2000.L")) t.skip("the subject does not speak 9P2000.L");
    t.need("symlinks");
    const { client, home } = await t.start();
    const linux = await t.start({ dialect: "9P2000.L" });
    await linux.client.rpc("Tsymlink", { fid: linux.home, name: "link", symtgt: "target", gid: 0 });
    await linux.client.put(linux.home, "file", "text", 0o640);
    assert.equal((await client.stat(await client.walk(home, "link"))).extension, "target");
    const stat = await client.stat(await client.walk(home, "file"));
    const attr = await linux.client.getattr(await linux.client.walk(linux.home, "file"));
    assert.deepEqual(stat.qid, attr.qid);
    assert.deepEqual([stat.mode, stat.length, stat.mtime, stat.nUid, stat.nGid], [
      attr.mode & 0o777, attr.size, attr.mtimeSec, attr.uid, attr.gid,
    ]);
    const plain = await t.start({ dialect: "9P2000" });
    assert.deepEqual(await plain.client.names(plain.home), ["file", "link"]);
    assert.equal(await plain.client.get(plain.home, "file"), "text");
  }),

  rule("R37", "Rlerror carries Linux errno numbers", LINUX, async (t) => {
    const { client, home } = await t.start();
    for (const [code, { errno }] of await failures(t, client, home)) {
      assert.equal(errno, Errno[code as keyof typeof Errno], code);
    }
    const reply = await client.wire.reply(client.wire.send("Tclunk", { fid: 0x7ffffff1 }));
    assert.deepEqual([reply.type, reply.bytes.byteLength], [MESSAGES.Rlerror.type, 11]);
  }),

  rule("R37", "the messages of the other dialects are errors, and answered by Rlerror", LINUX, async (t) => {
    const { client, home } = await t.start();
    for (const type of [MESSAGES.Topen.type, MESSAGES.Tcreate.type, MESSAGES.Tstat.type, MESSAGES.Twstat.type]) {
      const body = new Uint8Array(20);
      new DataView(body.buffer).setUint32(0, home, true);
      client.wire.sendBytes(rawFrame(type, 5, body), { name: "old", tag: 5 });
      assert.equal((await client.wire.reply(5)).type, MESSAGES.Rlerror.type);
    }
    await client.info(home);
  }),

  rule("R38", "Tgetattr's valid covers only what is filled, whatever was asked for", LINUX, async (t) => {
    const { client, home } = await t.start();
    await client.put(home, "file", "text");
    const file = await client.walk(home, "file");
    for (const mask of [0, 1, GETATTR_BASIC, GETATTR.ALL, 0x3fff + 2 ** 20, 2 ** 63]) {
      const attr = await client.getattr(file, mask);
      assert.equal(attr.valid & GETATTR_BASIC & mask, mask & GETATTR_BASIC, "a basic field was not filled");
      assert.equal(attr.valid & ~GETATTR.ALL, 0, `valid 0x${attr.valid.toString(16)}`);
      if (attr.valid & GETATTR.BTIME) assert.ok(attr.btimeSec > 1e9, "the time of birth is said to be filled");
      if (attr.valid & GETATTR.GEN) assert.notEqual(attr.gen, 0, "the generation is said to be filled");
      if (attr.valid & GETATTR.DATA_VERSION) assert.notEqual(attr.dataVersion, 0, "the data version likewise");
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
    assert.equal((await client.getattr(file)).mtimeSec, touched.mtimeSec, "_SET without its time changed something");
  }),

  rule("R38", "times keep their nanoseconds, and may lie before 1970 and after 2038", LINUX, async (t) => {
    const { client, home } = await t.start();
    await client.put(home, "file", "text");
    const file = await client.walk(home, "file");
    const { ATIME, MTIME, ATIME_SET, MTIME_SET } = Setattr;
    for (const [sec, nsec] of [[1_000_000, 123_456_789], [0, 0], [2 ** 31 + 5, 999_999_999], [2 ** 32 + 7, 1], [-5, 1]]) {
      await client.rpc("Tsetattr", {
        fid: file,
        valid: ATIME | MTIME | ATIME_SET | MTIME_SET,
        mode: 0, uid: 0, gid: 0, size: 0,
        atimeSec: sec, atimeNsec: nsec, mtimeSec: sec, mtimeNsec: nsec,
      });
      const attr = await client.getattr(file);
      assert.deepEqual([attr.mtimeSec, attr.mtimeNsec, attr.atimeSec, attr.atimeNsec], [sec, nsec, sec, nsec]);
    }
  }),

  rule("R38", "Tsetattr changes what its bits name and nothing else; ctime moves by itself", LINUX, async (t) => {
    const { client, home } = await t.start();
    await client.put(home, "file", "some text", 0o640);
    const file = await client.walk(home, "file");
    const before = await client.getattr(file);
    const junk = { mode: 0o777, uid: 7, gid: 7, size: 3, mtimeSec: 3, atimeSec: 3 };
    await client.setattr(file, Setattr.MODE, { ...junk, mode: 0o4711 });
    const mode = await client.getattr(file);
    assert.equal(mode.mode, S.IFREG | 0o4711);
    const rest = ({ size, uid, gid, mtimeSec, atimeSec, nlink }: typeof mode) => [size, uid, gid, mtimeSec, atimeSec, nlink];
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
  }),

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
      await client.rpc("Tmknod", { dfid: open, name: "fifo", mode: S.IFIFO | 0o644, major: 0, minor: 0, gid: 0 });
      await client.rpc("Tunlinkat", { dirfd: open, name: "fifo", flags: 0 });
    }
    await client.rpc("Trename", { fid: await client.walk(to, "moved"), dfid: open, name: "back" });
    await client.rpc("Tunlinkat", { dirfd: open, name: "dir", flags: AT_REMOVEDIR });
    assert.deepEqual(await client.names(home), ["back"]);
    assert.deepEqual((await client.readdir(open, 0)).map(({ name }) => name).filter((name) => !name.startsWith(".")), ["back"]);
  }),

  rule("R40", "Tunlinkat: AT_REMOVEDIR on a file is ENOTDIR, its absence on a directory EISDIR", LINUX, async (t) => {
    const { client, home } = await t.start();
    await client.put(home, "file", "text");
    const dir = await client.mkdir(home, "dir");
    await client.put(dir, "inside", "text");
    const unlink = (dirfd: number, name: string, flags: number) => client.rpc("Tunlinkat", { dirfd, name, flags });
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
  }),

  rule("R40", "Trenameat replaces as rename(2) does: files by files, empty directories by directories", LINUX, async (t) => {
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
    assert.deepEqual(await client.names(home), ["empty", "second", "two"], "two names of one file stay as they are");
  }),

  rule("R40", "Tlink gives a file another name, and never a directory", LINUX, async (t) => {
    t.need("hardLinks");
    const { client, home } = await t.start();
    await client.put(home, "file", "text");
    const file = await client.walk(home, "file");
    await client.rpc("Tlink", { dfid: home, fid: file, name: "second" });
    await refused(client.rpc("Tlink", { dfid: home, fid: file, name: "second" }), "EEXIST");
    await refused(client.rpc("Tlink", { dfid: file, fid: file, name: "third" }), "ENOTDIR");
    await refused(client.rpc("Tlink", { dfid: home, fid: await client.mkdir(home, "dir"), name: "third" }), "EPERM");
    const second = await client.walk(home, "second");
    await client.open(second, "rw");
    await client.write(second, 0, "TEXT");
    assert.equal(await client.get(home, "file"), "TEXT");
    await client.remove(file);
    assert.equal((await client.getattr(second)).nlink, 1);
    assert.equal(await client.readText(second), "TEXT");
  }),

  rule("R40", "Tlcreate without O_EXCL opens a file that is there, with O_TRUNC it empties it", LINUX, async (t) => {
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
    await refused(client.rpc("Tlcreate", { fid: home, name: "dir", flags: O.CREAT | O.RDWR, mode: 0o644, gid: 0 }), "EISDIR", "EEXIST");
  }),

  rule("R40", "Tmknod makes what its mode says, also a regular file, and nothing that mode cannot be", LINUX, async (t) => {
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
  }),

  rule("R41", "a conflicting lock is answered BLOCKED at once, whether the client would wait or not", LINUX, async (t) => {
    const { lock } = await twoLockers(t);
    assert.equal(await lock("one", LOCK.WRITE), STATUS.SUCCESS);
    assert.equal(await lock("two", LOCK.WRITE), STATUS.BLOCKED);
    assert.equal(await lock("two", LOCK.WRITE, { flags: 1 }), STATUS.BLOCKED);
    assert.equal(await lock("two", LOCK.READ, { start: 100, length: 1 }), STATUS.BLOCKED);
    assert.equal(await lock("one", LOCK.UNLOCK), STATUS.SUCCESS);
    assert.equal(await lock("two", LOCK.WRITE, { flags: 1 }), STATUS.SUCCESS);
    assert.equal(await lock("one", LOCK.READ), STATUS.BLOCKED);
  }),

  rule("R41", "read locks are shared, ranges apart do not meet, an owner never blocks itself", LINUX, async (t) => {
    const { lock } = await twoLockers(t);
    assert.equal(await lock("one", LOCK.READ), STATUS.SUCCESS);
    assert.equal(await lock("two", LOCK.READ), STATUS.SUCCESS);
    assert.equal(await lock("two", LOCK.WRITE), STATUS.BLOCKED, "an upgrade against another's read lock");
    await lock("one", LOCK.UNLOCK);
    assert.equal(await lock("two", LOCK.WRITE), STATUS.SUCCESS, "an upgrade of one's own read lock");
    await lock("two", LOCK.UNLOCK);
    assert.equal(await lock("one", LOCK.WRITE, { start: 0, length: 10 }), STATUS.SUCCESS);
    assert.equal(await lock("two", LOCK.WRITE, { start: 10, length: 10 }), STATUS.SUCCESS);
    assert.equal(await lock("two", LOCK.WRITE, { start: 9, length: 1 }), STATUS.BLOCKED);
    assert.equal(await lock("one", LOCK.WRITE, { start: 5, length: 5 }), STATUS.SUCCESS);
    assert.equal(await lock("one", LOCK.WRITE, { start: 0, length: 0 }), STATUS.BLOCKED);
  }),

  rule("R41", "an unlock in the middle splits a lock, and only the owner's", LINUX, async (t) => {
    const { lock } = await twoLockers(t);
    await lock("one", LOCK.WRITE, { start: 0, length: 30 });
    await lock("two", LOCK.UNLOCK, { start: 0, length: 0 });
    assert.equal(await lock("two", LOCK.WRITE, { start: 0, length: 1 }), STATUS.BLOCKED);
    await lock("one", LOCK.UNLOCK, { start: 10, length: 10 });
    assert.equal(await lock("two", LOCK.WRITE, { start: 10, length: 10 }), STATUS.SUCCESS);
    assert.equal(await lock("two", LOCK.WRITE, { start: 9, length: 1 }), STATUS.BLOCKED);
    assert.equal(await lock("two", LOCK.WRITE, { start: 20, length: 1 }), STATUS.BLOCKED);
    assert.equal(await lock("two", LOCK.WRITE, { start: 30, length: 0 }), STATUS.SUCCESS);
  }),

  rule("R41", "Tgetlock tells of the lock in the way, and of none by UNLOCK", LINUX, async (t) => {
    const { lock, getlock } = await twoLockers(t);
    assert.equal((await getlock("two", LOCK.WRITE)).type, LOCK.UNLOCK);
    await lock("one", LOCK.WRITE, { start: 10, length: 20, procId: 42 });
    const { type, start, length, procId, clientId } = await getlock("two", LOCK.READ);
    assert.deepEqual({ type, start, length, procId, clientId }, {
      type: LOCK.WRITE, start: 10, length: 20, procId: 42, clientId: "one",
    });
    assert.equal((await getlock("two", LOCK.WRITE, 0, 10)).type, LOCK.UNLOCK);
    assert.equal((await getlock("two", LOCK.WRITE, 30, 0)).type, LOCK.UNLOCK);
    await lock("two", LOCK.READ, { start: 50, length: 0 });
    const open = await getlock("one", LOCK.WRITE, 60, 5);
    assert.deepEqual([open.type, open.start, open.length], [LOCK.READ, 50, 0]);
    assert.equal((await getlock("one", LOCK.READ, 60, 5)).type, LOCK.UNLOCK);
  }),

  rule("R41", "locks end with the clunk of their fid", LINUX, async (t) => {
    const { client, one, lock } = await twoLockers(t);
    await lock("one", LOCK.WRITE);
    await client.clunk(one);
    assert.equal(await lock("two", LOCK.WRITE), STATUS.SUCCESS);
  }),

  rule("R41", "locks end with the connection", LINUX, async (t) => {
    const { client, lock } = await twoLockers(t);
    await lock("one", LOCK.WRITE);
    assert.equal(await lock("two", LOCK.WRITE), STATUS.BLOCKED);
    client.wire.close();
    let status: number = STATUS.BLOCKED;
    for (let i = 0; i < 50 && status === STATUS.BLOCKED; i++) {
      await t.sleep(10);
      status = await lock("two", LOCK.WRITE);
    }
    assert.equal(status, STATUS.SUCCESS);
  }),

  rule("R41", "locks survive a rename and the removal of the file", LINUX, async (t) => {
    const { client, home, lock } = await twoLockers(t);
    await lock("one", LOCK.WRITE);
    await client.rpc("Trenameat", { olddirfid: home, oldname: "file", newdirfid: home, newname: "renamed" });
    assert.equal(await lock("two", LOCK.WRITE), STATUS.BLOCKED);
    await client.rpc("Tunlinkat", { dirfd: home, name: "renamed", flags: 0 });
    assert.equal(await lock("two", LOCK.WRITE), STATUS.BLOCKED);
    await client.put(home, "file", "another");
    const fid = await client.walk(home, "file");
    await client.open(fid, "rw");
    const fresh = { fid, type: LOCK.WRITE, flags: 0, start: 0, length: 0, procId: 1, clientId: "three" };
    assert.equal((await client.rpc("Tlock", fresh)).status, STATUS.SUCCESS, "a new file has the locks of the old one");
  }),

  rule("R41", "a lock needs an open fid, a known type, and takes any range", LINUX, async (t) => {
    const { client, home, lock } = await twoLockers(t);
    const fid = await client.walk(home, "file");
    const want = { fid, type: LOCK.WRITE, flags: 0, start: 0, length: 0, procId: 1, clientId: "one" };
    await refused(client.rpc("Tlock", want));
    await client.open(fid, "rw");
    await refused(client.rpc("Tlock", { ...want, type: 7 }));
    for (const [start, length] of [[2 ** 53 - 1, 1], [2 ** 63, 0], [2 ** 63, 2 ** 63], [0, 2 ** 63]]) {
      await lock("one", LOCK.WRITE, { start, length }).catch((thrown) => assert.ok(thrown instanceof Refused));
    }
    assert.equal(await lock("one", LOCK.UNLOCK, { start: 0, length: 0 }), STATUS.SUCCESS);
    assert.equal(await lock("two", LOCK.WRITE), STATUS.SUCCESS);
  }),

  rule("R42", "an attribute is set at clunk and not before, and can be read and listed", LINUX, async (t) => {
    t.need("xattrs");
    const { client, home } = await t.start();
    await client.put(home, "file", "text");
    const file = await client.walk(home, "file");
    const fid = await client.walk(file);
    await client.rpc("Txattrcreate", { fid, name: "user.one", attrSize: 10, flags: 0 });
    await client.write(fid, 0, "01234");
    await client.write(fid, 5, "56789");
    await refused(getXattr(client, file, "user.one"), "ENODATA");
    await client.clunk(fid);
    assert.equal(await getXattr(client, file, "user.one"), "0123456789");
    await setXattr(client, file, "user.two", "2");
    assert.deepEqual(await xattrNames(client, file), ["user.one", "user.two"]);
    await setXattr(client, file, "user.one", "shorter");
    assert.equal(await getXattr(client, file, "user.one"), "shorter");
    assert.equal(await client.get(home, "file"), "text");
  }),

  rule("R42", "a size mismatch is an error, and nothing is set", LINUX, async (t) => {
    t.need("xattrs");
    const { client, home } = await t.start();
    await client.put(home, "file", "text");
    const file = await client.walk(home, "file");
    await setXattr(client, file, "user.test", "before");
    const announce = async (attrSize: number) => {
      const fid = await client.walk(file);
      await client.rpc("Txattrcreate", { fid, name: "user.test", attrSize, flags: 0 });
      return fid;
    };
    const short = await announce(10);
    await client.write(short, 0, "01234");
    await refused(client.clunk(short));
    await unknownFid(client, short);
    const long = await announce(3);
    const written = await client.write(long, 0, "012345").catch((thrown) => {
      assert.ok(thrown instanceof Refused);
      return 0;
    });
    assert.equal(written, 0, "more was taken than was announced");
    await refused(client.clunk(long));
    const gap = await announce(10);
    await client.write(gap, 5, "56789").catch((thrown) => assert.ok(thrown instanceof Refused));
    await refused(client.clunk(gap));
    assert.equal(await getXattr(client, file, "user.test"), "before");
  }),

  rule("R42", "a missing attribute is ENODATA; XATTR_CREATE and XATTR_REPLACE hold", LINUX, async (t) => {
    t.need("xattrs");
    const { client, home } = await t.start();
    await client.put(home, "file", "text");
    const file = await client.walk(home, "file");
    await refused(getXattr(client, file, "user.missing"), "ENODATA");
    await refused(getXattr(client, file, "security.capability"), "ENODATA");
    assert.deepEqual(await xattrNames(client, file), []);
    await refused(setXattr(client, file, "user.test", "x", 2), "ENODATA");
    await setXattr(client, file, "user.test", "first", 1);
    await refused(setXattr(client, file, "user.test", "second", 1), "EEXIST");
    assert.equal(await getXattr(client, file, "user.test"), "first");
    await setXattr(client, file, "user.test", "third", 2);
    assert.equal(await getXattr(client, file, "user.test"), "third");
  }),

  rule("R42", "an attribute is removed by replacing it with nothing, as v9fs does", LINUX, async (t) => {
    t.need("xattrs");
    const { client, home } = await t.start();
    await client.put(home, "file", "text");
    const file = await client.walk(home, "file");
    await setXattr(client, file, "user.test", "x");
    await setXattr(client, file, "user.test", "", 2);
    await refused(getXattr(client, file, "user.test"), "ENODATA");
    await refused(setXattr(client, file, "user.test", "", 2), "ENODATA");
    assert.deepEqual(await xattrNames(client, file), []);
  }),

  rule("R42", "an attribute's fid is no file; a value that is too large is refused before it is taken", LINUX, async (t) => {
    t.need("xattrs");
    const { client, home } = await t.start();
    await client.put(home, "file", "text");
    const file = await client.walk(home, "file");
    await setXattr(client, file, "user.test", "0123456789");
    const value = client.freeFid();
    await client.rpc("Txattrwalk", { fid: file, newfid: value, name: "user.test" });
    assert.equal(await client.readText(value, 3, 4), "3456");
    assert.equal(await client.readText(value, 10, 4), "");
    assert.equal(await client.readText(value, 2 ** 40, 4), "");
    await refused(client.write(value, 0, "x"));
    await refused(client.open(value, "r"));
    await refused(client.rpc("Txattrwalk", { fid: file, newfid: value, name: "user.test" }));
    await client.clunk(value);
    const fid = await client.walk(file);
    for (const attrSize of [2 ** 20, 2 ** 32, 2 ** 63]) {
      await refused(client.rpc("Txattrcreate", { fid, name: "user.large", attrSize, flags: 0 }));
    }
    await client.clunk(fid);
    await setXattr(client, file, "user.binary", "a\0b\n\x7f");
    assert.equal(await getXattr(client, file, "user.binary"), "a\0b\n\x7f");
  }),

  rule("R42", "an attribute follows the file through a rename, and is not another file's", LINUX, async (t) => {
    t.need("xattrs");
    const { client, home } = await t.start();
    await client.put(home, "file", "text");
    const file = await client.walk(home, "file");
    await setXattr(client, file, "user.test", "value");
    await client.rpc("Trenameat", { olddirfid: home, oldname: "file", newdirfid: home, newname: "renamed" });
    assert.equal(await getXattr(client, file, "user.test"), "value");
    await client.put(home, "file", "another");
    await refused(getXattr(client, await client.walk(home, "file"), "user.test"), "ENODATA");
    const dir = await client.mkdir(home, "dir");
    await setXattr(client, dir, "user.test", "of a directory");
    assert.equal(await getXattr(client, dir, "user.test"), "of a directory");
  }),

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

  rule("R47", "the text of an Rerror is fixed, and 9pfuse and Linux both read the right errno from it", CLASSIC, async (t) => {
    const { client, home } = await t.start();
    const texts = new Map<string, string>();
    for (const [code, { text, errno }] of await failures(t, client, home)) {
      assert.equal(text, texts.get(code) ?? text, `${code} has two texts`);
      texts.set(code, text!);
      assert.ok(!/\d|"|missing|file\b.*\/|\.\./.test(text!), `the text of ${code} tells more than the errno: ${text}`);
      const allowed = NINEPFUSE_WORDS[code] ?? [code];
      assert.ok(allowed.includes(readBy9pfuse(text!)), `9pfuse reads ${readBy9pfuse(text!)} from ${text} for ${code}`);
      const known = LINUX_PHRASES[text!];
      assert.ok(known === code || (code === "ENOTEMPTY" && known === "EEXIST"), `Linux reads ${known} from ${text} for ${code}`);
      if (t.dialect === "9P2000.u") assert.equal(errno, Errno[code as keyof typeof Errno], code);
    }
  }),

  rule("R48", "an unknown version is answered with its longest known prefix", ALL, async (t) => {
    for (const suffix of [".Google.7", ".x", ".", ".9P2000.u", "." + "x".repeat(200)]) {
      const asked = t.dialect + suffix;
      const wire = await t.dial();
      const { version } = await wire.version(8192, asked);
      assert.equal(version, t.dialect, `the answer to ${asked.slice(0, 40)}`);
      wire.dialect = t.dialect;
      const { uname, aname, uid } = t.subject;
      await wire.rpc("Tattach", { fid: 0, afid: 0xffffffff, uname, aname, nUname: uid });
    }
  }),

  rule("R48", "a version that only looks like a known one is answered by none that is longer", NUMERIC, async (t) => {
    for (const asked of [`${t.dialect}x`, `${t.dialect.toLowerCase()}`, ` ${t.dialect}`, `x${t.dialect}`]) {
      const { version } = await (await t.dial()).version(8192, asked);
      assert.ok(version === "9P2000" || version === "unknown" || asked.startsWith(version), `${version} for ${asked}`);
    }
  }),
];
