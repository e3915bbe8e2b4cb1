import assert from "node:assert/strict";
import { type Call, type Creation, O, S, type User } from "../../9p/mod.ts";
import { VolumeStore } from "../../state/volume/mod.ts";
import { verify } from "../../state/worker/mod.ts";
import { type FileVersion, type FileVersions, HISTORY_XATTR, snapshots, volume } from "./mod.ts";

const owner: User = { name: "me", groups: new Set(["us"]), standing: "owner" };
const call: Call = { user: owner, signal: new AbortController().signal };
const file: Creation = { mode: S.IFREG | 0o644, uid: "me" };

const NOTHING = { everything: 0, hourly: 0, daily: 0 };
const fail = (message: string) => {
  throw new Error(message);
};

type Server = ReturnType<typeof volume>;
type Place = Parameters<Server["getattr"]>[0];

const now = <T>(value: T | Promise<T>): T => {
  assert.ok(!(value instanceof Promise), "the volume answers at once");
  return value;
};

/** Opens the volume in the folder as often as `acts` has acts, each on what the one before left. */
async function volumes(
  ...acts: ((server: Server, root: Place, store: VolumeStore) => void | Promise<void>)[]
) {
  const folder = await Deno.makeTempDir({ prefix: "lux9-volume-" });
  try {
    for (const act of acts) {
      const store = await VolumeStore.open(folder, { retention: NOTHING, onTrouble: fail });
      try {
        const server = volume(store);
        await act(server, now(server.attach("", call)), store);
      } finally {
        await store.close();
      }
    }
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

function put(server: Server, dir: Place, name: string, bytes: Uint8Array): Place {
  const { node, handle } = now(server.create(dir, name, file, O.WRONLY, call));
  server.hold(node);
  now(server.write(node, handle, 0, bytes, call));
  now(server.close(node, handle, call));
  server.drop(node);
  return node;
}

function get(server: Server, node: Place, offset = 0, count = 1 << 20): Uint8Array {
  const into = new Uint8Array(count);
  return into.subarray(
    0,
    server.read(node, now(server.open(node, O.RDONLY, call)), offset, into, call) as number,
  );
}

/** All there is below a directory, one line a name. */
function dump(server: Server, dir: Place, path = ""): string[] {
  const lines: string[] = [];
  const handle = now(server.open(dir, O.RDONLY, call));
  for (let cookie = 0;;) {
    const page = now(server.list(dir, handle, cookie, 7, true, call));
    if (page.length === 0) return lines.sort();
    for (const { name, attr } of page) {
      const node = now(server.walk(dir, name, call));
      assert.deepEqual(
        now(server.getattr(node, undefined, call)),
        attr,
        `${path}/${name} listed and asked for`,
      );
      const { qid, ...rest } = attr!;
      const what = qid.type & 0x80 ? "" : (attr!.mode & S.IFMT) === S.IFREG ? get(server, node).join() : "";
      const attributes = now(server.listxattr(node, call)).sort().map((name) =>
        `${name}=${now(server.getxattr(node, name, call)).join()}`
      );
      lines.push(`${path}/${name} ${JSON.stringify([qid, rest, attributes])} ${what}`);
      if (qid.type & 0x80) lines.push(...dump(server, node, `${path}/${name}`));
    }
    cookie = Number(page[page.length - 1].cookie);
  }
}

Deno.test("volume: what is seen before the index has it, after it has it, and after a restart is the same", async () => {
  const dumps: string[][] = [];
  await volumes(async (server, root, store) => {
    const dir = now(server.make(root, "dir", { mode: S.IFDIR | 0o775, uid: "me" }, call));
    for (let i = 0; i < 30; i++) put(server, dir, `file ${i}`, new Uint8Array(i * 1000).fill(i));
    await store.caughtUp();
    const child = (name: string) => now(server.walk(dir, name, call));
    server.remove(child("file 3"), call);
    server.rename(child("file 4"), root, "moved", false, call);
    server.rename(child("file 5"), dir, "file 6", false, call);
    server.link(child("file 7"), root, "linked", call);
    server.setattr(child("file 8"), { size: 100, mode: 0o600 }, undefined, call);
    server.setattr(child("file 9"), { mtime: { sec: 5, nsec: 6 }, uid: "you" }, undefined, call);
    server.setxattr(child("file 10"), "user.a", new Uint8Array([1, 2]), 0, call);
    now(server.make(root, "symlink", { mode: S.IFLNK | 0o777, uid: "me", target: "dir/file 1" }, call));
    now(server.make(dir, "fifo", { mode: S.IFIFO | 0o644, uid: "me" }, call));
    put(server, dir, "file 3", new Uint8Array([3, 3, 3]));
    dumps.push(dump(server, root));
    await store.caughtUp();
    dumps.push(dump(server, root));
  }, (server, root) => {
    dumps.push(dump(server, root));
  });
  assert.equal(dumps[0].length, 33);
  assert.deepEqual(dumps[1], dumps[0]);
  assert.deepEqual(dumps[2], dumps[0]);
});

Deno.test("volume: a file that is written over, cut and extended reads the same before and after it has a version", async () => {
  const expected = new Uint8Array(200_000);
  const write = (at: number, count: number, byte: number) => expected.fill(byte, at, at + count);
  const check = (server: Server, node: Place, size: number) =>
    assert.deepEqual(get(server, node), expected.subarray(0, size));
  await volumes(async (server, root, store) => {
    const { node, handle } = now(server.create(root, "file", file, O.RDWR, call));
    server.hold(node);
    const both = (at: number, count: number, byte: number) => {
      write(at, count, byte);
      now(server.write(node, handle, at, new Uint8Array(count).fill(byte), call));
    };
    both(0, 100_000, 1);
    both(50_000, 10, 2);
    both(99_990, 20, 3);
    both(150_000, 5, 4);
    check(server, node, 150_005);
    server.setattr(node, { size: 60_000 }, handle, call);
    expected.fill(0, 60_000);
    check(server, node, 60_000);
    both(80_000, 1, 5);
    check(server, node, 80_001);
    await store.caughtUp();
    check(server, node, 80_001);
    both(59_999, 2, 6);
    check(server, node, 80_001);
    now(server.close(node, handle, call));
    await store.caughtUp();
    check(server, node, 80_001);
    server.drop(node);
  }, (server, root) => check(server, now(server.walk(root, "file", call)), 80_001));
});

Deno.test("volume: a file without a name goes on for who holds it, and is gone after a restart", async () => {
  await volumes(async (server, root, store) => {
    const { node, handle } = now(server.create(root, "file", file, O.RDWR, call));
    server.hold(node);
    server.write(node, handle, 0, new Uint8Array(100).fill(1), call);
    server.remove(node, call);
    await store.caughtUp();
    server.write(node, handle, 100, new Uint8Array(100).fill(2), call);
    assert.equal(get(server, node).length, 200);
    now(server.close(node, handle, call));
    await store.caughtUp();
    assert.deepEqual([...get(server, node, 99, 2)], [1, 2]);
    server.drop(node);
    await store.caughtUp();
    assert.equal(store.index.node(2), undefined);
    server.hold(put(server, root, "held", new Uint8Array(10)));
    server.remove(now(server.walk(root, "held", call)), call);
  }, (server, root, store) => {
    assert.deepEqual(dump(server, root), []);
    assert.equal(store.index.node(4), undefined);
    // Numbers of files are never given out again.
    assert.ok(put(server, root, "next", new Uint8Array(1)).inode.ino > 4);
  });
});

Deno.test("volume.list goes on behind a cookie whatever is added and removed meanwhile, and whatever the index has", async () => {
  await volumes(async (server, root, store) => {
    for (let i = 0; i < 100; i++) put(server, root, `file ${i}`, new Uint8Array(0));
    await store.caughtUp();
    for (let i = 100; i < 150; i++) put(server, root, `file ${i}`, new Uint8Array(0));
    const seen: string[] = [];
    const handle = now(server.open(root, O.RDONLY, call));
    let cookie = 0;
    for (let round = 0;; round++) {
      const page = now(server.list(root, handle, cookie, 10, false, call));
      if (page.length === 0) break;
      seen.push(...page.map(({ name }) => name));
      cookie = Number(page[page.length - 1].cookie);
      if (round >= 5) continue;
      for (const name of seen.slice(-10)) server.remove(now(server.walk(root, name, call)), call);
      put(server, root, `late ${round}`, new Uint8Array(0));
      if (round === 2) await store.caughtUp();
    }
    assert.equal(new Set(seen).size, seen.length);
    for (let i = 0; i < 150; i++) assert.ok(seen.includes(`file ${i}`), `file ${i}`);
  });
});

Deno.test("snapshots: the tree as it was, whatever becomes of it, and gone with what held it", async () => {
  const owned = { uid: "me", gid: "us" };
  let before: string[] = [];
  const paths = (server: Server, root: Place) => dump(server, root).map((line) => line.split(" ")[0]);
  await volumes(async (server, root, store) => {
    const dir = now(server.make(root, "dir", { mode: S.IFDIR | 0o755, uid: "me" }, call));
    put(server, dir, "kept", new Uint8Array(100_000).fill(1));
    put(server, dir, "edited", new Uint8Array([1, 2, 3]));
    put(server, root, "removed", new Uint8Array([4]));
    server.setxattr(dir, "user.a", new Uint8Array([1]), 0, call);
    const open = now(server.create(root, "open", file, O.RDWR, call));
    server.hold(open.node);
    server.write(open.node, open.handle, 0, new Uint8Array([9]), call);
    before = paths(server, root);
    await store.snapshot("first", "me");
    server.write(open.node, open.handle, 0, new Uint8Array([8, 8]), call);
    const edited = now(server.walk(dir, "edited", call));
    server.write(edited, now(server.open(edited, O.RDWR, call)), 1, new Uint8Array([7]), call);
    server.remove(now(server.walk(root, "removed", call)), call);
    server.rename(dir, root, "moved", false, call);
    server.setxattr(dir, "user.a", null, 0, call);
    await assert.rejects(store.snapshot("first", "me"), { code: "EEXIST" });
    await store.snapshot("second", "me");
  }, async (server, root, store) => {
    const past = snapshots(store, owned) as unknown as Server;
    const top = now(past.attach("", call));
    const entries = now(past.list(top, now(past.open(top, O.RDONLY, call)), 0, 10, false, call));
    assert.deepEqual(entries.map(({ name }) => name), ["first", "second"]);
    const first = now(past.walk(top, "first", call));
    assert.equal(past.write, undefined);
    assert.deepEqual(paths(past, first), before);
    const dir = now(past.walk(first, "dir", call));
    assert.equal(now(past.walk(first, "dir", call)), dir);
    assert.deepEqual([...get(past, now(past.walk(dir, "edited", call)))], [1, 2, 3]);
    assert.deepEqual([...get(past, now(past.walk(first, "open", call)))], [9]);
    assert.deepEqual([...now(past.getxattr(dir, "user.a", call))], [1]);
    assert.deepEqual(paths(past, now(past.walk(top, "second", call))), paths(server, root));
    // What a snapshot holds stays, whatever the rule of retention keeps.
    await store.collect();
    assert.deepEqual([...get(past, now(past.walk(now(past.walk(top, "first", call)), "removed", call)))], [
      4,
    ]);
    await store.unsnapshot("first", "me");
    assert.throws(() => past.walk(top, "first", call), { code: "ENOENT" });
  });
});

Deno.test("snapshots: a time shows the last that is kept by then, and what somebody still looks at is listed as far as it is", async () => {
  const second = () => new Promise((wake) => setTimeout(wake, 1100));
  await volumes(async (server, root, store) => {
    const owned = { uid: "me", gid: "us" };
    const rewrite = async (byte: number) => {
      put(server, root, `made ${byte}`, new Uint8Array([byte]));
      const node = now(server.walk(root, "file", call));
      const handle = now(server.open(node, O.WRONLY, call));
      now(server.write(node, handle, 0, new Uint8Array([byte]), call));
      now(server.close(node, handle, call));
      await store.caughtUp();
    };
    put(server, root, "file", new Uint8Array([0]));
    put(server, root, "other", new Uint8Array([0]));
    await rewrite(1);
    await store.snapshot("kept", "me");
    await second();
    await rewrite(2);
    const time = `${new Date().toISOString().slice(0, 19)}Z`;
    await second();
    await rewrite(3);
    await rewrite(4);
    server.remove(now(server.walk(root, "other", call)), call);
    await store.caughtUp();
    await second();
    const list = (past: Server, dir: Place, max = 10) => {
      const names: string[] = [];
      for (let cookie = 0;;) {
        const page = now(past.list(dir, now(past.open(dir, O.RDONLY, call)), cookie, max, true, call));
        if (page.length === 0) return names;
        names.push(...page.map(({ name }) => name));
        cookie = Number(page[page.length - 1].cookie);
      }
    };
    const at = () => {
      const past = snapshots(store, owned) as unknown as Server;
      return { past, dir: now(past.walk(now(past.attach("", call)), time, call)) };
    };
    const looked = at();
    assert.deepEqual(list(looked.past, at().dir), ["file", "other", "made 1", "made 2"]);
    await store.collect();
    for (const max of [1, 10]) {
      assert.deepEqual(list(looked.past, looked.dir, max), ["other", "made 1", "made 2"]);
    }
    const { past: later, dir } = at();
    assert.deepEqual(list(later, dir), ["file", "other", "made 1"]);
    assert.deepEqual([...get(later, now(later.walk(dir, "file", call)))], [1]);
    const before = "2001-01-01";
    assert.throws(() => later.walk(now(later.attach("", call)), before, call), { code: "ENOENT" });
  });
});

Deno.test("volume: a file tells its versions, also those that came and went at once", async () => {
  await volumes(async (server, root, store) => {
    put(server, root, "file", new Uint8Array([1]));
    const node = now(server.walk(root, "file", call));
    for (const byte of [2, 3]) {
      const handle = now(server.open(node, O.WRONLY | O.TRUNC, call));
      server.write(node, handle, 0, new Uint8Array([byte, byte]), call);
      server.close(node, handle, call);
    }
    server.setattr(node, { mode: 0o600 }, undefined, call);
    await store.caughtUp();
    const history = () =>
      JSON.parse(new TextDecoder().decode(now(server.getxattr(node, HISTORY_XATTR, call))));
    const { versions } = history();
    assert.deepEqual(versions.map(({ size, by }: FileVersion) => [size, by]), [[2, "me"], [2, "me"], [
      1,
      "me",
    ]]);
    const past = snapshots(store, { uid: "me", gid: "us" }) as unknown as Server;
    const top = now(past.attach("", call));
    const bytes = versions.map(({ at }: FileVersion) => get(past, now(past.walk(top, at, call)))[0]);
    assert.deepEqual(bytes, [3, 2, 1]);
    const guest: Call = { ...call, user: { ...owner, name: "guest", standing: "claimed" } };
    assert.throws(() => server.getxattr(node, HISTORY_XATTR, guest), { code: "EACCES" });
    assert.throws(() => past.walk(top, versions[0].at, guest), { code: "EACCES" });
  });
});

Deno.test("volume: a path tells the versions of all that was there, also where nothing is any more", async () => {
  await volumes(async (server, root, store) => {
    const history = async (place: Place, path?: string) => {
      const name = path === undefined ? HISTORY_XATTR : `${HISTORY_XATTR}/${path}`;
      const { versions } = JSON.parse(new TextDecoder().decode(await server.getxattr(place, name, call)));
      const past = snapshots(store, { uid: "me", gid: "us" }) as unknown as Server;
      const top = now(past.attach("", call));
      return versions.map(({ at }: FileVersion) => get(past, now(past.walk(top, at, call)))[0]);
    };
    const dir = now(server.make(root, "dir", { mode: S.IFDIR | 0o755, uid: "me" }, call));
    put(server, dir, "file", new Uint8Array([1]));
    await store.caughtUp();
    // It leaves, and what becomes of it elsewhere is told there.
    server.rename(now(server.walk(dir, "file", call)), root, "moved", false, call);
    const moved = now(server.walk(root, "moved", call));
    const handle = now(server.open(moved, O.WRONLY | O.TRUNC, call));
    server.write(moved, handle, 0, new Uint8Array([9]), call);
    server.close(moved, handle, call);
    put(server, dir, "file", new Uint8Array([2]));
    await store.snapshot("then", "me");
    const again = now(server.walk(dir, "file", call));
    server.remove(again, call);
    assert.deepEqual(await history(dir, "file"), [2, 1]);
    server.remove(dir, call);
    assert.deepEqual(await history(root, "dir/file"), [2, 1]);
    assert.deepEqual(await history(moved), [9, 1]);
    await store.restore("then", ["dir"], "undo", "me");
    const back = now(server.walk(now(server.walk(root, "dir", call)), "file", call));
    assert.deepEqual(await history(back), [2, 2, 1]);
    // Many programs write a new file and put it in the place of the old one.
    put(server, root, "new", new Uint8Array([3]));
    server.rename(
      now(server.walk(root, "new", call)),
      now(server.walk(root, "dir", call)),
      "file",
      false,
      call,
    );
    await store.caughtUp();
    const third = now(server.walk(now(server.walk(root, "dir", call)), "file", call));
    assert.deepEqual(await history(third), [3, 2, 2, 1]);
    for (const path of ["dir", "never", "dir/file/below", "", "/", "dir//file", ".."]) {
      await assert.rejects(history(root, path), { code: "ENODATA" }, path);
    }
    assert.throws(() => server.getxattr(root, HISTORY_XATTR, call), { code: "ENODATA" });
    const guest: Call = { ...call, user: { ...owner, name: "me", standing: "claimed" } };
    await assert.rejects(async () => await server.getxattr(root, `${HISTORY_XATTR}/dir/file`, guest), {
      code: "EACCES",
    });
  });
});

Deno.test("volume: of many versions of a file each is told, a page after the other, and can be read", async () => {
  await volumes(async (server, root, store) => {
    const count = 700;
    put(server, root, "file", new Uint8Array([0]));
    const node = now(server.walk(root, "file", call));
    for (let i = 1; i < count; i++) {
      const handle = now(server.open(node, O.WRONLY, call));
      server.write(node, handle, 0, new Uint8Array([i & 255]), call);
      server.close(node, handle, call);
      // Some records make one version, others many.
      if (i < 20 || i % 100 === 0) await store.caughtUp();
      if (i % 150 === 0) server.setattr(node, { mode: i % 7 }, undefined, call);
    }
    await store.caughtUp();
    const page = (name: string) =>
      JSON.parse(new TextDecoder().decode(now(server.getxattr(node, name, call)))) as FileVersions;
    const told: FileVersion[] = [];
    for (let name = HISTORY_XATTR;;) {
      const { versions, more } = page(name);
      told.push(...versions);
      if (!more) break;
      name = `${HISTORY_XATTR}@${told[told.length - 1].version}`;
    }
    assert.equal(told.length, count);
    const past = snapshots(store, { uid: "me", gid: "us" }) as unknown as Server;
    const top = now(past.attach("", call));
    for (const [i, { at, version }] of told.entries()) {
      if (i > 0) assert.ok(version < told[i - 1].version);
      if (i % 7 > 0) continue;
      assert.deepEqual(page(`${HISTORY_XATTR}@${version + 1}`).versions[0], told[i]);
      assert.deepEqual([...get(past, now(past.walk(top, at, call)))], [count - 1 - i & 255]);
    }
    assert.throws(() => past.walk(top, `@${told[0].at.slice(1).split(".")[0]}.1`, call), { code: "ENOENT" });
  });
});

Deno.test("volume: the history of a file tells when it was written, whatever its owner says of it", async () => {
  await volumes(async (server, root, store) => {
    const startedMs = Math.floor(Date.now() / 1000) * 1000;
    put(server, root, "file", new Uint8Array([1]));
    const node = now(server.walk(root, "file", call));
    const times = () => {
      const { versions } = JSON.parse(
        new TextDecoder().decode(now(server.getxattr(node, HISTORY_XATTR, call))),
      );
      return versions.map(({ time }: FileVersion) => time) as string[];
    };
    await store.caughtUp();
    const before = times();
    for (const sec of [5, 1e13]) {
      server.setattr(node, { mtime: { sec, nsec: 0 } }, undefined, call);
      await store.caughtUp();
      assert.deepEqual(times(), before);
    }
    assert.equal(before.length, 1);
    assert.ok(Date.parse(before[0]) >= startedMs && Date.parse(before[0]) <= Date.now(), before[0]);
  });
});

Deno.test("volume: attributes that it keeps for itself are nobody's to set", async () => {
  await volumes(async (server, root, store) => {
    const node = put(server, root, "file", new Uint8Array([1]));
    const set = (name: string) => () => server.setxattr(node, name, new Uint8Array([255, 1]), 0, call);
    for (const name of [HISTORY_XATTR, "lux9.flags", "lux9."]) assert.throws(set(name), { code: "EPERM" });
    assert.throws(() => server.setxattr(node, "lux9.flags", null, 0, call), { code: "EPERM" });
    now(set("user.lux9.flags")());
    assert.deepEqual(server.listxattr(node, call), ["user.lux9.flags"]);
    await store.caughtUp();
  }, (_server, _root, store) => assert.deepEqual(verify(store.folder).problems, []));
});

Deno.test("volume: an access list is its file's mode, and one that says more than a mode can is refused", async () => {
  const list = (...entries: [tag: number, permissions: number, id?: number][]) => {
    const view = new DataView(new ArrayBuffer(4 + 8 * entries.length));
    view.setUint32(0, 2, true);
    for (const [i, [tag, permissions, id = 0xffffffff]] of entries.entries()) {
      view.setUint16(4 + 8 * i, tag, true);
      view.setUint16(6 + 8 * i, permissions, true);
      view.setUint32(8 + 8 * i, id, true);
    }
    return new Uint8Array(view.buffer);
  };
  const [access, inherited] = ["system.posix_acl_access", "system.posix_acl_default"];
  const mode = 0o2751;
  await volumes((server, root) => {
    const node = put(server, root, "a", new Uint8Array(3));
    now(server.setattr(node, { mode: 0o2600 }, undefined, call));
    now(server.setxattr(node, access, list([1, 7], [4, 5], [0x20, 1]), 0, call));
    assert.equal(now(server.getattr(node, undefined, call)).mode, S.IFREG | mode);
    const bob = list([1, 7], [2, 7, 1000], [4, 5], [0x10, 7], [0x20, 1]);
    for (
      const [name, value] of [
        [access, bob],
        [access, list([1, 7], [4, 5], [0x10, 1])],
        [access, list([1, 7], [4, 8], [0x20, 1])],
        [access, bob.subarray(0, 27)],
        [inherited, list([1, 7], [4, 5], [0x20, 1])],
        ["system.nfs4_acl", bob],
      ] as const
    ) {
      assert.throws(() => server.setxattr(node, name, value, 0, call), { code: "EOPNOTSUPP" });
    }
    assert.throws(() => server.setxattr(node, inherited, null, 0, call), { code: "ENODATA" });
    assert.deepEqual(server.listxattr(node, call), []);
  }, (server, root) => {
    const node = now(server.walk(root, "a", call));
    assert.equal(now(server.getattr(node, undefined, call)).mode, S.IFREG | mode);
  });
});

Deno.test("volume: offsets and times that the log cannot tell are refused, and nothing has changed", async () => {
  await volumes(async (server, root, store) => {
    const { node, handle } = now(server.create(root, "file", file, O.RDWR | O.APPEND, call));
    server.hold(node);
    now(server.setattr(node, { size: Number.MAX_SAFE_INTEGER - 5 }, handle, call));
    const append = (count: number) => server.write(node, handle, 0, new Uint8Array(count), call);
    const before = server.getattr(node, undefined, call);
    assert.throws(() => append(6), { code: "EFBIG" });
    for (const sec of [2n ** 62n as unknown as number, 2 ** 53, 0.5]) {
      const time = { sec, nsec: 0 };
      assert.throws(() => server.setattr(node, { atime: time }, undefined, call), { code: "EINVAL" });
      assert.throws(() => server.setattr(node, { mtime: time }, undefined, call), { code: "EINVAL" });
      assert.throws(() => server.setattr(node, { size: 3, mtime: time }, undefined, call), {
        code: "EINVAL",
      });
    }
    assert.deepEqual(server.getattr(node, undefined, call), before);
    assert.equal(append(5), 5);
    // Before 1970.
    now(server.setattr(node, { mtime: { sec: -1, nsec: 0 } }, undefined, call));
    now(server.setattr(node, { size: 3, mtime: { sec: 2 ** 53 - 1, nsec: 0 } }, undefined, call));
    now(server.close(node, handle, call));
    server.drop(node);
    await store.caughtUp();
  }, (server, root) => {
    assert.equal(now(server.getattr(now(server.walk(root, "file", call)), undefined, call)).size, 3);
  });
});

Deno.test("volume: what nothing shows any more is let go, and everything else is still there", async () => {
  // No two of them have a part in common, which would be kept once.
  const random = (i: number) =>
    Uint8Array.from({ length: 200_000 }, (_, at) => {
      const mixed = Math.imul(at + i * 200_000, 0x9e3779b1);
      return Math.imul(mixed ^ mixed >>> 15, 0x2c1b3c6d) >>> 24;
    });
  const packBytes = (store: VolumeStore) => Number(store.status().packBytes);
  await volumes(async (server, root, store) => {
    for (let i = 0; i < 10; i++) put(server, root, `file ${i}`, random(i));
    await store.caughtUp();
    for (let i = 1; i < 10; i++) server.remove(now(server.walk(root, `file ${i}`, call)), call);
    await store.caughtUp();
    const before = packBytes(store);
    assert.ok(before > 1_900_000, `${before} bytes in packs`);
    const node = now(server.walk(root, "file 0", call));
    assert.deepEqual(get(server, node), random(0));
    await store.collect();
    assert.ok(packBytes(store) < 300_000, `${packBytes(store)} bytes in packs`);
    assert.deepEqual(get(server, node), random(0));
    put(server, root, "again", random(1));
    await store.caughtUp();
  }, (server, root, store) => {
    assert.deepEqual(get(server, now(server.walk(root, "file 0", call))), random(0));
    assert.deepEqual(get(server, now(server.walk(root, "again", call))), random(1));
    assert.deepEqual(verify(store.folder).problems, []);
  });
});

Deno.test("volume: a file that lost one of its names, held by nobody, is written to by another", async () => {
  await volumes((server, root) => {
    const first = put(server, root, "first", new Uint8Array([1]));
    now(server.link(first, root, "second", call));
    put(server, root, "other", new Uint8Array([2]));
    now(server.remove(first, call));
    let second = now(server.walk(root, "second", call));
    now(server.close(second, now(server.open(second, O.WRONLY, call)), call));
    now(server.link(second, root, "third", call));
    now(server.rename(now(server.walk(root, "other", call)), root, "second", false, call));
    second = now(server.walk(root, "third", call));
    now(server.close(second, now(server.open(second, O.RDWR | O.TRUNC, call)), call));
  });
});
