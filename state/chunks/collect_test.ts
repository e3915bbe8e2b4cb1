import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { type Disk, realDisk, seeded, SimulatedDisk } from "../disk/mod.ts";
import { hex } from "./chunk_id.ts";
import { chunkStore, KEY, MemoryIndex, randomBytes } from "./fixture.ts";
import {
  ChunkReader,
  type ChunkStore,
  type Collected,
  copyLive,
  type Descriptor,
  liveBytes,
  orphanPacks,
  Packs,
} from "./mod.ts";

const SIZES = [300_000, 10, 500_000, 70_000, 1000, 400_000, 250_000];

/** Contents in several packs, of which every other one is live. */
function filled(disk: Disk = new SimulatedDisk()) {
  const made = chunkStore({ disk, packBytes: 300_000 });
  const contents = SIZES.map((size, i) => ({
    descriptor: made.store.putContent(randomBytes(size, seeded(i))),
    seed: i,
  }));
  const live = contents.filter(({ seed }) => seed % 2 === 0);
  const ids = new Set(live.flatMap(({ descriptor }) => [...made.reader.ids(descriptor)].map(hex)));
  return { ...made, live, isLive: (id: Uint8Array) => ids.has(hex(id)) };
}

function check(reader: ChunkReader, live: readonly { descriptor: Descriptor; seed: number }[]): void {
  for (const { descriptor, seed } of live) {
    const bytes = new Uint8Array(descriptor.size);
    assert.equal(reader.read(descriptor, 0, bytes), SIZES[seed]);
    assert.ok(Buffer.compare(bytes, randomBytes(SIZES[seed], seeded(seed))) === 0);
  }
}

function commit(index: MemoryIndex, { moved, dead }: Collected): void {
  for (const chunk of moved) index.add(chunk.id, chunk);
  for (const { id } of dead) index.chunks.delete(hex(id));
}

Deno.test("collecting a pack keeps what is live, and gives the rest back", () => {
  const root = Deno.makeTempDirSync();
  try {
    const { store, packs, index, reader, live, isLive, disk } = filled(realDisk(root));
    const before = packs.list().reduce((sum, pack) => sum + packs.bytes(pack), 0);
    const lasting = new ChunkReader({ packs: new Packs(disk, "packs"), index, key: KEY });
    const open = live.map(({ descriptor }) => lasting.open(descriptor));
    check(lasting, live);
    const wanted = packs.list().reduce((sum, pack) => sum + liveBytes(index, pack, isLive), 0);
    for (const pack of packs.list()) {
      if (pack === packs.current) continue;
      const collected = copyLive(store, index, pack, isLive);
      assert.deepEqual(collected.damaged, []);
      packs.syncBlocking();
      commit(index, collected);
      packs.remove(pack);
    }
    const after = packs.list().reduce((sum, pack) => sum + packs.bytes(pack), 0);
    assert.ok(after < before * 0.9 && after >= wanted, `${before}, then ${after}; live are ${wanted}`);
    check(reader, live);
    // Who had the old packs open reads on; who had forgotten them finds the new places.
    check(lasting, live);
    for (const pack of [1, 2, 3, 4]) lasting.packs.forget(pack);
    for (const [i, content] of open.entries()) {
      assert.equal(content.read(0, new Uint8Array(SIZES[live[i].seed])), SIZES[live[i].seed]);
    }
    check(lasting, live);
    assert.throws(() => packs.remove(packs.current), { code: "EBUSY" });
  } finally {
    Deno.removeSync(root, { recursive: true });
  }
});

Deno.test("a crash or loss of power at any step of collecting loses nothing, and the next start finishes", async () => {
  for (const step of ["copied", "synced", "committed", "removed"]) {
    for (let seed = 0; seed < 25; seed++) {
      const { store, packs, index, live, isLive, disk } = filled(new SimulatedDisk({ seed }));
      await packs.sync();
      const before = new MemoryIndex(index);
      const collected = copyLive(store, index, 1, isLive);
      let durable = before;
      if (step !== "copied") await packs.sync();
      if (step === "committed" || step === "removed") {
        commit(index, collected);
        durable = index;
      }
      if (step === "removed") packs.remove(1);
      const after = (disk as SimulatedDisk).powerLoss(seed);
      const next = chunkStore({ disk: after, index: durable, packBytes: 300_000 });
      check(next.reader, live);
      const orphans = orphanPacks(next.packs, next.index);
      if (step === "committed") assert.deepEqual(orphans, [1]);
      for (const pack of orphans) next.packs.remove(pack);
      check(next.reader, live);
      const again = next.packs.list().filter((pack) => pack !== next.packs.current);
      for (const pack of again) {
        const collected = copyLive(next.store as ChunkStore, next.index, pack, isLive);
        next.packs.syncBlocking();
        commit(next.index, collected);
        next.packs.remove(pack);
      }
      check(next.reader, live);
    }
  }
});

Deno.test("a damaged chunk stays where it is, and is named", () => {
  const { store, index, isLive, disk } = filled();
  const chunk = [...index.inPack(1)].find(({ id }) => isLive(id))!;
  disk.open("packs/000001").pwrite(new Uint8Array(5), chunk.offset + 7);
  const { moved, damaged } = copyLive(store, index, 1, isLive);
  assert.deepEqual(damaged.map(({ chunk }) => chunk), [chunk]);
  assert.match(damaged[0].reason, new RegExp(`${hex(chunk.id)} is damaged`));
  assert.ok(moved.length > 0 && moved.every(({ pack }) => pack > 1));
});
