import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import * as fc from "fast-check";
import { type Random, realDisk, seeded, SimulatedDisk } from "../disk/mod.ts";
import { chunkStore, KEY, MemoryIndex, randomBytes } from "./fixture.ts";
import { hex } from "./chunk_id.ts";
import { ListBuilder } from "./list.ts";
import {
  CHUNK_MAX,
  CHUNK_MIN,
  ChunkReader,
  ChunkStore,
  type Content,
  decodeDescriptor,
  type Descriptor,
  EMPTY,
  encodeDescriptor,
  HOLE_MIN,
  Packs,
  recut,
} from "./mod.ts";

function readAll(reader: ChunkReader, descriptor: Descriptor, step = 1 << 20): Uint8Array {
  const bytes = new Uint8Array(descriptor.size + 10);
  const content = reader.open(descriptor);
  let at = 0;
  for (;;) {
    const count = content.read(at, bytes.subarray(at, at + step));
    if (count === 0) break;
    at += count;
  }
  return bytes.subarray(0, at);
}

Deno.test("contents of all sizes are read back, whole and in parts, by who knows nothing but index and packs", () => {
  const root = Deno.makeTempDirSync();
  try {
    const { store, index, disk } = chunkStore({ disk: realDisk(root), packBytes: 3 << 20 });
    for (const size of [0, 1, 16384, 65536, 262144, 262145, 1_000_000, 20_000_000]) {
      const bytes = randomBytes(size, seeded(size));
      const descriptor = store.putContent(bytes);
      assert.equal(descriptor.size, size);
      assert.deepEqual(decodeDescriptor(encodeDescriptor(descriptor)), descriptor);
      const fresh = () => new ChunkReader({ packs: new Packs(disk, "packs"), index, key: KEY });
      assert.ok(Buffer.compare(readAll(fresh(), descriptor), bytes) === 0, `${size}`);
      assert.ok(Buffer.compare(readAll(fresh(), descriptor, 70_001), bytes) === 0, `${size}`);
      const into = new Uint8Array(1000).fill(7);
      const reader = fresh();
      for (let i = 0; i < 50; i++) {
        const offset = Math.floor(size * i / 49) - (i % 2) * 500;
        if (offset < 0) continue;
        const count = reader.read(descriptor, offset, into);
        assert.equal(count, Math.max(0, Math.min(1000, size - offset)));
        assert.deepEqual(into.subarray(0, count), bytes.subarray(offset, offset + count));
      }
    }
    assert.ok(new Packs(disk, "packs").list().length >= 7);
  } finally {
    Deno.removeSync(root, { recursive: true });
  }
});

Deno.test("equal data is stored once, and equal contents have equal descriptors", () => {
  const { store, packs } = chunkStore({ packBytes: 1 << 28 });
  const bytes = randomBytes(5_000_000);
  const one = store.putContent(bytes);
  const stored = packs.bytes(1);
  assert.ok(stored < 5_010_000);
  assert.deepEqual(store.putContent(bytes), one);
  const builder = store.content();
  for (let at = 0; at < bytes.length; at += 4096) builder.write(bytes.subarray(at, at + 4096));
  assert.deepEqual(builder.finish(), one);
  assert.equal(packs.bytes(1), stored);
  const longer = new Uint8Array(bytes.length + 1000);
  longer.set(bytes, 1000);
  store.putContent(longer);
  assert.ok(packs.bytes(1) < stored + 500_000);
});

Deno.test("nothing and zeros take no space, and holes next to none", () => {
  const { store, packs, reader, index } = chunkStore();
  assert.deepEqual(store.putContent(new Uint8Array(0)), EMPTY);
  const zeros = store.content();
  zeros.zeros(2 ** 45);
  const descriptor = zeros.finish();
  assert.deepEqual(descriptor, { size: 2 ** 45, depth: 0, id: undefined });
  const into = new Uint8Array(100).fill(1);
  assert.equal(reader.read(descriptor, 2 ** 45 - 50, into), 50);
  assert.equal(into.indexOf(1), 50);
  assert.equal(index.chunks.size, 0);

  const sparse = store.content();
  for (let i = 0; i < 1000; i++) {
    sparse.write(Uint8Array.of(1, 2, 3, i, i >> 8, 9));
    sparse.zeros(2 ** 30);
  }
  const found = sparse.finish();
  assert.ok(packs.bytes(1) < 100_000, `${packs.bytes(1)}`);
  assert.equal(found.size, 1000 * (2 ** 30 + 6));
  reader.read(found, 500 * (2 ** 30 + 6) - 4, into);
  assert.deepEqual([...into.subarray(0, 12)], [0, 0, 0, 0, 1, 2, 3, 500 & 255, 1, 9, 0, 0]);
});

