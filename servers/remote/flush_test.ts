/** What a client that gives up waits for, where the other side has stopped answering. */
import assert from "node:assert/strict";
import { type Served, served } from "../../9p/client/_served.ts";
import {
  type Call,
  Client,
  dial,
  type Duplex,
  Errno,
  errnoOf,
  type ErrorReport,
  type FileServer,
  O,
  type RemoteFile,
  Tree,
} from "../../9p/mod.ts";
import { mem } from "../mem/mod.ts";
import { remote } from "./mod.ts";

/** How long the other side has to answer a Tflush here, ms. */
const FLUSH_MS = 100;
/** The same, with room for a busy machine. */
const SOON_MS = 2000;

interface Chain extends AsyncDisposable {
  readonly behind: Served;
  /** The client of `remote`. */
  readonly between: Client;
  readonly here: Tree;
  readonly near: Served;
  readonly reports: ErrorReport[];
  /** The other side takes everything and says nothing, until the returned function is called. */
  freeze(): () => void;
}

async function chain(server: FileServer = mem() as FileServer): Promise<Chain> {
  const stack = new AsyncDisposableStack();
  const behind = stack.use(await served(server));
  const duplex = await dial(behind.address);
  let thawed: Promise<void> | undefined;
  const icy: Duplex = {
    async read(into) {
      const count = await duplex.read(into);
      await thawed;
      return count;
    },
    write: (bytes) => duplex.write(bytes),
    close: () => duplex.close(),
  };
  const between = await Client.start(icy, { flushMs: FLUSH_MS });
  const through = stack.use(remote(between));
  const reports: ErrorReport[] = [];
  const near = stack.use(await served(through.server, { onError: (report) => reports.push(report) }));
  const here = stack.use(await Tree.dial(near.address));
  return {
    behind,
    between,
    here,
    near,
    reports,
    freeze() {
      const ice = Promise.withResolvers<void>();
      thawed = ice.promise;
      return ice.resolve;
    },
    [Symbol.asyncDispose]: () => stack.disposeAsync(),
  };
}

async function until(what: string, isSo: () => boolean): Promise<void> {
  for (const start = performance.now(); !isSo();) {
    assert.ok(performance.now() - start < SOON_MS, what);
    await new Promise((wake) => setTimeout(wake, 5));
  }
}

const REQUESTS: Record<string, (files: Files, signal: AbortSignal) => Promise<unknown>> = {
  walk: ({ dir }, signal) => dir.walk(["file"], signal),
  open: ({ idle }, signal) => idle.open(O.RDONLY, signal),
  create: ({ spare }, signal) => spare.create("new", { mode: 0o644 }, O.RDWR, signal),
  mkdir: ({ dir }, signal) => dir.make("new", { mode: 0o040755 }, signal),
  write: ({ open }, signal) => open.write(0, new Uint8Array(10), signal),
  setattr: ({ idle }, signal) => idle.setattr({ mode: 0o600 }, signal),
  fsync: ({ open }, signal) => open.fsync(false, signal),
  remove: ({ idle }, signal) => idle.remove(signal),
  // The attribute is set by the clunk.
  setxattr: async ({ idle }, signal) => {
    const { client } = idle;
    const { fid } = idle;
    await client.rpc("Txattrcreate", { fid, name: "user.a", attrSize: 0, flags: 0 });
    await client.rpc("Tclunk", { fid }, signal);
  },
};

interface Files {
  readonly dir: RemoteFile;
  readonly spare: RemoteFile;
  readonly idle: RemoteFile;
  readonly open: RemoteFile;
}

async function filesOf(here: Tree): Promise<Files> {
  await here.mkdir("/dir");
  await here.writeFile("/dir/file", "text");
  return {
    dir: await here.walk("/dir"),
    spare: await here.walk("/dir"),
    idle: await here.walk("/dir/file"),
    open: await here.open("/dir/file", O.RDWR),
  };
}

for (const [name, request] of Object.entries(REQUESTS)) {
  Deno.test(`remote ends a flushed ${name} that the other side never answers, and uses no fid of it again`, async () => {
    await using both = await chain();
    const { here, between, behind } = both;
    const files = await filesOf(here);
    await until("the other side has let go", () => between.inFlight === 0);
    const thaw = both.freeze();
    const aborter = new AbortController();
    const asked = request(files, aborter.signal);
    await new Promise((wake) => setTimeout(wake, 30));
    const start = performance.now();
    aborter.abort();
    await assert.rejects(asked, (thrown) => errnoOf(thrown) === Errno.EINTR);
    const ms = performance.now() - start;
    assert.ok(ms < SOON_MS, `it ended after ${ms.toFixed(0)} ms`);
    // Nothing is lost for good: once the other side is back, so are the fids, and it all goes on.
    thaw();
    await until("a tag is still taken", () => between.inFlight === 0);
    assert.equal(await here.readFile("/dir/file").then((bytes) => bytes.byteLength).catch(errnoOf) > 0, true);
    await Promise.all(Object.values(files).map((file) => file.close().catch(() => {})));
    await here.root.getattr();
    await until("both sides count the same fids", () => between.fids.inUse === behind.engine.fids);
  });
}

