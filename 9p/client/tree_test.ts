import assert from "node:assert/strict";
import { mem } from "../../servers/mem/mod.ts";
import { Errno } from "../errno.ts";
import { errnoOf } from "../error.ts";
import { O, S } from "../qid.ts";
import { type Dialect, DIALECTS } from "../wire/field.ts";
import { served } from "./_served.ts";
import { pieces, readInto } from "./reading.ts";
import { Tree } from "./tree.ts";
import { writeAll, writeFrom } from "./writing.ts";

const errno = (name: keyof typeof Errno) => (thrown: unknown) => errnoOf(thrown) === Errno[name];

/** A test in each dialect, on an empty tree; afterwards no request and no fid but the root's may be left. */
function inEach(
  name: string,
  test: (tree: Tree, dialect: Dialect) => Promise<void>,
  dialects: readonly Dialect[] = DIALECTS,
): void {
  for (const dialect of dialects) {
    Deno.test(`${name} (${dialect})`, async () => {
      await using node = await served(mem());
      await using tree = await Tree.dial(node.address, { dialects: [dialect], msize: 8192 });
      await test(tree, dialect);
      assert.equal(tree.client.inFlight, 0);
      assert.equal(tree.client.fids.inUse, 1, "a fid was left behind");
    });
  }
}

function numbered(bytes: number): Uint8Array {
  return Uint8Array.from({ length: bytes }, (_, at) => (at >> 8) ^ at);
}

inEach("Tree writes and reads a file over many requests", async (tree) => {
  const data = numbered(1_000_003);
  await tree.writeFile("/file", data);
  assert.deepEqual(await tree.readFile("/file"), data);
  await tree.writeFile("/file", "short");
  assert.equal(new TextDecoder().decode(await tree.readFile("/file")), "short");
  await tree.writeFile("/empty", "");
  assert.equal((await tree.readFile("/empty")).byteLength, 0);
  await assert.rejects(tree.readFile("/file", 4), errno("EFBIG"));
});

inEach("Tree walks a path of more than sixteen names", async (tree) => {
  let path = "";
  for (let depth = 0; depth < 40; depth++) await tree.mkdir(path += `/d${depth}`);
  await tree.writeFile(`${path}/file`, "deep");
  assert.equal((await tree.stat(`${path}/file`)).size, 4);
  await assert.rejects(tree.stat(`${path}/none/below`), errno("ENOENT"));
  await assert.rejects(tree.stat(`${path}/file/below`), errno("ENOTDIR"));
  assert.equal((await tree.stat(`${path}/../../d38/d39/./file`)).size, 4);
});

inEach("Tree lists more than fits into one reply", async (tree) => {
  await tree.mkdir("/dir");
  const names = Array.from({ length: 500 }, (_, i) => `name-${i}`);
  for (const name of names) await tree.writeFile(`/dir/${name}`, "");
  const listed: string[] = [];
  for await (const { name, mode } of tree.list("/dir")) {
    assert.equal(mode & S.IFMT, S.IFREG);
    listed.push(name);
  }
  assert.deepEqual(listed.sort(), names.sort());
  for await (const _ of tree.list("/dir")) break;
  await assert.rejects(async () => {
    for await (const _ of tree.list(`/dir/${names[0]}`));
  }, errno("ENOTDIR"));
});

inEach("Tree stats and sets attributes", async (tree, dialect) => {
  await tree.writeFile("/file", "0123456789");
  await tree.setattr("/file", { mode: 0o640, size: 4, mtime: { sec: 1_000_000_000, nsec: 0 } });
  const attr = await tree.stat("/file");
  assert.equal(attr.mode, S.IFREG | 0o640);
  assert.equal(attr.size, 4);
  assert.equal(attr.mtimeSec, 1_000_000_000);
  if (dialect !== "9P2000") {
    await tree.setattr("/file", { mode: 0o4755, atime: { sec: 5, nsec: 0 } });
    assert.equal((await tree.stat("/file")).mode, S.IFREG | 0o4755);
    assert.equal((await tree.stat("/file")).atimeSec, 5);
    await tree.setattr("/file", { uid: "uid:1234", gid: "gid:77" });
    const { uid, gid } = await tree.stat("/file");
    assert.deepEqual([uid, gid], ["uid:1234", "gid:77"]);
  }
  assert.equal((await tree.stat("/")).mode & S.IFMT, S.IFDIR);
});