Deno.test("a content of many chunks has lists of lists, of which a change leaves all but a few", () => {
  const { store, packs, reader, index } = chunkStore({ packBytes: 1 << 28 });
  const build = (changed: number) => {
    const builder = store.content();
    for (let i = 0; i < 60_000; i++) {
      builder.write(Uint8Array.of(1, i, i >> 8, i >> 16, i === changed ? 5 : 6));
      builder.zeros(65536);
    }
    return builder.finish();
  };
  const one = build(-1);
  assert.equal(one.depth, 2);
  const stored = packs.bytes(1);
  const chunks = index.chunks.size;
  const two = build(30_000);
  assert.ok(index.chunks.size - chunks <= 4, `${index.chunks.size - chunks}`);
  assert.ok(packs.bytes(1) - stored < 500_000);
  const into = new Uint8Array(5);
  reader.read(two, 30_000 * (65536 + 5), into);
  assert.deepEqual([...into], [1, 30_000 & 255, 30_000 >> 8, 0, 5]);
  assert.equal(new Set([...reader.ids(one)].map(hex)).size, chunks);
});

Deno.test("chunks that lie side by side are read by one call, and each is checked once", () => {
  const { store, index, disk } = chunkStore({ packBytes: 1 << 28 });
  const bytes = randomBytes(4_000_000);
  const descriptor = store.putContent(bytes);
  const reads: number[] = [];
  class Counting extends Packs {
    override read(pack: number, offset: number, into: Uint8Array): void {
      reads.push(into.length);
      super.read(pack, offset, into);
    }
  }
  const reader = new ChunkReader({ packs: new Counting(disk, "packs"), index, key: KEY });
  const content: Content = reader.open(descriptor);
  const into = new Uint8Array(4_000_000);
  content.read(0, into);
  assert.deepEqual(reads.slice(1), [4_000_000], "the list, and all that it lists");
  const { finds } = index;
  reads.length = 0;
  content.read(100_001, into.subarray(0, 1_000_000));
  assert.deepEqual(reads, [1_000_000]);
  assert.equal(index.finds, finds, "places are remembered");
});

