/** Copies whose contents come when they are read: two stores with file servers, an exchange carried between them. */
import assert from "node:assert/strict";
import { Errno, errnoOf, O } from "../../9p/mod.ts";
import { type Exchange, FrameReader, packFrame, type VolumeStoreOptions } from "../../state/volume/mod.ts";
import { carry } from "../../state/worker/_carry.ts";
import { noise, Volume } from "../../state/worker/_tree.ts";
import { receiveClone, type Told, verify, type Wish } from "../../state/worker/mod.ts";
import { call, now, walk } from "./_fixture.ts";
import { volume } from "./mod.ts";

const MIB = 1024 * 1024;
const READ_BYTES = 256 * 1024;

interface Side extends AsyncDisposable {
  readonly volume: Volume;
  read(path: string, offset?: number, count?: number): Promise<Uint8Array>;
  write(path: string, offset: number, bytes: Uint8Array): Promise<void>;
}

async function open(folder: string, options: VolumeStoreOptions = {}): Promise<Side> {
  const opened = await Volume.open(folder, options);
  /** One that knows what was logged past the one before. */
  const opens = async (path: string, flags: number) => {
    const server = volume(opened.store);
    const node = walk(server, now(server.attach("", call)), path);
    server.hold(node);
    return { server, node, handle: await server.open(node, flags, call) };
  };
  return {
    volume: opened,
    async read(path, offset = 0, count = Infinity) {
      const { server, node, handle } = await opens(path, O.RDONLY);
      const end = Math.min(offset + count, now(server.getattr(node, undefined, call)).size);
      const bytes = new Uint8Array(end - offset);
      try {
        for (let at = offset; at < end;) {
          const into = new Uint8Array(Math.min(READ_BYTES, end - at));
          const got = server.read(node, handle, at, into, call);
          const part = typeof got === "number" ? into.subarray(0, got) : await got;
          bytes.set(part, at - offset);
          at += part.byteLength;
        }
      } finally {
        await server.close(node, handle, call);
        server.drop(node);
      }
      return bytes;
    },
    async write(path, offset, bytes) {
      const { server, node, handle } = await opens(path, O.WRONLY);
      try {
        await server.write(node, handle, offset, bytes, call);
      } finally {
        await server.close(node, handle, call);
        server.drop(node);
      }
      await opened.store.caughtUp();
    },
    [Symbol.asyncDispose]: () => opened[Symbol.asyncDispose](),
  };
}

/** Carries what is read on either side, until it is let go. `isDeaf`: no message arrives. */
async function stand(
  a: Side,
  b: Side,
  { isDeaf = false } = {},
): Promise<AsyncDisposable & { messages: number }> {
  const ends = [await a.volume.store.exchange(), await b.volume.store.exchange()];
  const aborter = new AbortController();
  const carried = { messages: 0, [Symbol.asyncDispose]: close };
  const pump = async (from: Exchange, to: Exchange) => {
    const reader = new FrameReader();
    for (;;) {
      const bytes = await from.read(65_536, aborter.signal);
      if (bytes.byteLength === 0) return;
      for (const frame of reader.add(bytes)) {
        if (frame.kind !== 1) continue;
        carried.messages++;
        if (!isDeaf) await to.write(packFrame(frame));
      }
    }
  };
  for (const end of ends) {
    await end.write(packFrame({ kind: 2, payload: new TextEncoder().encode('{"do":"fetch"}') }));
  }
  const pumps = Promise.allSettled([pump(ends[0], ends[1]), pump(ends[1], ends[0])]);
  async function close() {
    aborter.abort();
    await pumps;
    for (const end of ends) end.close();
  }
  return carried;
}

async function sync(a: Side, b: Side, wishes: { wish?: Partial<Wish>; other?: Partial<Wish> } = {}) {
  const { a: told } = await carry(await a.volume.store.exchange(), await b.volume.store.exchange(), wishes);
  assert.ok("ended" in told && told.ended?.kind === "done", JSON.stringify(told));
  return told as Extract<Told, { ended: unknown }>;
}

