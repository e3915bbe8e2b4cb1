import assert from "node:assert/strict";
import { type Call, type Creation, NineError, O, S, type User } from "../../9p/mod.ts";
import { mem, type MemOptions } from "./mod.ts";

const owner: User = { name: "me", groups: new Set(["us"]), standing: "owner" };
const call: Call = { user: owner, signal: new AbortController().signal };
const file: Creation = { mode: S.IFREG | 0o644, uid: "me" };

const MIB = 1024 * 1024;

/** A tree in memory, every function of which answers at once. */
function tree(options: MemOptions = {}) {
  const server = mem(options);
  const now = <T>(value: T | Promise<T>): T => {
    assert.ok(!(value instanceof Promise), "mem answers at once");
    return value;
  };
  const root = now(server.attach("", call));
  const create = (name: string, what = file, dir = root) =>
    now(server.create!(dir, name, what, O.RDWR, call));
  type Made = ReturnType<typeof create>;
  return {
    server,
    root,
    create,
    mkdir: (name: string, mode = 0o755) =>
      now(server.make!(root, name, { mode: S.IFDIR | mode, uid: "me" }, call)),
    write: ({ node, handle }: Made, offset: number, data: Uint8Array) =>
      now(server.write!(node, handle, offset, data, call)),
    read({ node, handle }: Made, offset: number, count: number) {
      const into = new Uint8Array(count).fill(255);
      const got = server.read!(node, handle, offset, into, call);
      return into.subarray(0, got as number);
    },
    attr: (node: Made["node"]) => now(server.getattr(node, undefined, call)),
    used: () => {
      const { blocks, bfree } = now(server.statfs!(root, call));
      return (blocks - bfree) * 4096;
    },
  };
}

Deno.test("mem.write beyond the bytes that all files may hold is ENOSPC, and the rest stays usable", () => {
  const { create, write, read, attr, server } = tree({ bytesMax: MIB });
  const first = create("first");
  write(first, 0, new Uint8Array(MIB / 2).fill(1));
  const second = create("second");
  assert.throws(() => write(second, 0, new Uint8Array(MIB).fill(2)), { code: "ENOSPC" });
  assert.ok(attr(second.node).size <= MIB / 2);
  assert.deepEqual(read(first, MIB / 2 - 1, 5), new Uint8Array([1]));
  server.remove!(second.node, call);
  write(create("third"), 0, new Uint8Array(MIB / 4));
});

Deno.test("mem gives back the memory of a file when its last name and its last holder have gone", () => {
  const { server, create, write, read, used } = tree();
  const made = create("file");
  server.hold!(made.node);
  write(made, 0, new Uint8Array(MIB).fill(7));
  assert.ok(used() >= MIB);
  server.remove!(made.node, call);
  assert.deepEqual(read(made, MIB - 1, 5), new Uint8Array([7]));
  server.drop!(made.node);
  assert.equal(used(), 0);
});

Deno.test("mem: a hole takes no memory and reads as zeros, wherever it is", () => {
  const { create, write, read, attr, used, server } = tree();
  const made = create("file");
  const far = 2 ** 50;
  write(made, far, new Uint8Array([9]));
  assert.equal(attr(made.node).size, far + 1);
  assert.ok(used() < MIB);
  assert.deepEqual(read(made, far - 2, 10), new Uint8Array([0, 0, 9]));
  assert.deepEqual(read(made, 65_530, 10), new Uint8Array(10));
  server.setattr!(made.node, { size: 5 }, undefined, call);
  server.setattr!(made.node, { size: far + 1 }, undefined, call);
  assert.deepEqual(read(made, far - 2, 10), new Uint8Array(3));
});

Deno.test("mem: what one page ends, the next begins", () => {
  const { create, write, read } = tree();
  const made = create("file");
  const data = Uint8Array.from({ length: 200_000 }, (_, i) => i % 251);
  for (let at = 0; at < data.byteLength; at += 33_333) write(made, at, data.subarray(at, at + 33_333));
  assert.deepEqual(read(made, 0, 300_000), data);
  assert.deepEqual(read(made, 65_500, 100), data.subarray(65_500, 65_600));
});

Deno.test("mem: a setgid directory hands its group on, and its bit to directories", () => {
  const { server, root, mkdir, create, attr } = tree();
  const dir = mkdir("dir", 0o2775);
  server.setattr!(dir, { gid: "them" }, undefined, call);
  assert.equal(attr(create("file", file, dir).node).gid, "them");
  const below = server.make!(dir, "below", { mode: S.IFDIR | 0o755, uid: "me" }, call) as typeof dir;
  const { gid, mode } = attr(below);
  assert.deepEqual([gid, mode & S.ISGID], ["them", S.ISGID]);
  assert.equal(attr(create("file", file, root).node).gid, "us");
});