Deno.test("what was read and checked of a content with lists of lists is lent from where it lies", async () => {
  const folder = await Deno.makeTempDir({ prefix: "lux9-spans-" });
  const { store, reader } = chunkStore({ disk: realDisk(folder) });
  try {
    const chunk = randomBytes(CHUNK_MIN);
    const id = store.put(chunk);
    const lists = new ListBuilder((bytes) => store.put(bytes));
    for (let i = 0; i < 5000; i++) lists.add(chunk.length, id);
    const descriptor = lists.finish();
    assert.ok(descriptor.depth > 1);
    const content = reader.open(descriptor);
    const [at, count] = [4095 * CHUNK_MIN + 100, CHUNK_MIN];
    assert.equal(content.spans(at, count), undefined);
    const read = new Uint8Array(2 * CHUNK_MIN);
    content.read(4095 * CHUNK_MIN, read);
    const spans = content.spans(at, count)!;
    const lent = new Uint8Array(count);
    let to = 0;
    for (let i = 0; i < spans.length; i += 2) {
      const pointer = Deno.UnsafePointer.create(BigInt(spans[i]))!;
      lent.set(new Uint8Array(Deno.UnsafePointerView.getArrayBuffer(pointer, spans[i + 1])), to);
      to += spans[i + 1];
    }
    assert.deepEqual(lent, read.subarray(100, 100 + count));
  } finally {
    reader.close();
    store.packs.close();
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("a flipped bit anywhere is EIO that names chunk, pack and place, and never data", () => {
  const { store, disk, index } = chunkStore({ packBytes: 1 << 28 });
  const bytes = randomBytes(700_000);
  const descriptor = store.putContent(bytes);
  const file = disk.open("packs/000001");
  const random = seeded(4);
  for (let i = 0; i < 60; i++) {
    const at = i === 0 ? file.size() - 1 : random.below(file.size());
    const byte = new Uint8Array(1);
    const flip = () => {
      file.pread(byte, at);
      byte[0] ^= 1 << i % 8;
      file.pwrite(byte, at);
    };
    flip();
    const reader = new ChunkReader({ packs: new Packs(disk, "packs"), index, key: KEY });
    const isBad = [...index.chunks.values()].find(({ offset, length }) =>
      offset <= at && at < offset + length
    )!;
    assert.throws(() => readAll(reader, descriptor, 10_000), {
      code: "EIO",
      message: `Chunk ${
        hex(isBad.id)
      } is damaged: the ${isBad.length} bytes at ${isBad.offset} of packs/000001 are not what was written`,
    });
    flip();
    assert.ok(Buffer.compare(readAll(reader, descriptor, 10_000), bytes) === 0);
  }
});

Deno.test("a chunk that is damaged is not relied on: storing it again heals it wherever it is used", () => {
  const { store, disk, index } = chunkStore();
  const bytes = randomBytes(300_000);
  const descriptor = store.putContent(bytes);
  const file = disk.open("packs/000001");
  for (const damage of ["flip", "cut"]) {
    if (damage === "flip") file.pwrite(new Uint8Array(9), 1000);
    else file.truncate(500);
    const again = chunkStore({ disk, index });
    assert.throws(() => readAll(again.reader, descriptor), { code: "EIO" });
    assert.deepEqual(again.store.putContent(bytes), descriptor);
    assert.ok(Buffer.compare(readAll(again.reader, descriptor), bytes) === 0);
  }
  assert.throws(() => readAll(chunkStore({ disk, index: new MemoryIndex() }).reader, descriptor), {
    code: "EIO",
  });
});

Deno.test("what no descriptor or list is, is EIO", () => {
  for (const length of [0, 8, 10, 40, 42, 100]) {
    assert.throws(() => decodeDescriptor(new Uint8Array(length)), { code: "EIO" });
  }
  assert.throws(() => decodeDescriptor(new Uint8Array(41).fill(255)), { code: "EIO" });
  const { store, reader } = chunkStore();
  const id = store.put(randomBytes(80));
  for (const depth of [0, 1, 2]) {
    assert.throws(() => reader.read({ size: 81, depth, id }, 0, new Uint8Array(81)), { code: "EIO" });
  }
});

Deno.test("a full disk is ENOSPC, and what was stored before stays; with space it goes on", () => {
  const disk = new SimulatedDisk();
  const { store, reader } = chunkStore({ disk });
  const one = store.putContent(randomBytes(400_000));
  disk.free = 150_000;
  assert.throws(() => store.putContent(randomBytes(1_000_000, seeded(2))), { code: "ENOSPC" });
  assert.equal(readAll(reader, one).length, 400_000);
  disk.free = Infinity;
  const two = store.putContent(randomBytes(1_000_000, seeded(2)));
  assert.ok(Buffer.compare(readAll(reader, two), randomBytes(1_000_000, seeded(2))) === 0);
  assert.ok(Buffer.compare(readAll(reader, one), randomBytes(400_000)) === 0);
});

Deno.test("what a transaction that failed had stored can be taken back, and tried again on the same space", async () => {
  for (const packBytes of [100_000, 1 << 20]) {
    const disk = new SimulatedDisk();
    let index = new MemoryIndex();
    const { packs } = chunkStore({ disk, index, packBytes });
    const store = () => new ChunkStore({ packs, index, key: KEY });
    const before = packs.mark();
    assert.deepEqual(before, { pack: 0, end: 0 });
    store().putContent(randomBytes(250_000, seeded(8)));
    packs.backTo(before);
    assert.deepEqual(packs.list(), []);
    index = new MemoryIndex();
    const one = store().putContent(randomBytes(250_000));
    await packs.sync();
    const committed = new MemoryIndex(index);
    const mark = packs.mark();
    for (let i = 0; i < 5; i++) {
      disk.free = 700_000;
      index = new MemoryIndex(committed);
      assert.throws(() => store().putContent(randomBytes(1_000_000, seeded(2))), { code: "ENOSPC" });
      packs.backTo(mark);
      assert.equal(disk.free, 700_000);
      assert.deepEqual(packs.mark(), mark);
    }
    disk.free = Infinity;
    index = new MemoryIndex(committed);
    const two = store().putContent(randomBytes(1_000_000, seeded(2)));
    await packs.sync();
    const { reader } = chunkStore({ disk: disk.powerLoss(1), index });
    assert.ok(Buffer.compare(readAll(reader, one), randomBytes(250_000)) === 0);
    assert.ok(Buffer.compare(readAll(reader, two), randomBytes(1_000_000, seeded(2))) === 0);
  }
});

Deno.test("after a loss of power all chunks are there that were synced, each pack goes on, and nothing is taken for another", async () => {
  for (let seed = 0; seed < 50; seed++) {
    const random = seeded(seed);
    let disk = new SimulatedDisk({ seed });
    let index = new MemoryIndex();
    const synced: [Descriptor, Uint8Array][] = [];
    for (let round = 0; round < 3; round++) {
      const { store, packs } = chunkStore({ disk, index, packBytes: 100_000 });
      let committed = new MemoryIndex(index);
      for (let i = 0; i < 5; i++) {
        const bytes = randomBytes(random.below(150_000), random);
        const descriptor = store.putContent(bytes);
        if (random.chance(0.5)) continue;
        if (random.chance(0.5)) await packs.sync();
        else packs.syncBlocking();
        committed = new MemoryIndex(index);
        synced.push([descriptor, bytes]);
      }
      disk = disk.powerLoss(seed * 10 + round);
      index = committed;
      const { reader } = chunkStore({ disk, index });
      for (const [descriptor, bytes] of synced) {
        assert.ok(Buffer.compare(readAll(reader, descriptor), bytes) === 0);
      }
    }
  }
});

Deno.test("two syncs at once: each waits for what was written before it", async () => {
  const disk = new SimulatedDisk({ seed: 3 });
  const { store, packs, index } = chunkStore({ disk });
  const descriptor = store.putContent(randomBytes(100));
  const first = packs.sync();
  await packs.sync();
  const after = disk.powerLoss(1);
  first.catch(() => {});
  assert.equal(readAll(chunkStore({ disk: after, index }).reader, descriptor).length, 100);
});

Deno.test("after a sync that failed the packs take nothing more", async () => {
  const disk = new SimulatedDisk();
  const { store, packs } = chunkStore({ disk });
  store.putContent(randomBytes(100));
  disk.failSyncs = 1;
  await assert.rejects(packs.sync(), { code: "EIO" });
  await assert.rejects(packs.sync(), { code: "EIO" });
  assert.throws(() => packs.syncBlocking(), { code: "EIO" });
  assert.throws(() => store.putContent(randomBytes(200)), { code: "EIO" });
});

Deno.test("recut gives what cutting all anew gives, and looks only at what is around the changes", () => {
  fc.assert(
    fc.property(fc.integer(), fc.integer({ min: 0, max: 4 }), (seed, count) => {
      const random = seeded(seed);
      const { store, reader } = chunkStore({ packBytes: 1 << 28 });
      let bytes = runs(random, random.below(12));
      let descriptor = store.putContent(bytes);
      for (let round = 0; round < 3; round++) {
        const size = random.chance(0.5)
          ? bytes.length
          : random.chance(0.5)
          ? random.below(bytes.length + 1)
          : bytes.length + random.below(300_000);
        const next = new Uint8Array(size);
        next.set(bytes.subarray(0, size));
        const changes = [];
        for (let i = 0; i < count && size > 0; i++) {
          const offset = Math.min(size - 1, Math.max(0, somewhere(random, reader.open(descriptor), size)));
          const length = Math.min(
            size - offset,
            one(random, [1, 2, 300, 20_000, HOLE_MIN, random.below(200_000)]),
          );
          const kind = one(random, ["random", "zeros", "ones"]);
          if (kind === "random") next.set(randomBytes(length, random), offset);
          else next.fill(kind === "ones" ? 1 : 0, offset, offset + length);
          changes.push({ offset, length });
        }
        const now = {
          size,
          read(offset: number, into: Uint8Array) {
            assert.ok(offset >= 0 && offset + into.length <= size);
            into.set(next.subarray(offset, offset + into.length));
          },
          zerosAt: seed % 2 === 0 ? undefined : (offset: number) => {
            let data = offset;
            while (data < size && next[data] === 0) data++;
            return data - offset < 70_000 ? 0 : data - offset - offset % 100;
          },
        };
        const cut = recut(store, reader.open(descriptor), now, changes);
        const whole = store.putContent(next);
        assert.deepEqual(cut, whole);
        bytes = next;
        descriptor = cut;
      }
    }),
    { seed: Number(Deno.env.get("LUX9_SEED") ?? 1), numRuns: Number(Deno.env.get("LUX9_RUNS") ?? 60) },
  );
  const { store, reader } = chunkStore({ packBytes: 1 << 28 });
  const bytes = randomBytes(30_000_000);
  const descriptor = store.putContent(bytes);
  bytes[15_000_000] ^= 1;
  let read = 0;
  const now = {
    size: bytes.length,
    read(offset: number, into: Uint8Array) {
      read += into.length;
      into.set(bytes.subarray(offset, offset + into.length));
    },
  };
  assert.deepEqual(
    recut(store, reader.open(descriptor), now, [{ offset: 15_000_000, length: 1 }]),
    store.putContent(bytes),
  );
  assert.ok(read < 1_500_000, `${read} bytes read for one that changed`);
});

Deno.test("recut reads no hole, old or new, however large", () => {
  const { store, reader } = chunkStore();
  const hole = 2 ** 44;
  const data = randomBytes(300_000);
  const build = (tail: number, last: number, size: number) => {
    const builder = store.content();
    builder.write(data);
    builder.zeros(hole - data.length);
    builder.write(Uint8Array.of(1, 2, last));
    builder.zeros(tail);
    const descriptor = builder.finish();
    assert.equal(descriptor.size, size);
    return descriptor;
  };
  const before = build(0, 3, hole + 3);
  const wanted = build(hole, 4, 2 * hole + 3);
  let read = 0;
  const now = {
    size: 2 * hole + 3,
    read(offset: number, into: Uint8Array) {
      read += into.length;
      into.fill(0);
      if (offset < data.length) into.set(data.subarray(offset, offset + into.length));
      if (offset <= hole && offset + into.length > hole) {
        into.set([1, 2, 4].slice(0, into.length), hole - offset);
      }
    },
    zerosAt: (offset: number) => offset >= hole + 3 ? Infinity : 0,
  };
  const changes = [{ offset: hole + 2, length: 1 }, { offset: 299_990, length: 20 }];
  assert.deepEqual(recut(store, reader.open(before), now, changes), wanted);
  assert.ok(read < 1_000_000, `${read} bytes read`);
});

/** Runs of random bytes, of zeros around the length of a hole, and of ones, which are cut at CHUNK_MAX. */
function runs(random: Random, count: number): Uint8Array {
  const parts = Array.from({ length: count }, () => {
    const length = random.below(150_000);
    if (random.chance(0.4)) {
      return new Uint8Array(random.chance(0.5) ? length : HOLE_MIN - 20_000 + length % 21_000);
    }
    if (random.chance(0.4)) return randomBytes(length, random);
    return new Uint8Array(random.chance(0.5) ? length : CHUNK_MAX - length % 40_000).fill(1);
  });
  const bytes = new Uint8Array(parts.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  return bytes;
}

/** A place for a change: most often at a border of pieces, or as far from it as a hole is long. */
function somewhere(random: Random, content: Content, size: number): number {
  if (random.chance(0.2)) return random.below(size);
  const borders = [0];
  for (const { length } of content.entries()) borders.push(borders.at(-1)! + length);
  const border = borders[random.below(borders.length)];
  return border + one(random, [-HOLE_MIN, -20_000, -300, -2, -1, 0, 0, 1, 300, 20_000, HOLE_MIN]);
}

function one<T>(random: Random, choices: readonly T[]): T {
  return choices[random.below(choices.length)];
}
