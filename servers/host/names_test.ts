import assert from "node:assert/strict";
import { Qt, S } from "../../9p/mod.ts";
import { fails, Fixture, owner, sleep } from "./fixture.ts";

Deno.test("walk gives the same place while it is held, with the qid of its file", () => {
  using f = new Fixture();
  Deno.mkdirSync(f.at("d"));
  Deno.writeTextFileSync(f.at("d/é b"), "x");
  Deno.symlinkSync("/etc/passwd", f.at("link"));
  const file = f.walk("d/é b");
  assert.equal(f.walk("d/é b"), file);
  assert.equal(f.server.name(file), "é b");
  assert.equal(f.server.parent(file), f.walk("d"));
  assert.equal(f.server.name(f.root), "/");
  assert.equal(f.server.parent(f.root), f.root);
  const { type, version, path } = f.server.qid(file);
  assert.equal(type, Qt.FILE);
  assert.ok(version > 0 && version <= 0xffffffff);
  assert.ok(Number.isSafeInteger(path));
  assert.equal(f.server.qid(f.walk("d")).type, Qt.DIR);
  const link = f.walk("link");
  assert.equal(f.server.qid(link).type, Qt.SYMLINK);
  assert.equal(f.server.readlink(link, owner), "/etc/passwd");
  fails("ELOOP", () => f.open(link, 0));
  fails("ENOTDIR", () => f.server.walk(link, "x", owner));
  fails("ENOTDIR", () => f.server.walk(file, "x", owner));
  fails("EINVAL", () => f.server.readlink(file, owner));
  fails("ENOENT", () => f.server.walk(f.root, "none", owner));
  fails("ENAMETOOLONG", () => f.server.walk(f.root, "n".repeat(256), owner));
  fails("ENAMETOOLONG", () => f.server.walk(f.root, "n".repeat(5000), owner));
  for (const name of ["", ".", "..", "a/b", "é/..", "a\0b"]) {
    fails("EINVAL", () => f.server.walk(f.root, name, owner));
  }
  fails("ENOENT", () => f.server.attach("other", owner));
});

Deno.test("R19 a file that is removed and made again has another qid, 1000 times in a row", () => {
  using f = new Fixture();
  const seen = new Set<unknown>();
  for (let i = 0; i < 1000; i++) {
    const place = f.create(f.root, "again");
    seen.add(f.server.qid(place).path);
    // What is listed and walked to is the same file with the same qid.
    assert.equal(f.server.qid(f.walk("again")).path, f.server.qid(place).path);
    f.server.remove(place, owner);
    f.drop(place);
    f.drop(place);
  }
  assert.equal(seen.size, 1000);
  for (let i = 0; i < 300; i++) {
    const place = f.mkdir(f.root, "again");
    seen.add(f.server.qid(place).path);
    f.server.remove(place, owner);
    f.drop(place);
  }
  assert.equal(seen.size, 1300);
  // Likewise when a rename takes the name away.
  f.drop(f.create(f.root, "target"));
  for (let i = 0; i < 300; i++) {
    const place = f.create(f.root, "source");
    seen.add(f.server.qid(place).path);
    f.server.rename(place, f.root, "target", false, owner);
    f.drop(place);
  }
  assert.equal(seen.size, 1600);
});

Deno.test("R19 a qid survives forgetting the place, a rename and a second server", () => {
  using f = new Fixture({ placesMax: 4 });
  Deno.writeTextFileSync(f.at("file"), "x");
  const place = f.walk("file");
  const { path } = f.server.qid(place);
  f.drop(place);
  for (let i = 0; i < 20; i++) {
    Deno.writeTextFileSync(f.at(`other${i}`), "");
    f.drop(f.walk(`other${i}`));
  }
  const again = f.walk("file");
  assert.notEqual(again, place);
  assert.equal(f.server.qid(again).path, path);
  f.server.rename(again, f.root, "new name", false, owner);
  assert.equal(f.server.qid(again).path, path);
  assert.equal(f.server.qid(f.walk("new name")).path, path);
});

