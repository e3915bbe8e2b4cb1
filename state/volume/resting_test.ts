import assert from "node:assert/strict";
import { crc32 } from "node:zlib";
import { S } from "../../9p/mod.ts";
import { verify } from "../worker/mod.ts";
import { DATABASE, DATABASE_LOG, GUARD, VolumeStore, type VolumeStoreOptions } from "./mod.ts";

const ROOT_INO = 1;
const time = { sec: 1_700_000_000, nsec: 5 };
/** A node of its own would wait longer. */
const RESTING: VolumeStoreOptions = { gatherMs: 0, restMs: 20, retryMs: 100 };

async function withFolder(act: (folder: string) => Promise<void>): Promise<void> {
  const folder = await Deno.makeTempDir({ prefix: "lux9-resting-" });
  try {
    await act(folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

async function until(what: string, isSo: () => boolean, msMax = 10_000): Promise<void> {
  const end = performance.now() + msMax;
  while (!isSo()) {
    assert.ok(performance.now() < end, `Not within ${msMax} ms: ${what}`);
    await new Promise((wake) => setTimeout(wake, 5));
  }
}

const isAtRest = (store: VolumeStore) => store.state.worker === undefined;
const rests = (store: VolumeStore) => until("the Worker rests", () => isAtRest(store));

function create(store: VolumeStore, name: string): number {
  const ino = store.nextIno();
  store.append({
    ...{ kind: "create", by: "me", time, ino, parent: ROOT_INO, eid: store.nextEid(), name },
    ...{ mode: S.IFREG | 0o644, uid: "me", gid: "us", flags: 0, rdev: 0, target: "" },
  });
  return ino;
}

function write(store: VolumeStore, ino: number, text: string, offset = 0): void {
  store.append({ kind: "write", by: "me", time, ino, offset, bytes: new TextEncoder().encode(text) });
}

function settle(store: VolumeStore, ino: number): void {
  store.append({ kind: "settle", by: "me", time, ino });
}

function get(store: VolumeStore, name: string): string {
  const { size, content } = store.index.node(store.index.edge(ROOT_INO, name)!.ino)!;
  const into = new Uint8Array(size);
  if (content !== null) store.openContent(content).read(0, into);
  return new TextDecoder().decode(into);
}

function put(store: VolumeStore, name: string, text: string): number {
  const ino = create(store, name);
  write(store, ino, text);
  settle(store, ino);
  return ino;
}

/** A volume with one file, which is closed. */
async function make(folder: string): Promise<void> {
  const store = await VolumeStore.open(folder);
  put(store, "file", "first");
  await store.close();
}

const clean = (folder: string) => assert.deepEqual(verify(folder).problems, []);

Deno.test("a volume that was closed whole is read without a Worker, which the first change starts", async () => {
  await withFolder(async (folder) => {
    await make(folder);
    let store = await VolumeStore.open(folder, { onTrouble: assert.fail });
    assert.ok(isAtRest(store));
    assert.equal(get(store, "file"), "first");
    await store.close();
    // What only read it left nothing that the next start would have to do.
    store = await VolumeStore.open(folder, { onTrouble: assert.fail });
    assert.ok(isAtRest(store));
    put(store, "second", "more");
    await store.caughtUp();
    assert.ok(!isAtRest(store));
    assert.equal(get(store, "second"), "more");
    await store.snapshot("one", "me");
    await store.close();
    store = await VolumeStore.open(folder, { onTrouble: assert.fail });
    assert.ok(isAtRest(store));
    assert.equal(get(store, "second"), "more");
    assert.equal(store.index.past.snapshots().length, 1);
    await store.close();
    clean(folder);
  });
});

Deno.test("a volume that was not closed whole, or is damaged, begins with a Worker", async () => {
  await withFolder(async (folder) => {
    await make(folder);
    let store = await VolumeStore.open(folder, { gatherMs: 1e9 });
    put(store, "later", "in the log alone");
    store.abandon();
    store = await VolumeStore.open(folder, { onTrouble: assert.fail });
    assert.ok(!isAtRest(store));
    assert.equal(get(store, "later"), "in the log alone");
    await store.close();
  });
  await withFolder(async (folder) => {
    await make(folder);
    const troubles: string[] = [];
    const bytes = Deno.readFileSync(`${folder}/${DATABASE}`);
    bytes[5 * 4096 + 100] ^= 1;
    Deno.writeFileSync(`${folder}/${DATABASE}`, bytes);
    const store = await VolumeStore.open(folder, { onTrouble: (message) => troubles.push(message) });
    assert.ok(!isAtRest(store));
    assert.deepEqual(troubles, [`Page 6 of ${DATABASE} was damaged, and is mended`]);
    await store.close();
    clean(folder);
  });
});

Deno.test("the Worker rests when there was nothing to do, and the next change starts another", async () => {
  await withFolder(async (folder) => {
    const store = await VolumeStore.open(folder, { ...RESTING, onTrouble: assert.fail });
    for (let round = 0; round < 4; round++) {
      put(store, `file ${round}`, `round ${round}`);
      await store.caughtUp();
      await rests(store);
      // All of it is in the database, which the guard knows page by page, and nothing is left in the log of either.
      assert.equal(Deno.statSync(`${folder}/${DATABASE_LOG}`).size, 0);
      clean(folder);
      for (let i = 0; i <= round; i++) assert.equal(get(store, `file ${i}`), `round ${i}`);
    }
    // As when the process is killed.
    store.abandon();
    const again = await VolumeStore.open(folder, { onTrouble: assert.fail });
    assert.ok(isAtRest(again));
    for (let i = 0; i < 4; i++) assert.equal(get(again, `file ${i}`), `round ${i}`);
    await again.close();
    clean(folder);
  });
});

Deno.test("files that are being written and files that somebody holds without a name stay over a rest", async () => {
  await withFolder(async (folder) => {
    let store = await VolumeStore.open(folder, { ...RESTING, onTrouble: assert.fail });
    const ino = create(store, "open");
    write(store, ino, "before ");
    const held = put(store, "held", "without a name");
    await store.caughtUp();
    store.append({ kind: "unlink", by: "me", time, parent: ROOT_INO, name: "held", ino: held, held: true });
    await store.caughtUp();
    await rests(store);
    // The log has what is in no version yet.
    assert.notEqual(store.index.unsettledFrom(ino), undefined);
    assert.ok(store.index.node(held));
    write(store, ino, "and after", 7);
    await store.caughtUp();
    assert.ok(store.index.node(held), "who holds it may still read it");
    await rests(store);
    settle(store, ino);
    await store.caughtUp();
    assert.equal(get(store, "open"), "before and after");
    await rests(store);
    // A file without a name is for the next start to forget, so that one is not without a Worker.
    store.abandon();
    store = await VolumeStore.open(folder, { onTrouble: assert.fail });
    assert.ok(!isAtRest(store));
    assert.equal(store.index.node(held), undefined);
    assert.equal(get(store, "open"), "before and after");
    await store.close();
    clean(folder);
  });
});

Deno.test("whatever is asked while the Worker starts or goes to rest is done, also where the volume is closed meanwhile", async () => {
  await withFolder(async (folder) => {
    const answered = new Map<string, string>();
    let next = 0;
    for (let closings = 0; closings < 4; closings++) {
      // It goes to rest whenever it can, so that changes come at every moment of it.
      const store = await VolumeStore.open(folder, { gatherMs: 0, restMs: 0, onTrouble: assert.fail });
      for (const [name, text] of answered) assert.equal(get(store, name), text);
      for (let i = 0; i < 16; i++) {
        const [name, text] = [`file ${next}`, `text ${next}`];
        put(store, name, text);
        answered.set(name, text);
        if (next % 3 === 0) await store.caughtUp();
        if (next % 10 === 0) await store.snapshot(`snapshot ${next}`, "me");
        if (next % 13 === 7) await store.collect();
        // Changes are held back meanwhile, as nothing that comes is something as well.
        if (next % 9 === 2) assert.deepEqual(await store.receive({ records: [], chunks: [] }), []);
        if (next % 4 === 0) await rests(store);
        else await new Promise((wake) => setTimeout(wake, (next * 7) % 40));
        next++;
      }
      await store.close();
    }
    const store = await VolumeStore.open(folder, { onTrouble: assert.fail });
    for (const [name, text] of answered) assert.equal(get(store, name), text);
    assert.equal(store.index.past.snapshots().length, 7);
    await store.close();
    clean(folder);
  });
});

Deno.test("a volume is closed whole also while its Worker starts", async () => {
  await withFolder(async (folder) => {
    await make(folder);
    let store = await VolumeStore.open(folder, { gatherMs: 0, onTrouble: assert.fail });
    put(store, "late", "at the end");
    await new Promise((wake) => setTimeout(wake, 5));
    await store.close();
    store = await VolumeStore.open(folder, { onTrouble: assert.fail });
    assert.ok(isAtRest(store));
    assert.equal(get(store, "late"), "at the end");
    await store.close();
    clean(folder);
  });
});

Deno.test("when a Worker does not start, what waits for it ends with the reason, and goes on once it does", async () => {
  await withFolder(async (folder) => {
    await make(folder);
    const troubles: string[] = [];
    const store = await VolumeStore.open(folder, {
      ...RESTING,
      onTrouble: (message) => troubles.push(message),
    });
    assert.ok(isAtRest(store));
    // As if a newer lux9 had had it.
    const guard = Deno.readFileSync(`${folder}/${GUARD}`);
    const newer = guard.slice();
    for (const at of [0, 2048]) seal(newer.subarray(at, at + 40));
    Deno.writeFileSync(`${folder}/${GUARD}`, newer);
    put(store, "answered", "is in the log");
    const reason =
      /The volume takes nothing more until its Worker starts: index\.guard has the format LUX9GRD9/;
    await assert.rejects(store.snapshot("one", "me"), reason);
    await assert.rejects(store.collect(), reason);
    assert.throws(() => store.behind(), reason);
    assert.match(troubles.join(), reason);
    Deno.writeFileSync(`${folder}/${GUARD}`, guard);
    await until("it has started", () => store.index.applied === store.log.last);
    assert.equal(store.behind(), undefined);
    await store.snapshot("one", "me");
    assert.equal(get(store, "answered"), "is in the log");
    await store.close();
    clean(folder);
  });
});

/** A head of the guard as a later format has it, with its checksum. */
function seal(head: Uint8Array): void {
  head[7] = "9".charCodeAt(0);
  new DataView(head.buffer, head.byteOffset).setUint32(36, crc32(head.subarray(0, 36)), true);
}