/** A copy `a` and one on demand `b` of it, which has had its first exchange. */
async function withCopies(
  before: (a: Side) => Promise<void>,
  act: (a: Side, b: Side, folder: string) => Promise<void>,
  options: VolumeStoreOptions = {},
): Promise<void> {
  const folder = await Deno.makeTempDir({ prefix: "lux9-demand-" });
  try {
    {
      await using a = await open(`${folder}/a`);
      await before(a);
      await receiveClone(`${folder}/b`, await a.volume.source(), { contents: "on-demand" });
      await using b = await open(`${folder}/b`, options);
      await sync(b, a);
      await act(a, b, folder);
    }
    for (const each of ["a", "b"]) assert.deepEqual(verify(`${folder}/${each}`).problems, [], each);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

const isRefused = (reason: RegExp) => (thrown: unknown) =>
  errnoOf(thrown) === Errno.EIO && reason.test((thrown as Error).message);

Deno.test("a copy on demand has the tree and texts; a first read brings contents while an exchange is carried, and they stay", async () => {
  const [large, small] = [noise(9 * MIB, 1), noise(5000, 2)];
  await withCopies(async (a) => {
    await a.volume.put("notes.md", "words\n");
    await a.volume.put("large", large);
    await a.volume.put("small", small);
  }, async (a, b, folder) => {
    const { store } = b.volume;
    assert.equal(store.status().contents, "on-demand");
    assert.equal(new TextDecoder().decode(await b.read("notes.md")), "words\n");
    assert.equal(store.index.counts().chunks, 1, "only the text is here");
    assert.equal(store.index.node(store.index.edge(1, "large")!.ino)!.size, large.byteLength);
    await b.volume.mv("small", "moved");
    await b.volume.chmod("large", 0o600);
    await assert.rejects(b.read("large"), isRefused(/lux9 sync OTHER --watch/));
    {
      await using carried = await stand(b, a);
      // Of a part only what is around it comes, once for all that wait.
      const parts = await Promise.all(
        Array.from({ length: 4 }, () => b.read("large", 3 * MIB, READ_BYTES)),
      );
      for (const part of parts) assert.deepEqual(part, large.subarray(3 * MIB, 3 * MIB + READ_BYTES));
      const { contentBytes } = store.index.counts();
      assert.ok(contentBytes > 2 * MIB && contentBytes < 3 * MIB, `${contentBytes} bytes`);
      assert.ok(carried.messages < 12, `${carried.messages} messages`);
      assert.deepEqual(await b.read("large"), large);
      assert.deepEqual(await b.read("moved"), small);
    }
    assert.deepEqual(await b.read("large"), large);
    assert.equal(verify(`${folder}/b`).absent, 0);
  });
});

Deno.test("what comes later is put off as well, until the copy is to be whole, which goes on where it was cut", async () => {
  await withCopies((a) => a.volume.put("first", noise(100, 1)), async (a, b, folder) => {
    for (let i = 0; i < 20; i++) await a.volume.put(`file ${i}`, noise(200_000, i));
    await a.volume.put("a.md", "text\n");
    const { summary } = await sync(b, a);
    assert.equal(summary.putOff, 20);
    assert.ok(summary.received.chunks <= 2, `${summary.received.chunks} chunks`);
    assert.equal(new TextDecoder().decode(await b.read("a.md")), "text\n");
    assert.equal((await sync(b, a)).summary.received.chunks, 0);
    // Killed in the middle: lists that are here, and what is in them not.
    await carry(await b.volume.store.exchange(), await a.volume.store.exchange(), {
      ...{ wish: { contents: "whole" }, other: {}, cutAfter: 14 },
    });
    assert.deepEqual(verify(`${folder}/b`).problems, []);
    await sync(b, a);
    assert.equal(b.volume.store.status().contents, "whole");
    for (let i = 0; i < 20; i++) assert.deepEqual(await b.read(`file ${i}`), noise(200_000, i));
    assert.equal(verify(`${folder}/b`).absent, 0);
  });
});

Deno.test("a copy that never answers holds a read no longer than the bound, and one that has not got it says so at once", async () => {
  await withCopies((a) => a.volume.put("file", noise(300_000, 1)), async (a, b, folder) => {
    {
      await using _ = await stand(b, a, { isDeaf: true });
      await assert.rejects(b.read("file"), isRefused(/did not come within 0.3 s/));
    }
    // A copy of the copy: neither has it.
    await receiveClone(`${folder}/c`, await b.volume.source());
    await using c = await open(`${folder}/c`);
    await sync(c, b);
    assert.ok(verify(`${folder}/c`).absent > 0);
    {
      await using _ = await stand(c, b);
      await assert.rejects(c.read("file"), isRefused(/have not got, either/));
    }
    await sync(c, a);
    assert.deepEqual(await c.read("file"), noise(300_000, 1));
    assert.deepEqual(verify(`${folder}/c`).problems, []);
    await using _ = await stand(b, c);
    assert.deepEqual(await b.read("file"), noise(300_000, 1));
  }, { waitMs: 300 });
});

Deno.test("writing into contents that are not here fails, or brings what is around; the rest stays where it is", async () => {
  const large = noise(12 * MIB, 3);
  await withCopies((a) => a.volume.put("large", large), async (a, b, folder) => {
    const patch = new TextEncoder().encode("changed");
    await assert.rejects(b.write("large", 6 * MIB, patch), isRefused(/lux9 sync OTHER --watch/));
    {
      await using _ = await stand(b, a);
      await b.write("large", 6 * MIB, patch);
    }
    const changed = large.slice();
    changed.set(patch, 6 * MIB);
    assert.deepEqual(await b.read("large", 6 * MIB - 10, 30), changed.subarray(6 * MIB - 10, 6 * MIB + 20));
    assert.ok(b.volume.store.index.counts().contentBytes < 6 * MIB);
    const { absent, problems } = verify(`${folder}/b`);
    assert.deepEqual(problems, []);
    assert.ok(absent > 50, `${absent} chunks`);
    await b.volume.store.collect();
    const { summary } = await sync(a, b);
    assert.equal(summary.absent, 0, "the other one has the rest");
    assert.deepEqual(await a.read("large"), changed);
    await using _ = await stand(b, a);
    assert.deepEqual(await b.read("large"), changed);
  });
});

Deno.test("texts come to the same on a whole copy and on one on demand, also where one is made of what was put off", async () => {
  await withCopies(async (a) => {
    await a.volume.put("notes.md", "one\n\ntwo\n\nthree\n");
    await a.volume.put("plain", "one\n\ntwo\n\nthree\n");
  }, async (a, b) => {
    // On both it becomes a text, over something that is here on one alone.
    await a.volume.mv("plain", "plain.md");
    await sync(b, a);
    for (const name of ["notes.md", "plain.md"]) {
      await a.volume.put(name, "one of a\n\ntwo\n\nthree\n");
      await b.volume.put(name, "one\n\ntwo\n\nthree of b\n");
    }
    for (let i = 0; i < 2; i++) await sync(b, a);
    const names = ({ volume: { store: { index } } }: Side) =>
      index.list(1, 0, 100).map(({ name }) => name).sort();
    assert.deepEqual(names(a), names(b));
    assert.deepEqual(names(a), ["notes.md", "plain.md"]);
    for (const name of names(a)) {
      assert.equal(new TextDecoder().decode(await b.read(name)), "one of a\n\ntwo\n\nthree of b\n", name);
    }
    await using _ = await stand(b, a);
    for (const name of names(a)) assert.deepEqual(await b.read(name), await a.read(name), name);
  });
});

Deno.test("a node that is killed while contents come has a sound copy, and reads go on", async () => {
  const folder = await Deno.makeTempDir({ prefix: "lux9-demand-" });
  try {
    const large = noise(8 * MIB, 4);
    await using a = await open(`${folder}/a`);
    await a.volume.put("large", large);
    await receiveClone(`${folder}/b`, await a.volume.source(), { contents: "on-demand" });
    for (const ms of [30, 60, 120]) {
      const killed = await open(`${folder}/b`);
      const carried = await stand(killed, a);
      const read = killed.read("large").catch(() => {});
      await new Promise((done) => setTimeout(done, ms));
      killed.volume.store.abandon();
      await Promise.all([read, carried[Symbol.asyncDispose]()]);
      assert.deepEqual(verify(`${folder}/b`).problems, []);
    }
    await using b = await open(`${folder}/b`);
    await using _ = await stand(b, a);
    assert.deepEqual(await b.read("large"), large);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});