Deno.test("remote says in the log that nobody knows how a request ended", async () => {
  await using both = await chain();
  const { idle } = await filesOf(both.here);
  const thaw = both.freeze();
  const aborter = new AbortController();
  const asked = idle.setattr({ mode: 0o600 }, aborter.signal);
  await new Promise((wake) => setTimeout(wake, 30));
  aborter.abort();
  await assert.rejects(asked);
  assert.match(both.reports.at(-1)!.reason, /within 100 ms: nobody knows whether it happened/);
  assert.equal(both.reports.at(-1)!.errno, Errno.EINTR);
  thaw();
});

Deno.test("remote keeps the fid of a hanging open until the other side has ended it", async () => {
  const server = mem();
  const hung: (() => void)[] = [];
  const slow = {
    ...server,
    open(place: never, flags: number, call: Call) {
      if (flags & O.TRUNC) {
        return new Promise<void>((go) => hung.push(go)).then(() => server.open!(place, flags, call));
      }
      return server.open!(place, flags, call);
    },
  } as FileServer;
  await using both = await chain(slow);
  const { here, between, behind } = both;
  const { idle } = await filesOf(here);
  hung.splice(0);
  const before = between.fids.inUse;
  const aborter = new AbortController();
  const opening = idle.open(O.WRONLY | O.TRUNC, aborter.signal);
  await until("the open has arrived", () => hung.length === 1);
  aborter.abort();
  await assert.rejects(opening, (thrown) => errnoOf(thrown) === Errno.EINTR);
  // Everything else goes on meanwhile, with other numbers.
  for (let i = 0; i < 10; i++) assert.equal((await here.stat("/dir/file")).size, 4);
  assert.equal(
    between.fids.inUse,
    before + 1,
    "the fid that may be open was given up for good, or used again",
  );
  hung[0]();
  await until("the fid is clunked", () => between.fids.inUse === before);
  await until("both sides count the same fids", () => between.fids.inUse === behind.engine.fids);
});

Deno.test("remote ends a flushed clunk that the other side never answers", async () => {
  await using both = await chain();
  const { open } = await filesOf(both.here);
  const thaw = both.freeze();
  const aborter = new AbortController();
  const { client } = open;
  const asked = client.rpc("Tclunk", { fid: open.fid }, aborter.signal);
  await new Promise((wake) => setTimeout(wake, 30));
  aborter.abort();
  const start = performance.now();
  await assert.rejects(asked, (thrown) => errnoOf(thrown) === Errno.EINTR);
  assert.ok(performance.now() - start < SOON_MS);
  thaw();
});

Deno.test("remote gives up on what never left, as the other side reads nothing any more", async () => {
  await using both = await chain();
  const { open } = await filesOf(both.here);
  const thaw = both.freeze();
  const data = new Uint8Array(open.iounit);
  const aborter = new AbortController();
  const asked = Array.from({ length: 40 }, (_, i) => open.write(i * data.byteLength, data, aborter.signal));
  await new Promise((wake) => setTimeout(wake, 100));
  aborter.abort();
  const start = performance.now();
  await Promise.all(asked.map((one) => assert.rejects(one)));
  assert.ok(performance.now() - start < SOON_MS);
  thaw();
});

Deno.test("remote tells of a file that was made before the flush came (rule R32)", async () => {
  const server = mem();
  let aborter = new AbortController();
  const quick = {
    ...server,
    async create(dir: never, name: string, what: never, flags: number, call: Call) {
      const made = await server.create!(dir, name, what, flags, call);
      // The flush meets the reply on its way.
      aborter.abort();
      return made;
    },
  } as FileServer;
  await using both = await chain(quick);
  for (let i = 0; i < 20; i++) {
    aborter = new AbortController();
    const dir = await both.here.walk("/");
    const name = `file-${i}`;
    const told = await dir.create(name, { mode: 0o644 }, O.RDWR, aborter.signal).then(
      () => true,
      () => false,
    );
    const isThere = await both.here.stat(`/${name}`).then(() => true, () => false);
    assert.equal(told, isThere, `${name} ${isThere ? "is there" : "is not there"}`);
    await dir.close().catch(() => {});
  }
});