inEach("Tree renames, and says EXDEV where the dialect cannot", async (tree, dialect) => {
  await tree.mkdir("/a");
  await tree.mkdir("/b");
  await tree.writeFile("/a/file", "x");
  await tree.rename("/a/file", "/a/other");
  assert.equal((await tree.stat("/a/other")).size, 1);
  if (dialect === "9P2000.L") await tree.rename("/a/other", "/b/moved");
  else await assert.rejects(tree.rename("/a/other", "/b/moved"), errno("EXDEV"));
  assert.equal((await tree.stat(dialect === "9P2000.L" ? "/b/moved" : "/a/other")).size, 1);
});

inEach("Tree removes files and empty directories", async (tree) => {
  await tree.mkdir("/dir");
  await tree.writeFile("/dir/file", "x");
  await assert.rejects(
    tree.remove("/dir"),
    (thrown) => [Errno.ENOTEMPTY, Errno.EEXIST].includes(errnoOf(thrown) as typeof Errno.EEXIST),
  );
  await tree.remove("/dir/file");
  await tree.remove("/dir");
  await assert.rejects(tree.stat("/dir"), errno("ENOENT"));
  await assert.rejects(tree.remove("/"), errno("EBUSY"));
});

inEach("Tree makes what only Unix dialects have", async (tree) => {
  await tree.mkdir("/dir");
  await tree.writeFile("/dir/file", "through the link");
  await tree.symlink("dir/file", "/relative");
  await tree.symlink("/dir", "/absolute");
  await tree.symlink("loop", "/loop");
  await tree.make("/fifo", { mode: S.IFIFO | 0o600 });
  await tree.make("/null", { mode: S.IFCHR | 0o666, rdev: 0x103 });
  assert.equal(await tree.readlink("/relative"), "dir/file");
  for (const path of ["/relative", "/absolute/file"]) {
    assert.equal(new TextDecoder().decode(await tree.readFile(path)), "through the link");
  }
  assert.equal((await tree.stat("/absolute")).mode & S.IFMT, S.IFLNK);
  assert.equal((await tree.stat("/absolute", { follow: true })).mode & S.IFMT, S.IFDIR);
  await assert.rejects(tree.readFile("/loop"), errno("ELOOP"));
  assert.equal((await tree.stat("/fifo")).mode, S.IFIFO | 0o600);
  assert.equal((await tree.stat("/null")).rdev, 0x103);
}, ["9P2000.u", "9P2000.L"]);

Deno.test("Tree says EOPNOTSUPP for what 9P2000 does not have", async () => {
  await using node = await served(mem());
  await using tree = await Tree.dial(node.address, { dialects: ["9P2000"] });
  await tree.writeFile("/file", "");
  await assert.rejects(tree.symlink("x", "/y"), errno("EOPNOTSUPP"));
  await assert.rejects(tree.link("/file", "/y"), errno("EOPNOTSUPP"));
  await assert.rejects(tree.statfs(), errno("EOPNOTSUPP"));
});

inEach("RemoteFile has links, attributes, locks and statfs in .L", async (tree) => {
  await tree.writeFile("/file", "x");
  await tree.link("/file", "/second");
  assert.equal((await tree.stat("/second")).nlink, 2);
  await using file = await tree.open("/file", O.RDWR);
  await file.setxattr("user.one", numbered(20_000));
  await file.setxattr("user.two", new Uint8Array());
  assert.deepEqual(await file.getxattr("user.one"), numbered(20_000));
  assert.deepEqual((await file.listxattr()).sort(), ["user.one", "user.two"]);
  await file.setxattr("user.one", null);
  await assert.rejects(file.getxattr("user.one"), errno("ENODATA"));
  await assert.rejects(file.setxattr("user.none", numbered(1), 2), errno("ENODATA"));
  await file.fsync();
  assert.equal((await file.statfs()).namelen, 255);

  const lock = { type: "write", start: 0, length: 10, procId: 1, clientId: "a" } as const;
  assert.equal(await file.lock(lock), true);
  assert.equal(await file.lock({ ...lock, procId: 2 }), false);
  assert.deepEqual(await file.getlock({ ...lock, procId: 2 }), lock);
  assert.equal(await file.lock({ ...lock, type: "unlock" }), true);
  assert.equal(await file.getlock({ ...lock, procId: 2 }), undefined);
}, ["9P2000.L"]);

