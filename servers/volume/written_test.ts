import assert from "node:assert/strict";
import { NineError, O } from "../../9p/mod.ts";
import type { Operation } from "../../state/operation/mod.ts";
import { VolumeStore } from "../../state/volume/mod.ts";
import { verify } from "../../state/worker/mod.ts";
import { call, file, get, now, type Place, put, type Server, walk, withVolume } from "./_fixture.ts";
import { volume } from "./mod.ts";

const text = (words: string) => new TextEncoder().encode(words);

/** A new file that is open for reading and writing. */
function begin(server: Server, root: Place, name: string) {
  const { node, handle } = now(server.create(root, name, file, O.RDWR, call));
  server.hold(node);
  const write = (words: string, at = 0) => now(server.write(node, handle, at, text(words), call));
  const end = () => {
    now(server.close(node, handle, call));
    server.drop(node);
  };
  return { node, write, end };
}

/** All operations that are put in the log from now on. */
function watch(store: VolumeStore): Operation[] {
  const seen: Operation[] = [];
  const append = store.append.bind(store);
  store.append = (operation) => {
    seen.push(operation);
    return append(operation);
  };
  return seen;
}

Deno.test("volume: a snapshot settles what is being written by operations of its own, and so does what precedes a restoring", async () => {
  await withVolume(async (server, root, store) => {
    const a = begin(server, root, "a");
    const b = begin(server, root, "b");
    a.write("a");
    b.write("b");
    const seen = watch(store);
    await store.snapshot("then", "me");
    assert.deepEqual(seen.map(({ kind }) => kind), ["settle", "settle", "snapshot"]);
    a.write("AA");
    seen.length = 0;
    await store.restore("then", [], "before", "me");
    assert.deepEqual(seen.map(({ kind }) => kind), ["settle", "snapshot", "restore"]);
    assert.deepEqual([get(server, a.node), get(server, b.node)], ["a", "b"]);
    b.write("B", 1);
    a.end();
    b.end();
    assert.equal(get(server, b.node), "bB");
  }, (server, root) => {
    assert.deepEqual(["a", "b"].map((name) => get(server, walk(server, root, name))), ["a", "bB"]);
  });
});

Deno.test("volume: the time of a change does not go back when what was written before it becomes a version", async () => {
  let times: (number | undefined)[] = [];
  const timesOf = (place: Place, server: Server) => {
    const { mtimeSec, mtimeNsec, ctimeSec, ctimeNsec } = now(server.getattr(place, undefined, call));
    return [mtimeSec, mtimeNsec, ctimeSec, ctimeNsec];
  };
  await withVolume(async (server, root) => {
    const a = begin(server, root, "a");
    a.write("a");
    await new Promise((wake) => setTimeout(wake, 2));
    now(server.link(a.node, root, "b", call));
    times = timesOf(a.node, server);
    a.end();
  }, (server, root) => assert.deepEqual(timesOf(walk(server, root, "b"), server), times));
});

Deno.test("volume: a file that stays open does not keep the log for ever", async () => {
  await withVolume(async (_server, _root, store) => {
    const server = volume(store, { heldBytesMax: 100_000 });
    const root = now(server.attach("", call));
    const idle = begin(server, root, "idle");
    idle.write("idle");
    const { ino } = idle.node.inode;
    put(server, root, "small", "x".repeat(50_000));
    await store.caughtUp();
    assert.equal(store.index.node(ino)!.size, 0);
    for (let i = 0; i < 3; i++) put(server, root, `large ${i}`, "x".repeat(50_000));
    await store.caughtUp();
    assert.equal(store.index.node(ino)!.size, 4);
    idle.write("again");
    assert.equal(get(server, idle.node), "again");
    idle.end();
  }, (server, root) => assert.equal(get(server, walk(server, root, "idle")), "again"));
});

Deno.test("volume: a file that is written to without end gets a version now and then, and not with each write from there on", async () => {
  await withVolume(async (server, root, store) => {
    const long = begin(server, root, "long");
    const seen = watch(store);
    for (let i = 0; i < 65_536 + 200; i++) {
      long.write("x", i);
      if (i % 20_000 === 0) await store.caughtUp();
    }
    assert.equal(seen.filter(({ kind }) => kind === "settle").length, 1);
    long.end();
    await store.caughtUp();
  });
});

