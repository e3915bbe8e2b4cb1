import assert from "node:assert/strict";
import { join } from "node:path";
import { O } from "../../9p/mod.ts";
import { VolumeStore } from "../../state/volume/mod.ts";
import { copyFolder, newsFrom } from "../../state/worker/_exchange.ts";
import { verify } from "../../state/worker/mod.ts";
import {
  call,
  change,
  dump,
  file,
  get,
  mkdir,
  now,
  numbers,
  type Place,
  put,
  rewrite,
  type Server,
  walk,
} from "./_fixture.ts";
import { volume } from "./mod.ts";

interface Side {
  readonly server: Server;
  readonly root: Place;
  readonly store: VolumeStore;
}

interface Pair {
  readonly a: Side;
  readonly b: Side;
  /** Hands to one side what the other has. */
  receive(to: Side, from: Side): Promise<void>;
}

/** Two copies that begin alike; they are sound in the end. */
async function withPair(
  before: (side: Side) => void,
  act: (pair: Pair) => Promise<void>,
): Promise<void> {
  const folder = await Deno.makeTempDir({ prefix: "lux9-receive-" });
  try {
    const [first, second] = ["a", "b"].map((name) => join(folder, name));
    const open = async (folder: string): Promise<Side> => {
      const onTrouble = (message: string) => {
        throw new Error(message);
      };
      const store = await VolumeStore.open(folder, { onTrouble });
      const server = volume(store);
      return { server, root: now(server.attach("", call)), store };
    };
    const origin = await open(first);
    before(origin);
    await origin.store.close();
    copyFolder(first, second);
    const sides = [await open(first), await open(second)];
    // Of two equal clocks the higher name wins, and here that is the second side's.
    sides.sort((a, b) =>
      String(a.store.status().incarnation) < String(b.store.status().incarnation) ? -1 : 1
    );
    const [a, b] = sides;
    const receive = async (to: Side, from: Side) => {
      await Promise.all([to.store.caughtUp(), from.store.caughtUp()]);
      assert.deepEqual(await to.store.receive(newsFrom(from.store.folder, to.store.folder)), []);
    };
    await act({ a, b, receive });
    for (const { store } of sides) {
      await store.close();
      assert.deepEqual(verify(store.folder).problems, []);
    }
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

const text = (bytes: string) => new TextEncoder().encode(bytes);
const conflictOf = ({ server, root }: Side) => dump(server, root).join("\n").match(/\S*\.conflict-\S*/)![0];

Deno.test("receive: what others changed is seen at once, also by who has it open", async () => {
  await withPair(({ server, root }) => {
    put(server, mkdir(server, root, "d"), "f", "old");
    put(server, root, "g", "g");
  }, async ({ a, b, receive }) => {
    // All of it is in memory.
    dump(a.server, a.root);
    const f = walk(a.server, a.root, "d/f");
    const reading = now(a.server.open(f, O.RDONLY, call));
    a.server.hold(f);
    const { qid } = now(a.server.getattr(f, undefined, call));
    rewrite(b.server, walk(b.server, b.root, "d/f"), "newer");
    b.server.rename(walk(b.server, b.root, "d"), b.root, "e", false, call);
    b.server.remove(walk(b.server, b.root, "g"), call);
    put(b.server, b.root, "h", "h");
    b.server.setxattr(walk(b.server, b.root, "h"), "user.a", text("1"), 0, call);
    await receive(a, b);
    assert.deepEqual(dump(a.server, a.root), dump(b.server, b.root));
    assert.equal(f.path, "/e/f");
    const into = new Uint8Array(100);
    const count = a.server.read(f, reading, 0, into, call) as number;
    assert.equal(new TextDecoder().decode(into.subarray(0, count)), "newer");
    const after = now(a.server.getattr(f, undefined, call));
    assert.equal(after.qid.path, qid.path);
    assert.notEqual(after.qid.version, qid.version);
    a.server.drop(f);
  });
});

Deno.test("receive: changes wait meanwhile, and what is being written is not lost", async () => {
  await withPair(({ server, root }) => {
    put(server, root, "f", "old");
    put(server, root, "g", "old");
  }, async ({ a, b, receive }) => {
    const [f, g] = ["f", "g"].map((name) => walk(a.server, a.root, name));
    const writing = now(a.server.open(f, O.WRONLY, call));
    a.server.hold(f);
    now(a.server.write(f, writing, 0, text("mine"), call));
    rewrite(b.server, walk(b.server, b.root, "f"), "yours");
    rewrite(b.server, walk(b.server, b.root, "g"), "yours");
    const received = receive(a, b);
    // Until the Worker has asked, nothing waits.
    let waited: unknown;
    while (!((waited = a.server.create(a.root, "made", file, O.WRONLY, call)) instanceof Promise)) {
      a.server.remove(walk(a.server, a.root, "made"), call);
      await new Promise((wake) => setTimeout(wake, 0));
    }
    assert.equal(get(a.server, g), "old");
    await received;
    assert.equal(get(a.server, g), "yours");
    await waited;
    await receive(b, a);
    assert.deepEqual(dump(b.server, b.root), dump(a.server, a.root));
    const [winner, loser] = ["f", conflictOf(a).slice(1)].map((name) =>
      get(a.server, walk(a.server, a.root, name))
    );
    assert.deepEqual([winner, loser].sort(), ["mine", "yours"]);
    // Who writes goes on with what won.
    now(a.server.write(f, writing, 0, text("M"), call));
    now(a.server.close(f, writing, call));
    a.server.drop(f);
    assert.equal(get(a.server, walk(a.server, a.root, "f")), "M" + winner.slice(1));
  });
});

Deno.test("receive: a file that goes while somebody has it open is read to its end, and is gone after that", async () => {
  await withPair(({ server, root }) => put(server, root, "f", "old"), async ({ a, b, receive }) => {
    const f = walk(a.server, a.root, "f");
    const reading = now(a.server.open(f, O.RDWR, call));
    a.server.hold(f);
    b.server.remove(walk(b.server, b.root, "f"), call);
    mkdir(b.server, b.root, "f");
    await receive(a, b);
    assert.equal(now(a.server.getattr(f, undefined, call)).nlink, 0);
    const into = new Uint8Array(3);
    assert.equal(a.server.read(f, reading, 0, into, call), 3);
    now(a.server.write(f, reading, 0, text("n"), call));
    assert.ok(walk(a.server, a.root, "f").inode.isDirectory);
    now(a.server.close(f, reading, call));
    a.server.drop(f);
    await a.store.caughtUp();
    assert.equal(a.store.index.node(f.inode.ino), undefined);
  });
});

Deno.test("where there are conflicts, what an operation changes beyond what it says is seen as well", async () => {
  await withPair(({ server, root }) => put(server, root, "f", "old"), async ({ a, b, receive }) => {
    rewrite(a.server, walk(a.server, a.root, "f"), "mine");
    rewrite(b.server, walk(b.server, b.root, "f"), "yours");
    await receive(a, b);
    const conflict = walk(a.server, a.root, conflictOf(a));
    a.server.hold(conflict);
    assert.equal(get(a.server, conflict), "mine");
    a.server.rename(walk(a.server, a.root, "f"), mkdir(a.server, a.root, "d"), "g", false, call);
    for (let tries = 0; tries < 100 && !conflict.path.startsWith("/d/g.conflict-"); tries++) {
      await new Promise((wake) => setTimeout(wake, 20));
    }
    assert.match(conflict.path, /^\/d\/g\.conflict-/);
    // It is a file like any other.
    const writing = now(a.server.open(conflict, O.WRONLY, call));
    now(a.server.write(conflict, writing, 0, text("M"), call));
    now(a.server.close(conflict, writing, call));
    a.server.rename(conflict, a.root, "mine", false, call);
    a.server.drop(conflict);
    await receive(b, a);
    assert.deepEqual(dump(b.server, b.root), dump(a.server, a.root));
    assert.deepEqual(
      ["mine", "d/g"].map((path) => get(b.server, walk(b.server, b.root, path))),
      ["Mine", "yours"],
    );
  });
});

Deno.test("two sides that are worked with at random while they exchange what they do show the same in the end", async () => {
  await withPair(({ server, root }) => void mkdir(server, root, "n1"), async ({ a, b, receive }) => {
    const below = numbers(7);
    const held = new Map<Side, Place[]>([[a, []], [b, []]]);
    for (let round = 0; round < 40; round++) {
      for (const side of [a, b]) {
        for (let i = below(4); i > 0; i--) {
          change(side.server, side.root, below, held.get(side)!);
        }
      }
      if (below(3) === 0) await receive(...below(2) ? [a, b] as const : [b, a] as const);
    }
    for (const [to, from] of [[a, b], [b, a], [a, b]]) await receive(to, from);
    assert.deepEqual(dump(a.server, a.root), dump(b.server, b.root));
    for (const [side, places] of held) for (const place of places) side.server.drop(place);
  });
});

Deno.test("receive: a conflict file that goes to another folder, as the name beside it is removed, is found there as soon as it is listed", async () => {
  await withPair(({ server, root }) => {
    put(server, mkdir(server, root, "d"), "f.bin", "old");
    server.link!(walk(server, root, "d/f.bin"), mkdir(server, root, "e"), "g.bin", call);
  }, async ({ a, b, receive }) => {
    for (const side of [a, b]) {
      rewrite(side.server, walk(side.server, side.root, "d/f.bin"), `of ${side === a}`);
    }
    await receive(a, b);
    const [beside] = conflictOf(a).split("/").slice(-2);
    const name = beside === "d" ? "d/f.bin" : "e/g.bin";
    const other = walk(a.server, a.root, beside === "d" ? "e" : "d");
    const namesIn = (dir: Place) => dump(a.server, dir).length;
    const before = namesIn(other);
    a.server.remove(walk(a.server, a.root, name), call);
    const until = performance.now() + 10_000;
    // Each name that is listed is looked up.
    while (namesIn(other) === before && performance.now() < until) {
      await new Promise((done) => setTimeout(done, 0));
    }
    assert.equal(namesIn(other), before + 1);
    await receive(b, a);
    assert.deepEqual(dump(a.server, a.root), dump(b.server, b.root));
  });
});