Deno.test("R39 a removed file goes on for all who hold it, opened or not", () => {
  using f = new Fixture();
  const place = f.create(f.root, "file", "content");
  const other = f.walk("file");
  assert.equal(other, place);
  const handle = f.open(place, 2);
  f.server.remove(place, owner);
  f.drop(other);
  fails("ENOENT", () => f.server.walk(f.root, "file", owner));
  fails("ENOENT", () => f.server.remove(place, owner));
  fails("ENOENT", () => f.server.rename(place, f.root, "back", false, owner));
  assert.equal((f.server.getattr(place, undefined, owner) as { nlink: number }).nlink, 0);
  assert.equal(f.read(place), "content");
  f.server.write(place, handle, 7, new TextEncoder().encode(" more"), owner);
  f.server.setattr(place, { mode: 0o600, mtime: { sec: 5, nsec: 6 } }, undefined, owner);
  f.server.setattr(place, { size: 9 }, undefined, owner);
  const attr = f.server.getattr(place, handle, owner) as { mode: number; size: number };
  assert.equal(attr.mode, S.IFREG | 0o600);
  assert.equal(attr.size, 9);
  assert.equal(f.read(place), "content m");
  f.server.setxattr(place, "user.x", new Uint8Array([1]), 0, owner);
  assert.deepEqual(f.server.getxattr(place, "user.x", owner), new Uint8Array([1]));
  assert.equal(f.server.name(place), "file");
  // A new file of that name is a different one.
  const next = f.create(f.root, "file", "new");
  assert.notEqual(f.server.qid(next).path, f.server.qid(place).path);
  assert.equal(f.read(place), "content m");
  f.close(place, handle);
  f.drop(place);
  assert.equal(f.read(next), "new");
});

Deno.test("R39 a removed file with another name goes on through both places", () => {
  using f = new Fixture();
  const a = f.create(f.root, "a", "content");
  f.server.link(a, f.root, "b", owner);
  const b = f.walk("b");
  assert.notEqual(a, b);
  assert.equal(f.server.qid(a).path, f.server.qid(b).path);
  fails("EEXIST", () => f.server.link(a, f.root, "b", owner));
  // rename(2) of one name over another of the same file does nothing.
  f.server.rename(a, f.root, "b", false, owner);
  assert.equal(f.walk("a"), a);
  f.server.remove(a, owner);
  const { path } = f.server.qid(b);
  f.drop(b);
  assert.equal(f.server.qid(f.walk("b")).path, path);
  assert.equal(f.read(f.walk("b")), "content");
  assert.equal(f.read(a), "content");
});

Deno.test("R45 a renamed directory takes what is held below with it", async () => {
  using f = new Fixture();
  const dir = f.mkdir(f.root, "dir");
  const sub = f.mkdir(dir, "sub");
  const file = f.create(sub, "file", "content");
  const elsewhere = f.mkdir(f.root, "elsewhere");
  f.server.rename(dir, elsewhere, "moved", false, owner);
  assert.equal(f.server.parent(dir), elsewhere);
  assert.equal(f.server.name(dir), "moved");
  assert.equal(f.read(file), "content");
  assert.equal(f.walk("elsewhere/moved/sub/file"), file);
  // Also once the descriptors are no longer trusted.
  await sleep(1100);
  assert.equal(f.read(file), "content");
  f.server.remove(file, owner);
  f.server.remove(sub, owner);
  fails("ENOENT", () => f.create(sub, "new"));
  fails("ENOTEMPTY", () => f.server.remove(elsewhere, owner));
  fails("EINVAL", () => f.server.rename(elsewhere, dir, "below", false, owner));
  fails("EBUSY", () => f.server.remove(f.root, owner));
});

Deno.test("R39 a file that a rename replaced goes on for those who hold it", () => {
  using f = new Fixture();
  const old = f.create(f.root, "target", "old");
  const source = f.create(f.root, "source", "new");
  fails("EEXIST", () => f.server.rename(source, f.root, "target", true, owner));
  f.server.rename(source, f.root, "target", false, owner);
  assert.equal(f.read(old), "old");
  assert.equal(f.read(source), "new");
  assert.equal(f.walk("target"), source);
  fails("ENOENT", () => f.server.walk(f.root, "source", owner));
  f.server.rename(source, f.root, "free", true, owner);
  assert.equal(f.walk("free"), source);
  // A target that nobody knows.
  Deno.writeTextFileSync(f.at("unknown"), "unknown");
  f.server.rename(source, f.root, "unknown", false, owner);
  assert.equal(Deno.readTextFileSync(f.at("unknown")), "new");
  fails("EISDIR", () => f.server.rename(source, f.root, f.server.name(f.mkdir(f.root, "d")), false, owner));
});
