import assert from "node:assert/strict";
import { type Call, type Creation, O, S, type User } from "../../9p/mod.ts";
import { VolumeStore } from "../../state/worker/mod.ts";
import { volume } from "./mod.ts";

const owner: User = { name: "me", groups: new Set(["us"]), standing: "owner" };
const call: Call = { user: owner, signal: new AbortController().signal };
const file: Creation = { mode: S.IFREG | 0o644, uid: "me" };

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
      const store = await VolumeStore.open(folder);
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
