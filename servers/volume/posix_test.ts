/** What a Unix file system does in the corners, and `host` by its kernel: a volume does the same. */
import assert from "node:assert/strict";
import { type Call, O, S } from "../../9p/mod.ts";
import { call, mkdir, now, type Place, put, type Server, walk, withVolume } from "./_fixture.ts";

const other: Call = {
  user: { name: "you", groups: new Set(["us"]), standing: "claimed" },
  signal: call.signal,
};
const bytes = new Uint8Array([1, 2, 3]);
const CAPABILITY = "security.capability";

function make(server: Server, dir: Place, name: string, mode: number, more: { target?: string } = {}): Place {
  return now(server.make(dir, name, { mode, uid: "me", rdev: 0x103, ...more }, call));
}
const attrOf = (server: Server, node: Place) => now(server.getattr(node, undefined, call));
const modeOf = (server: Server, node: Place) => attrOf(server, node).mode;
const times = (server: Server, node: Place) => {
  const { mtimeSec, mtimeNsec, ctimeSec, ctimeNsec } = attrOf(server, node);
  return { mtime: mtimeSec * 1e9 + mtimeNsec, ctime: ctimeSec * 1e9 + ctimeNsec };
};
const fails = (code: string, act: () => unknown) => assert.throws(act, { code });

Deno.test("volume: symlinks have all permissions and a target that fits a path, and are not opened", async () => {
  const target = "x".repeat(4095);
  await withVolume((server, root) => {
    const link = make(server, root, "link", S.IFLNK | 0o600, { target });
    for (const bad of ["", undefined]) {
      fails("ENOENT", () => make(server, root, "bad", S.IFLNK | 0o777, { target: bad }));
    }
    fails("ENAMETOOLONG", () => make(server, root, "bad", S.IFLNK | 0o777, { target: target + "x" }));
    fails("ENAMETOOLONG", () => make(server, root, "bad", S.IFLNK | 0o777, { target: "ö".repeat(2048) }));
    fails("EINVAL", () => make(server, root, "bad", S.IFLNK | 0o777, { target: "a\0b" }));
    fails("ENOENT", () => server.walk(root, "bad", call));
    fails("EOPNOTSUPP", () => server.setattr(link, { mode: 0o600 }, undefined, call));
    fails("ELOOP", () => server.open(link, O.RDONLY, call));
    now(server.setattr(link, { uid: "you", mtime: { sec: 1, nsec: 2 } }, undefined, call));
    return Promise.resolve();
  }, (server, root) => {
    const link = walk(server, root, "link");
    assert.equal(modeOf(server, link), S.IFLNK | 0o777);
    assert.equal(server.readlink(link, call), target);
  });
});

Deno.test("volume: special files have a device number where they are devices, and nothing else is made", async () => {
  const rdevs = {
    chr: [S.IFCHR, 0x103],
    blk: [S.IFBLK, 0x103],
    fifo: [S.IFIFO, 0],
    sock: [S.IFSOCK, 0],
  } as const;
  await withVolume((server, root) => {
    for (const [name, [type]] of Object.entries(rdevs)) make(server, root, name, type | 0o6640);
    for (const type of [0, S.IFREG, 0o030000]) fails("EINVAL", () => make(server, root, "bad", type | 0o644));
    return Promise.resolve();
  }, (server, root) => {
    for (const [name, [type, rdev]] of Object.entries(rdevs)) {
      const attr = attrOf(server, walk(server, root, name));
      assert.deepEqual([name, attr.mode, attr.rdev], [name, type | 0o6640, rdev]);
    }
  });
});

Deno.test("volume: directories have no size to set and no second name", async () => {
  await withVolume((server, root) => {
    const dir = mkdir(server, root, "dir");
    fails("EISDIR", () => server.setattr(dir, { size: 0 }, undefined, call));
    fails("EPERM", () => server.link(dir, root, "second", call));
    fails("EISDIR", () => server.open(dir, O.WRONLY, call));
    fails("EISDIR", () => server.open(dir, O.RDONLY | O.TRUNC, call));
    return Promise.resolve();
  });
});