Deno.test("volume: what was written stays in view where its last close could not be logged, and is kept later", async () => {
  const folder = await Deno.makeTempDir({ prefix: "lux9-written-" });
  try {
    const store = await VolumeStore.open(folder);
    const server = volume(store, { placesMax: 1 });
    const root = now(server.attach("", call));
    put(server, root, "file", "before");
    await store.caughtUp();
    const node = walk(server, root, "file");
    server.hold(node);
    const handle = now(server.open(node, O.RDWR, call));
    now(server.write(node, handle, 0, text("written later"), call));
    const append = store.append.bind(store);
    store.append = (operation) => {
      if (operation.kind === "settle") throw new NineError("ENOSPC", "No room for it");
      return append(operation);
    };
    assert.throws(() => server.close(node, handle, call), { code: "ENOSPC" });
    server.drop(node);
    store.append = append;
    for (const name of ["a", "b", "c"]) {
      put(server, root, name, name);
      await store.caughtUp();
    }
    assert.equal(get(server, walk(server, root, "file")), "written later");
    await store.snapshot("then", "me");
    assert.equal(store.index.node(node.inode.ino)!.size, 13);
    assert.equal(get(server, walk(server, root, "file")), "written later");
    await store.close();
    assert.deepEqual(verify(folder).problems, []);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

/** Flips a bit of a file. */
function flip(path: string, at: number): void {
  const bytes = Deno.readFileSync(path);
  bytes[at] ^= 4;
  Deno.writeFileSync(path, bytes);
}

Deno.test("volume: what was written over a damaged content stays in view, and goes on from there, over a restart as well", async () => {
  const folder = await Deno.makeTempDir({ prefix: "lux9-left-" });
  const troubles: string[] = [];
  const on = async (act: (server: Server, file: Place, store: VolumeStore) => Promise<void>) => {
    const store = await VolumeStore.open(folder, {
      onTrouble: (message) => troubles.push(message),
      gatherMs: 0,
    });
    const server = volume(store);
    await act(server, walk(server, now(server.attach("", call)), "file"), store);
    await store.close();
  };
  const append = (server: Server, node: Place, words: string) => {
    const handle = now(server.open(node, O.WRONLY | O.APPEND, call));
    now(server.write(node, handle, 0, text(words), call));
    now(server.close(node, handle, call));
  };
  const tail = (server: Server, node: Place) => {
    const into = new Uint8Array(100);
    const count = server.read(node, now(server.open(node, O.RDONLY, call)), 200_000, into, call) as number;
    return new TextDecoder().decode(into.subarray(0, count));
  };
  const isDamaged = (server: Server, node: Place) => {
    const handle = now(server.open(node, O.RDONLY, call));
    assert.throws(() => server.read(node, handle, 199_000, new Uint8Array(10), call), /is damaged/);
  };
  try {
    const store = await VolumeStore.open(folder);
    const server = volume(store);
    put(server, now(server.attach("", call)), "file", "x".repeat(100) + "y".repeat(199_900));
    await store.close();
    flip(`${folder}/packs/000001`, 199_000);
    await on(async (server, node, store) => {
      append(server, node, "one ");
      await store.caughtUp();
      assert.match(troubles.join(), /What was written to file \d+ stays in the log/);
      append(server, node, "two ");
      await store.caughtUp();
      assert.equal(tail(server, node), "one two ");
      isDamaged(server, node);
    });
    await on(async (server, node, store) => {
      assert.equal(now(server.getattr(node, undefined, call)).size, 200_008);
      append(server, node, "three");
      await store.caughtUp();
      assert.equal(tail(server, node), "one two three");
      isDamaged(server, node);
      // What is damaged is written over.
      const handle = now(server.open(node, O.WRONLY, call));
      now(server.write(node, handle, 0, text("z".repeat(200_000)), call));
      now(server.close(node, handle, call));
      await store.caughtUp();
      assert.equal(tail(server, node), "one two three");
    });
    troubles.length = 0;
    await on((server, node) => {
      assert.equal(tail(server, node), "one two three");
      assert.equal(get(server, node).slice(0, 5), "zzzzz");
      return Promise.resolve();
    });
    assert.deepEqual(troubles, []);
    assert.deepEqual(verify(folder).problems.filter((problem) => !/past version/.test(problem)), []);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});