Deno.test("mem.list goes on behind a cookie whatever is added and removed meanwhile", () => {
  const { server, root, create } = tree();
  for (let i = 0; i < 100; i++) create(`file ${i}`);
  const list = (cookie: number) =>
    server.list!(root, { append: false }, cookie, 10, false, call) as { name: string; cookie: number }[];
  const seen: string[] = [];
  let cookie = 0;
  for (let round = 0;; round++) {
    const page = list(cookie);
    if (page.length === 0) break;
    seen.push(...page.map(({ name }) => name));
    cookie = page[page.length - 1].cookie;
    if (round < 5) {
      for (const name of seen.slice(-10)) server.remove!(server.walk(root, name, call) as typeof root, call);
      create(`late ${round}`);
    }
  }
  assert.equal(new Set(seen).size, seen.length);
  for (let i = 0; i < 100; i++) assert.ok(seen.includes(`file ${i}`), `file ${i}`);
});

Deno.test("mem: attributes of a file have a bound together", () => {
  const { server, create } = tree();
  const { node } = create("file");
  const set = (name: string, bytes: number) => server.setxattr!(node, name, new Uint8Array(bytes), 0, call);
  for (let i = 0; i < 3; i++) set(`user.${i}`, 64 * 1024);
  assert.throws(
    () => set("user.more", 64 * 1024),
    (thrown) => thrown instanceof NineError && thrown.code === "ENOSPC",
  );
  set("user.0", 10);
  set("user.more", 32 * 1024);
});

Deno.test("mem: a directory has a link for each directory in it", async () => {
  const { server, root, mkdir, create } = tree();
  const links = async () => (await server.getattr(root, undefined, call)).nlink;
  const folder = mkdir("folder");
  create("file");
  assert.equal(await links(), 3);
  await server.remove!(folder, call);
  assert.equal(await links(), 2);
});

Deno.test("mem: everything that is kept counts, and is given back", () => {
  const { server, root, create, mkdir, used } = tree({ bytesMax: 4 * MIB });
  const full = (act: () => unknown) => assert.throws(act, { code: "ENOSPC" });
  const symlink = (name: string, target: string) =>
    server.make!(root, name, { mode: S.IFLNK | 0o777, uid: "me", target }, call) as typeof root;
  const remove = (place: typeof root) => server.remove!(place, call);
  /** Does it until there is no space left, says how often, and takes everything back. */
  const fill = (make: (i: number) => typeof root): number => {
    const made: (typeof root)[] = [];
    const before = used();
    full(() => {
      for (let i = 0; i < 10_000; i++) made.push(make(i));
    });
    assert.ok(used() > 3.9 * MIB, `${used()} bytes in use`);
    made.forEach(remove);
    assert.equal(used(), before);
    return made.length;
  };
  const target = "x".repeat(60_000);
  assert.ok(fill((i) => symlink(`link${i}`, target)) <= 4 * MIB / 60_000);
  const name = "n".repeat(250);
  assert.ok(fill((i) => mkdir(name + i)) < 4 * MIB / 700);
  assert.ok(fill((i) => create(name + i).node) < 4 * MIB / 700);
  const file = create("file").node;
  let attributes = 0;
  fill((i) => {
    const { node } = create(`f${i}`);
    if (attributes++ < 9) server.setxattr!(node, "user.a", new Uint8Array(200_000), 0, call);
    return node;
  });
  const names = new Array<typeof root>();
  full(() => {
    for (let i = 0; i < 10_000; i++) {
      server.link!(file, root, name + i, call);
      names.push(server.walk(root, name + i, call) as typeof root);
    }
  });
  const before = used();
  const longer = "m".repeat(255);
  full(() => {
    for (let i = 0; i < names.length; i++) {
      server.rename!(names[i], root, longer.slice(String(i).length) + i, true, call);
    }
  });
  assert.ok(used() - before <= 4096 * 2, "a longer name is paid for by what it is longer");
  names.forEach(remove);
  remove(file);
  assert.equal(used(), 0);
});

Deno.test("mem: what an attribute takes is given back when it is replaced or removed, or its file has gone", () => {
  const { server, create, used } = tree({ bytesMax: MIB });
  const { node } = create("file");
  const set = (value: Uint8Array | null) => server.setxattr!(node, "user.a", value, 0, call);
  for (let i = 0; i < 50; i++) set(new Uint8Array(100_000));
  assert.ok(used() > 100_000 && used() < 110_000);
  set(null);
  assert.ok(used() < 10_000);
  set(new Uint8Array(100_000));
  server.hold!(node);
  server.remove!(node, call);
  assert.equal((server.getxattr!(node, "user.a", call) as Uint8Array).byteLength, 100_000);
  server.drop!(node);
  assert.equal(used(), 0);
});

Deno.test("mem makes a file for who says nothing of its device and its target", async () => {
  const { server, root } = tree();
  const what = { mode: S.IFDIR | 0o755, uid: "me", flags: undefined, rdev: undefined, target: undefined };
  const made = await server.make!(root, "dir", what, call);
  assert.equal((await server.getattr(made, undefined, call)).rdev, 0);
});
