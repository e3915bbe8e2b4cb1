import assert from "node:assert/strict";
import { served } from "../../9p/client/_served.ts";
import { type Call, Errno, errnoOf, type FileServer, O, S, Tree } from "../../9p/mod.ts";
import { type Dialect, DIALECTS } from "../../9p/wire/field.ts";
import { mem } from "../mem/mod.ts";
import { remote } from "./mod.ts";

const errno = (name: keyof typeof Errno) => (thrown: unknown) => errnoOf(thrown) === Errno[name];
const CALL: Call = {
  user: { name: "owner", groups: new Set(["owner"]), standing: "owner" },
  signal: new AbortController().signal,
};

interface Chain extends AsyncDisposable {
  /** What is behind, by a client of its own. */
  readonly there: Tree;
  /** The same through `remote`. */
  readonly here: Tree;
  cut(): void;
}

/** A client in front of `remote` in front of a server. */
async function chain(dialect: Dialect, front?: Dialect, server?: FileServer): Promise<Chain> {
  const stack = new AsyncDisposableStack();
  const behind = stack.use(await served(server ?? mem() as FileServer));
  const there = stack.use(await Tree.dial(behind.address));
  const through = stack.use(remote(behind.address, { dialects: [dialect] }));
  const node = stack.use(await served(through.server));
  const here = stack.use(await Tree.dial(node.address, { dialects: [front ?? dialect] }));
  return { there, here, cut: () => behind.cut(), [Symbol.asyncDispose]: () => stack.disposeAsync() };
}

async function names(tree: Tree, path: string): Promise<string[]> {
  const all: string[] = [];
  for await (const { name } of tree.list(path)) all.push(name);
  return all.sort();
}
const text = async (tree: Tree, path: string) => new TextDecoder().decode(await tree.readFile(path));

for (const dialect of DIALECTS) {
  for (const front of DIALECTS) {
    Deno.test(`remote serves a tree of ${dialect} to a client of ${front}`, async () => {
      await using both = await chain(dialect, front);
      const { here, there } = both;
      const data = Uint8Array.from({ length: 300_000 }, (_, at) => at >> 4);
      await here.mkdir("/dir");
      await here.writeFile("/dir/file", data);
      assert.deepEqual(await there.readFile("/dir/file"), data);
      assert.deepEqual(await here.readFile("/dir/file"), data);
      for (let i = 0; i < 300; i++) await there.writeFile(`/dir/entry-${i}`, String(i));
      assert.equal((await names(here, "/dir")).length, 301);
      assert.deepEqual(await names(here, "/dir"), await names(there, "/dir"));
      await here.setattr("/dir/file", { mode: 0o600, size: 10 });
      assert.equal((await there.stat("/dir/file")).mode, S.IFREG | 0o600);
      assert.equal((await here.stat("/dir/file")).size, 10);
      await here.rename("/dir/file", "/dir/other");
      assert.equal((await there.stat("/dir/other")).size, 10);
      await here.remove("/dir/other");
      await assert.rejects(there.stat("/dir/other"), errno("ENOENT"));
      await assert.rejects(here.stat("/dir/other"), errno("ENOENT"));
      assert.deepEqual((await here.stat("/dir")).qid.path, (await there.stat("/dir")).qid.path);
    });
  }
}

Deno.test("remote passes on what only .L has", async () => {
  await using both = await chain("9P2000.L");
  const { here, there } = both;
  await here.writeFile("/file", "x");
  await here.link("/file", "/second");
  await here.symlink("file", "/link");
  await here.make("/fifo", { mode: S.IFIFO | 0o640 });
  assert.equal((await there.stat("/second")).nlink, 2);
  assert.equal(await text(here, "/link"), "x");
  assert.equal((await there.stat("/fifo")).mode, S.IFIFO | 0o640);
  {
    await using file = await here.walk("/file");
    await file.setxattr("user.a", new Uint8Array([1, 2]));
    assert.deepEqual(await file.listxattr(), ["user.a"]);
    assert.deepEqual(await file.getxattr("user.a"), new Uint8Array([1, 2]));
    await file.fsync();
    assert.equal((await file.statfs()).blocks, (await there.statfs()).blocks);
  }
  await here.mkdir("/dir");
  await here.rename("/file", "/dir/moved");
  assert.deepEqual(await names(there, "/dir"), ["moved"]);
});

Deno.test("remote follows a rename with fids that are held, and goes on after a removal", async () => {
  await using both = await chain("9P2000.L");
  const { here, there } = both;
  await here.mkdir("/a");
  await here.mkdir("/b");
  await here.writeFile("/a/file", "one");
  await using file = await here.open("/a/file", O.RDWR);
  await using below = await here.walk("/a/file");
  await here.rename("/a", "/b/c");
  assert.equal((await below.getattr()).size, 3);
  assert.equal(await text(there, "/b/c/file"), "one");
  await here.remove("/b/c/file");
  assert.equal(await file.write(3, new TextEncoder().encode("two")), 3);
  assert.equal((await below.getattr()).size, 6);
  // A new file of that name is another one.
  await here.writeFile("/b/c/file", "new");
  assert.equal((await below.getattr()).size, 6);
  assert.equal(await text(here, "/b/c/file"), "new");
});

