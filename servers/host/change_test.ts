import assert from "node:assert/strict";
import { type Attr, Qt, S } from "../../9p/mod.ts";
import { callOf, fails, Fixture, isRoot, owner } from "./fixture.ts";
import type { Place } from "./place.ts";

function look(f: Fixture, place: Place): Attr {
  return f.server.getattr(place, undefined, owner) as Attr;
}

Deno.test("getattr tells what stat tells", () => {
  using f = new Fixture();
  const place = f.create(f.root, "file", "12345");
  const attr = look(f, place);
  const stat = Deno.statSync(f.at("file"));
  assert.equal(attr.size, 5);
  assert.equal(attr.mode, stat.mode);
  assert.equal(attr.uid, `uid:${stat.uid}`);
  assert.equal(attr.gid, `gid:${stat.gid}`);
  assert.equal(attr.nlink, 1);
  assert.equal(attr.blksize, stat.blksize);
  assert.equal(attr.blocks, stat.blocks);
  assert.equal(attr.mtimeSec, Math.floor(stat.mtime!.getTime() / 1000));
  assert.equal(attr.mode & S.IFMT, S.IFREG);
  assert.equal(look(f, f.root).mode & S.IFMT, S.IFDIR);
});

Deno.test("setattr sets modes, times, size and times that go with it", () => {
  using f = new Fixture();
  const place = f.create(f.root, "file", "12345");
  f.server.setattr(place, {}, undefined, owner);
  const before = { sec: -5, nsec: 999_999_999 };
  f.server.setattr(
    place,
    { mode: 0o4711, size: 3, atime: { sec: 1, nsec: 2 }, mtime: before },
    undefined,
    owner,
  );
  const attr = look(f, place);
  assert.equal(attr.mode & 0o7777, 0o4711);
  assert.equal(attr.size, 3);
  assert.deepEqual([attr.atimeSec, attr.atimeNsec, attr.mtimeSec, attr.mtimeNsec], [1, 2, -5, 999_999_999]);
  f.server.setattr(place, { mtime: "now" }, undefined, owner);
  const after = look(f, place);
  assert.equal(after.atimeSec, 1);
  assert.ok(Math.abs(after.mtimeSec - Date.now() / 1000) < 5);
  const handle = f.open(place, 2);
  f.server.setattr(place, { size: 10 }, handle, owner);
  assert.equal(look(f, place).size, 10);
  f.close(place, handle);
  fails("EISDIR", () => f.server.setattr(f.root, { size: 0 }, undefined, owner));
});

Deno.test("setattr of a symlink changes the link, never its target", () => {
  using f = new Fixture();
  const target = f.create(f.root, "target");
  const what = { mode: S.IFLNK | 0o777, uid: owner.user.name, target: "target" };
  const link = f.server.make(f.root, "link", what, owner) as Place;
  f.server.hold(link);
  const { mode, mtimeSec } = look(f, target);
  fails("EOPNOTSUPP", () => f.server.setattr(link, { mode: 0o600 }, undefined, owner));
  f.server.setattr(link, { mtime: { sec: 7, nsec: 0 } }, undefined, owner);
  if (isRoot) f.server.setattr(link, { uid: "uid:5" }, undefined, owner);
  assert.equal(look(f, link).mtimeSec, 7);
  assert.deepEqual([look(f, target).mode, look(f, target).mtimeSec], [mode, mtimeSec]);
  f.server.link(link, f.root, "link 2", owner);
  assert.equal(f.server.readlink(f.walk("link 2"), owner), "target");
});

Deno.test("setattr does all or nothing", () => {
  using f = new Fixture();
  const place = f.create(f.root, "file", "12345", { mode: S.IFREG | 0o2750 });
  const before = look(f, place);
  // No filesystem takes that size: the last step fails.
  const change = { mode: 0o600, flags: Qt.APPEND, mtime: { sec: 1, nsec: 1 }, size: -1 };
  const all = isRoot ? { ...change, uid: "uid:7", gid: "gid:8" } : change;
  assert.throws(() => f.server.setattr(place, all, undefined, owner));
  const after = look(f, place);
  for (const key of ["mode", "uid", "gid", "size", "mtimeSec", "mtimeNsec"] as const) {
    assert.equal(after[key], before[key], key);
  }
  assert.equal(after.qid.type, 0);
  if (isRoot) {
    f.server.setattr(place, { uid: "uid:7", gid: "gid:8", mode: 0o6755 }, undefined, owner);
    const { uid, gid, mode } = look(f, place);
    assert.deepEqual([uid, gid, mode & 0o7777], ["uid:7", "gid:8", 0o6755]);
    // Nobody's files are not what somebody without a number asked for.
    fails("EINVAL", () => f.server.setattr(place, { uid: "unknown" }, undefined, owner));
    fails("EINVAL", () => f.server.setattr(place, { gid: "unknown" }, undefined, owner));
  } else {
    fails("EPERM", () => f.server.setattr(place, { uid: "uid:7", mode: 0o600 }, undefined, owner));
    assert.equal(look(f, place).mode, before.mode);
  }
});

