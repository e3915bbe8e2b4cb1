import assert from "node:assert/strict";
import { S } from "../../9p/mod.ts";
import { VolumeStore } from "../volume/mod.ts";
import { carry } from "./_carry.ts";
import { copyFolder } from "./_exchange.ts";
import { verify } from "./mod.ts";

const ROOT_INO = 1;
const now = () => ({ sec: Math.floor(Date.now() / 1000), nsec: 0 });

function put(store: VolumeStore, name: string, bytes: Uint8Array): number {
  const there = store.index.edge(ROOT_INO, name);
  const ino = there?.ino ?? store.nextIno();
  if (there === undefined) {
    store.append({
      ...{ kind: "create", by: "me", time: now(), ino, parent: ROOT_INO, eid: store.nextEid(), name },
      ...{ mode: S.IFREG | 0o644, uid: "me", gid: "us", flags: 0, rdev: 0, target: "" },
    });
  }
  store.append({ kind: "write", by: "me", time: now(), ino, offset: 0, bytes });
  store.append({ kind: "settle", by: "me", time: now(), ino });
  return ino;
}

function get(store: VolumeStore, name: string): Uint8Array | undefined {
  const edge = store.index.edge(ROOT_INO, name);
  const row = edge && store.index.node(edge.ino);
  if (row === undefined) return undefined;
  const bytes = new Uint8Array(row.size);
  if (row.content) store.openContent(row.content).read(0, bytes);
  return bytes;
}

const noise = (length: number, seed: number) =>
  Uint8Array.from({ length }, (_, i) => Math.imul(i + seed * 7919, 0x9e3779b1) >>> 24);
const names = (store: VolumeStore) => store.index.list(ROOT_INO, 0, 1000).map(({ name }) => name).sort();

