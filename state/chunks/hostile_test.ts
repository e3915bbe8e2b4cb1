/** Lists that somebody wrote who means harm: each has the bytes that its id says, and they are no content. */
import assert from "node:assert/strict";
import { chunkStore, randomBytes } from "./fixture.ts";
import { type ChunkStore, type Descriptor, recut } from "./mod.ts";

const ENTRIES = 4096;

/** A list that says `count` times that so many bytes are in what has this id. */
function list(store: ChunkStore, length: number, id: Uint8Array, count = 1): Uint8Array {
  const bytes = new Uint8Array(count * 40);
  const view = new DataView(bytes.buffer);
  for (let i = 0; i < count; i++) {
    view.setBigUint64(i * 40, BigInt(length), true);
    bytes.set(id, i * 40 + 8);
  }
  return store.put(bytes);
}

/** 2^48 bytes of which each is in the same chunk, by four lists. */
function endless(store: ChunkStore): Descriptor {
  let id = store.put(new Uint8Array([7]));
  for (let depth = 0; depth < 4; depth++) id = list(store, ENTRIES ** depth, id, ENTRIES);
  return { size: ENTRIES ** 4, depth: 4, id };
}

Deno.test("what is live of a content whose few lists name each other without end is found in a moment", () => {
  const { store, reader } = chunkStore();
  const content = endless(store);
  assert.equal(new Set(Array.from(reader.ids(content), (id) => id.join())).size, 5);
  const into = new Uint8Array(3);
  assert.equal(reader.read(content, 2 ** 47, into), 3);
  assert.deepEqual([...into], [7, 7, 7]);
});

Deno.test("a change of a content of more pieces than memory has room for is refused, instead of taking all of it", () => {
  const { store, reader } = chunkStore();
  const content = endless(store);
  const before = Deno.memoryUsage().rss;
  const now = { size: content.size, read: (_: number, into: Uint8Array) => void into.fill(7) };
  assert.throws(
    () => recut(store, reader.open(content), now, [{ offset: 5, length: 1 }]),
    { code: "EFBIG", message: /more than 8388608 pieces/ },
  );
  const taken = (Deno.memoryUsage().rss - before) / (1 << 20);
  assert.ok(taken < 1000, `${taken} MiB`);
});

Deno.test("in a chunk that is named as a list and is none nothing is live", () => {
  const { store, reader } = chunkStore();
  const id = store.put(randomBytes(1000));
  assert.deepEqual([...reader.ids({ size: 5000, depth: 1, id })], [id]);
});