inEach("pieces and readInto read from any offset", async (tree) => {
  const data = numbered(100_000);
  await tree.writeFile("/file", data);
  await using file = await tree.open("/file", O.RDONLY);
  for (
    const [offset, size] of [[0, 0], [0, 100_000], [50_000, 100_000], [99_999, 100_000], [100_000, 100_000]]
  ) {
    const parts: number[] = [];
    for await (const piece of pieces(file, { offset, size })) parts.push(...piece);
    assert.deepEqual(Uint8Array.from(parts), data.subarray(offset), `from ${offset}, size ${size}`);
  }
  // A size that is too large, and one that is too small.
  for (const size of [200_000, 10]) {
    let count = 0;
    for await (const piece of pieces(file, { size })) count += piece.byteLength;
    assert.equal(count, 100_000);
  }
  const into = new Uint8Array(60_000);
  assert.equal(await readInto(file, 70_000, into), 30_000);
  assert.deepEqual(into.subarray(0, 30_000), data.subarray(70_000));
  for await (const _ of pieces(file, { size: 100_000 })) break;
});

inEach("writeAll and writeFrom throw what the server said", async (tree) => {
  await tree.writeFile("/file", "");
  await using file = await tree.open("/file", O.RDONLY);
  await assert.rejects(writeAll(file, 0, numbered(100_000)), errno("EBADF"));
  await assert.rejects(writeFrom(file, 0, { read: () => Promise.resolve(100) }), errno("EBADF"));
});

Deno.test("pieces completes short answers in the middle of a file", async () => {
  const server = mem();
  const data = numbered(50_000);
  const short = {
    ...server,
    read: (node: never, handle: never, offset: number, into: Uint8Array, call: never) =>
      server.read!(node, handle, offset, into.subarray(0, 1 + (offset % 777)), call),
  };
  await using node = await served(short);
  await using tree = await Tree.dial(node.address, { msize: 4096 });
  await tree.writeFile("/file", data);
  assert.deepEqual(await tree.readFile("/file"), data);
});

Deno.test("writeAll goes on after a short write", async () => {
  const server = mem();
  const data = numbered(50_000);
  const short = {
    ...server,
    write: (node: never, handle: never, offset: number, from: Uint8Array, call: never) =>
      server.write!(node, handle, offset, from.subarray(0, 1 + (offset % 777)), call),
  };
  await using node = await served(short);
  await using tree = await Tree.dial(node.address, { msize: 4096 });
  await tree.writeFile("/file", data);
  assert.deepEqual(await tree.readFile("/file"), data);
});

Deno.test("A signal ends a transfer and leaves nothing under way", async () => {
  const server = mem();
  const slow = {
    ...server,
    read: async (
      _node: never,
      _handle: never,
      _offset: number,
      _into: Uint8Array,
      call: { signal: AbortSignal },
    ) => {
      await new Promise((_, reject) =>
        call.signal.addEventListener("abort", () => reject(call.signal.reason))
      );
      return new Uint8Array();
    },
  };
  await using node = await served(slow);
  await using tree = await Tree.dial(node.address);
  await tree.writeFile("/file", numbered(10));
  const aborter = new AbortController();
  const reading = tree.readFile("/file", 100, aborter.signal);
  setTimeout(() => aborter.abort(), 20);
  await assert.rejects(reading, { name: "AbortError" });
  assert.equal(tree.client.inFlight, 0);
  assert.equal(tree.client.fids.inUse, 1);
});

Deno.test("Tree.dial says what to do where nobody listens", async () => {
  await assert.rejects(Tree.dial("unix!/nowhere/at/all"), (thrown: Error) => {
    assert.match(thrown.message, /no such socket: start the server/);
    return errnoOf(thrown) === Errno.ENOENT;
  });
  await assert.rejects(Tree.dial("tcp!127.0.0.1!1"), errno("ECONNREFUSED"));
  await assert.rejects(Tree.dial("tcp!no.such.host.invalid!1"), errno("EHOSTUNREACH"));
});

Deno.test("Tree goes on with small requests after frames larger than the server's own buffer", async () => {
  await using node = await served(mem());
  await using tree = await Tree.dial(node.address, { msize: 1024 * 1024 });
  const data = numbered(3_000_000);
  for (let round = 0; round < 3; round++) {
    await tree.writeFile("/file", data);
    for (let i = 0; i < 5; i++) await tree.stat("/file");
    assert.deepEqual(await tree.readFile("/file"), data);
  }
});