Deno.test("volume: a change of nothing is none, a size that is set is a change, and modes have no type", async () => {
  await withVolume(async (server, root) => {
    const file = put(server, root, "file", "hello");
    const before = times(server, file);
    await new Promise((resolve) => setTimeout(resolve, 5));
    now(server.setattr(file, {}, undefined, call));
    now(server.setattr(file, { size: undefined, mode: undefined }, undefined, call));
    assert.deepEqual(times(server, file), before);
    now(server.setattr(file, { size: 5 }, undefined, call));
    const after = times(server, file);
    assert.ok(after.mtime > before.mtime && after.ctime > before.ctime);
    now(server.setattr(file, { size: 5, mtime: { sec: 7, nsec: 8 } }, undefined, call));
    assert.equal(times(server, file).mtime, 7e9 + 8);
    now(server.setattr(file, { mode: S.IFDIR | 0o751 }, undefined, call));
    assert.equal(modeOf(server, file), S.IFREG | 0o751);
    for (const nsec of [1e9, -1, 0.5]) {
      fails("EINVAL", () => server.setattr(file, { mtime: { sec: 5, nsec } }, undefined, call));
    }
  });
});

Deno.test("volume: names of attributes are of 1 to 255 bytes, of user. for files and directories alone, of trusted. the owner's", async () => {
  await withVolume((server, root) => {
    const file = put(server, root, "file", "hello");
    const set = (node: Place, name: string) => server.setxattr(node, name, bytes, 0, call);
    for (const name of ["", "user." + "x".repeat(251), "user." + "ö".repeat(126)]) {
      fails("ERANGE", () => set(file, name));
    }
    now(set(file, "user." + "x".repeat(250)));
    now(set(root, "user.a"));
    for (const [name, type] of Object.entries({ fifo: S.IFIFO, chr: S.IFCHR, link: S.IFLNK })) {
      const special = make(server, root, name, type | 0o644, { target: "file" });
      fails("EPERM", () => set(special, "user.a"));
      now(set(special, "trusted.a"));
    }
    now(set(file, "trusted.a"));
    assert.deepEqual(server.listxattr(file, other), ["user." + "x".repeat(250)]);
    fails("ENODATA", () => server.getxattr(file, "trusted.a", other));
    assert.equal(now(server.listxattr(file, call)).length, 2);
    assert.deepEqual(server.getxattr(file, "trusted.a", call), bytes);
    return Promise.resolve();
  });
});

Deno.test("volume: who writes to a program, cuts it or gives it away takes its capabilities", async () => {
  await withVolume(async (server, root, store) => {
    const acts: Record<string, (file: Place) => unknown> = {
      write: (file) => server.write(file, now(server.open(file, O.WRONLY, other)), 0, bytes, other),
      cut: (file) => server.setattr(file, { size: 1 }, undefined, other),
      empty: (file) => server.open(file, O.WRONLY | O.TRUNC, other),
      give: (file) => server.setattr(file, { uid: "you" }, undefined, call),
    };
    const files = Object.keys(acts).map((name) => put(server, root, name, "hello"));
    for (const file of files) now(server.setxattr(file, CAPABILITY, bytes, 0, call));
    await store.caughtUp();
    for (const file of files) {
      now(server.setattr(file, { mode: 0o755 }, undefined, call));
      assert.deepEqual(server.getxattr(file, CAPABILITY, call), bytes);
      acts[file.name](file);
      assert.deepEqual([file.name, server.listxattr(file, call)], [file.name, []]);
    }
    const again = put(server, root, "again", "hello");
    now(server.setxattr(again, CAPABILITY, bytes, 0, call));
  }, (server, root) => {
    // What another start has put there is found as well.
    const file = walk(server, root, "again");
    now(server.write(file, now(server.open(file, O.WRONLY, other)), 0, bytes, other));
    assert.deepEqual(server.listxattr(file, call), []);
  });
});