Deno.test("remote sees what others change on the other side", async () => {
  await using both = await chain("9P2000.L");
  const { here, there } = both;
  await there.writeFile("/file", "one");
  await using held = await here.walk("/file");
  await there.remove("/file");
  await assert.rejects(here.stat("/file"), errno("ENOENT"));
  await there.writeFile("/file", "other");
  assert.equal((await here.stat("/file")).size, 5);
  assert.equal((await held.getattr()).size, 3);
});

Deno.test("remote keeps the number of its fids bounded", async () => {
  const behind = await served(mem());
  await using _ = behind;
  await using there = await Tree.dial(behind.address);
  await using through = remote(behind.address);
  const { server } = through;
  const root = await server.attach("", CALL);
  for (let i = 0; i < 2000; i++) await there.writeFile(`/file-${i}`, "");
  for (let i = 0; i < 2000; i++) {
    const place = await server.walk(root, `file-${i}`, CALL);
    server.hold!(place);
    assert.equal(await server.walk(root, `file-${i}`, CALL), place);
    server.drop!(place);
  }
  assert.ok(root.children.size <= 256, `${root.children.size} places are known`);
  const again = await server.walk(root, "file-0", CALL);
  assert.equal((await server.getattr(again, undefined, CALL)).size, 0);
});

Deno.test("remote dials again after the connection has died, and finds places by their paths", async () => {
  await using both = await chain("9P2000.L");
  const { here, there } = both;
  await there.mkdir("/dir");
  await there.writeFile("/dir/kept", "kept");
  await there.writeFile("/dir/replaced", "old");
  await using kept = await here.walk("/dir/kept");
  await using replaced = await here.walk("/dir/replaced");
  await using open = await here.open("/dir/kept");
  await there.writeFile("/dir/new", "new");
  await there.rename("/dir/new", "/dir/replaced");
  both.cut();
  await new Promise((done) => setTimeout(done, 20));
  assert.equal((await kept.getattr()).size, 4);
  await assert.rejects(replaced.getattr(), errno("ESTALE"));
  await assert.rejects(open.read(0, new Uint8Array(4)), errno("EIO"));
  assert.equal(await text(here, "/dir/kept"), "kept");
});

Deno.test("remote says EIO for what is under way when the connection dies", async () => {
  const server = mem();
  const waiting = Promise.withResolvers<void>();
  const slow = {
    ...server,
    read(_place: unknown, _handle: unknown, _offset: number, _into: Uint8Array, { signal }: Call) {
      waiting.resolve();
      return new Promise<Uint8Array>((_, reject) =>
        signal.addEventListener("abort", () => reject(signal.reason))
      );
    },
  } as FileServer;
  await using both = await chain("9P2000.L", "9P2000.L", slow);
  await both.here.writeFile("/file", "x");
  await using file = await both.here.open("/file");
  const reading = assert.rejects(file.read(0, new Uint8Array(10)), errno("EIO"));
  await waiting.promise;
  both.cut();
  await reading;
});

Deno.test("remote passes a flush on: the read on the other side ends", async () => {
  const server = mem();
  const waiting = Promise.withResolvers<void>();
  const ended = Promise.withResolvers<void>();
  const slow = {
    ...server,
    read(_place: unknown, _handle: unknown, _offset: number, _into: Uint8Array, { signal }: Call) {
      waiting.resolve();
      return new Promise<Uint8Array>((_, reject) =>
        signal.addEventListener("abort", () => {
          ended.resolve();
          reject(signal.reason);
        })
      );
    },
  } as FileServer;
  await using both = await chain("9P2000.L", "9P2000.L", slow);
  await both.here.writeFile("/file", "x");
  await using file = await both.here.open("/file");
  const aborter = new AbortController();
  const reading = assert.rejects(file.read(0, new Uint8Array(10), aborter.signal), { name: "AbortError" });
  await waiting.promise;
  aborter.abort();
  await reading;
  await ended.promise;
});

Deno.test("remote says ENOTCONN while the other side is away, and dials at most now and then", async () => {
  const behind = await served(mem());
  await using through = remote(behind.address);
  const { server } = through;
  const root = await server.attach("", CALL);
  await behind[Symbol.asyncDispose]();
  await new Promise((done) => setTimeout(done, 20));
  const getattr = async () => await server.getattr(root, undefined, CALL);
  await assert.rejects(getattr(), (thrown: Error) => /no such socket/.test(thrown.message));
  await assert.rejects(getattr(), errno("ENOTCONN"));
  await assert.rejects(getattr(), /the next try is in \d+ ms/);
  assert.ok(!through.isConnected);
});