Deno.test("create and make give the exact mode, whatever the umask, and the owner asked for", () => {
  using f = new Fixture();
  const umask = Deno.umask(0o077);
  try {
    assert.equal(look(f, f.create(f.root, "file", "", { mode: S.IFREG | 0o6777 })).mode, S.IFREG | 0o6777);
    const dir = f.mkdir(f.root, "dir", 0o3777);
    assert.equal(look(f, dir).mode, S.IFDIR | 0o3777);
    assert.equal(look(f, f.mkdir(dir, "sub", 0o755)).mode, S.IFDIR | 0o2755);
    const fifo = f.server.make(f.root, "fifo", { mode: S.IFIFO | 0o622, uid: "glenda" }, owner) as Place;
    assert.equal(look(f, fifo).mode, S.IFIFO | 0o622);
    fails("EEXIST", () => f.create(f.root, "file"));
    fails("EEXIST", () => f.mkdir(f.root, "file"));
    const alice = callOf("claimed", "uid:1234", ["gid:99", "gid:5"]);
    const creation = { mode: S.IFREG | 0o4644, uid: "uid:1234" };
    if (!isRoot) {
      fails("EPERM", () => f.server.create(f.root, "alices", creation, 2, alice));
      fails("EPERM", () => f.server.make(f.root, "alices", { ...creation, mode: S.IFDIR | 0o755 }, alice));
      fails("ENOENT", () => f.server.walk(f.root, "alices", owner));
      return;
    }
    const created = f.server.create(f.root, "alices", creation, 2, alice) as { node: Place };
    let { uid, gid, mode } = look(f, created.node);
    assert.deepEqual([uid, gid, mode & 0o7777], ["uid:1234", "gid:99", 0o4644]);
    f.server.setattr(dir, { gid: "gid:77", mode: 0o2777 }, undefined, owner);
    const inside = f.server.create(dir, "alices", creation, 2, alice) as { node: Place };
    ({ uid, gid, mode } = look(f, inside.node));
    assert.deepEqual([uid, gid], ["uid:1234", "gid:77"]);
  } finally {
    Deno.umask(umask);
  }
});

Deno.test("attributes are set, listed, read and removed, within their bounds", () => {
  using f = new Fixture();
  const place = f.create(f.root, "file", "", { flags: Qt.APPEND });
  const value = new Uint8Array([0, 255, 1]);
  f.server.setxattr(place, "user.a", value, 1, owner);
  f.server.setxattr(place, "user.empty", new Uint8Array(0), 0, owner);
  assert.deepEqual(f.server.getxattr(place, "user.a", owner), value);
  assert.deepEqual(f.server.getxattr(place, "user.empty", owner), new Uint8Array(0));
  assert.deepEqual((f.server.listxattr(place, owner) as string[]).sort(), ["user.a", "user.empty"]);
  fails("EEXIST", () => f.server.setxattr(place, "user.a", value, 1, owner));
  fails("ENODATA", () => f.server.setxattr(place, "user.b", value, 2, owner));
  fails("ENODATA", () => f.server.getxattr(place, "user.b", owner));
  fails("E2BIG", () => f.server.setxattr(place, "user.a", new Uint8Array(65537), 0, owner));
  fails("ENODATA", () => f.server.getxattr(place, "user.lux9.flags", owner));
  fails("EPERM", () => f.server.setxattr(place, "user.lux9.flags", null, 0, owner));
  const claimed = callOf("claimed", "mallory");
  fails("EPERM", () => f.server.setxattr(place, "security.capability", value, 0, claimed));
  f.server.setxattr(place, "user.a", null, 0, owner);
  fails("ENODATA", () => f.server.getxattr(place, "user.a", owner));
});