/** Two copies, the second made of the first. */
async function withCopies(
  act: (a: VolumeStore, b: VolumeStore, folders: string[]) => Promise<void>,
  gatherMs = 1,
): Promise<void> {
  const folder = await Deno.makeTempDir({ prefix: "lux9-exchange-" });
  const folders = [`${folder}/a`, `${folder}/b`];
  try {
    Deno.mkdirSync(folders[0]);
    const first = await VolumeStore.open(folders[0]);
    put(first, "shared", noise(1000, 1));
    await first.caughtUp();
    await first.close();
    copyFolder(folders[0], folders[1]);
    const [a, b] = [
      await VolumeStore.open(folders[0], { gatherMs }),
      await VolumeStore.open(folders[1], { gatherMs }),
    ];
    try {
      await act(a, b, folders);
    } finally {
      await a.close();
      await b.close();
    }
    for (const each of folders) assert.deepEqual(verify(each).problems, []);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

Deno.test("what was answered before an exchange began is in it, however far the index is behind", async () => {
  await withCopies(async (a, b) => {
    // As git does: the one name is never there when it is done.
    const ino = put(a, "index.lock", noise(1000, 2));
    const words = { parent: ROOT_INO, name: "index.lock", toParent: ROOT_INO, toName: "index", held: false };
    a.append({ kind: "rename", by: "me", time: now(), ino, eid: a.nextEid(), ...words });
    await carry(await a.exchange(), await b.exchange());
    assert.deepEqual(names(b), ["index", "shared"]);
  }, 60_000);
});

Deno.test("two copies that meet come to one tree, with all bytes; meeting again says nothing", async () => {
  await withCopies(async (a, b) => {
    const large = noise(3_000_000, 5);
    put(a, "large", large);
    put(a, "of a", noise(20, 2));
    put(b, "of b", noise(70_000, 3));
    put(a, "shared", noise(900, 7));
    put(b, "shared", noise(800, 8));
    await a.caughtUp();
    await b.caughtUp();
    const first = await carry(await a.exchange(), await b.exchange());
    assert.ok("ended" in first.a && first.a.ended?.kind === "done", JSON.stringify(first));
    assert.ok("ended" in first.b && first.b.ended?.kind === "done", JSON.stringify(first));
    assert.deepEqual(names(a), names(b));
    assert.equal(names(a).length, 5, "with the conflict file");
    for (const name of names(a)) assert.deepEqual(get(a, name), get(b, name), name);
    assert.deepEqual(get(b, "large"), large);
    const again = await carry(await a.exchange(), await b.exchange());
    assert.ok("ended" in again.a && again.a.ended?.kind === "done");
    assert.ok(
      "summary" in again.a && again.a.summary.sent.records === 0 && again.a.summary.sent.messages <= 3,
    );
  });
});

Deno.test("an exchange that is cut goes on where it was", async () => {
  await withCopies(async (a, b) => {
    for (let i = 0; i < 30; i++) {
      put(a, `a ${i}`, noise(100_000, i));
      put(b, `b ${i}`, noise(30, i));
      await a.caughtUp();
      await b.caughtUp();
    }
    let cuts = 0;
    for (let after = 3;; after += 5) {
      const { a: told } = await carry(await a.exchange(), await b.exchange(), { cutAfter: after });
      if (told !== undefined && "ended" in told && told.ended?.kind === "done") break;
      cuts++;
      assert.ok(cuts < 100, "it never ends");
    }
    assert.ok(cuts > 0);
    assert.deepEqual(names(a), names(b));
    assert.equal(names(a).length, 61);
    for (const name of names(a)) assert.deepEqual(get(a, name), get(b, name), name);
  });
});

Deno.test("only looking tells how much there is, and moves nothing", async () => {
  await withCopies(async (a, b) => {
    put(a, "new", noise(10, 1));
    await a.caughtUp();
    const { a: told } = await carry(await a.exchange(), await b.exchange(), { wish: { isDry: true } });
    // What comes is the record by which the copied folder has a key of its own.
    assert.ok("dry" in told && told.dry.toSend === 1 && told.dry.toReceive === 1, JSON.stringify(told));
    assert.equal(get(b, "new"), undefined);
  });
});

Deno.test("a damaged chunk is healed from the other copy", async () => {
  await withCopies(async (a, b, folders) => {
    const bytes = noise(50_000, 9);
    put(a, "file", bytes);
    await a.caughtUp();
    await carry(await a.exchange(), await b.exchange());
    assert.deepEqual(get(b, "file"), bytes);
    const pack = [...Deno.readDirSync(`${folders[1]}/packs`)].map(({ name }) => name).sort().at(-1);
    using file = Deno.openSync(`${folders[1]}/packs/${pack}`, { read: true, write: true });
    file.seekSync(-100, Deno.SeekMode.End);
    file.writeSync(new Uint8Array(8));
    assert.match(verify(folders[1]).problems.join(), /is damaged/);
    const { b: told } = await carry(await a.exchange(), await b.exchange(), { wish: { heals: true } });
    assert.ok("summary" in told && told.summary.received.chunks === 1, JSON.stringify(told));
    assert.equal(told.summary.absent, 0);
    assert.deepEqual(verify(folders[1]).problems, []);
    assert.deepEqual(get(b, "file"), bytes);
  });
});

Deno.test("what no copy can heal is told", async () => {
  await withCopies(async (a, b, folders) => {
    const bytes = noise(50_000, 9);
    put(a, "file", bytes);
    await a.caughtUp();
    await carry(await a.exchange(), await b.exchange());
    const damage = (bytes: Uint8Array) => {
      for (const folder of folders.slice(0, 2)) {
        const pack = [...Deno.readDirSync(`${folder}/packs`)].map(({ name }) => name).sort().at(-1);
        using file = Deno.openSync(`${folder}/packs/${pack}`, { read: true, write: true });
        file.seekSync(-100, Deno.SeekMode.End);
        file.writeSync(bytes);
      }
    };
    damage(new Uint8Array(8));
    const { b: told } = await carry(await a.exchange(), await b.exchange(), { wish: { heals: true } });
    assert.ok("summary" in told && told.summary.absent === 1, JSON.stringify(told));
    damage(bytes.subarray(-100, -92));
  });
});
