import assert from "node:assert/strict";
import { SimulatedDisk } from "./mod.ts";

const SIZE = 16384;

function contentOf(disk: SimulatedDisk, path: string): Uint8Array {
  const file = disk.open(path);
  const into = new Uint8Array(file.size());
  file.pread(into, 0);
  return into;
}

/** Over many seeds, the distinct outcomes of `look`. */
async function outcomes(
  prepare: (disk: SimulatedDisk) => Promise<void>,
  look: (disk: SimulatedDisk) => string,
) {
  const seen = new Set<string>();
  for (let seed = 0; seed < 200; seed++) {
    const disk = new SimulatedDisk();
    await prepare(disk);
    seen.add(look(disk.powerLoss(seed)));
  }
  return seen;
}

Deno.test("what was synced, in a folder that was, is there after every power loss; what was not may be or not", async () => {
  const seen = await outcomes(async (disk) => {
    disk.makeFolder("f");
    const file = disk.open("f/file", { create: true });
    file.pwrite(new Uint8Array(SIZE).fill(1), 0);
    await file.sync();
    await disk.syncFolder("f");
    file.pwrite(new Uint8Array(SIZE).fill(2), SIZE / 2);
  }, (disk) => {
    const content = contentOf(disk, "f/file");
    assert.ok(content.subarray(0, SIZE / 2).every((byte) => byte === 1));
    assert.ok(content.length === SIZE || content.length === SIZE * 1.5);
    const rest = content.subarray(SIZE / 2);
    return [0, 1, 2].filter((byte) => rest.includes(byte)).join();
  });
  for (const some of ["1", "2", "1,2", "0,1,2"]) assert.ok(seen.has(some), `${[...seen]} lacks ${some}`);
});

Deno.test("a page is as it was after any of the writes that touched it, and one may be torn", async () => {
  const seen = await outcomes(async (disk) => {
    const file = disk.open("file", { create: true });
    file.pwrite(new Uint8Array(512), 0);
    file.syncBlocking();
    await disk.syncFolder("");
    for (const value of [1, 2, 3]) file.pwrite(new Uint8Array(512).fill(value), 0);
  }, (disk) => [...new Set(contentOf(disk, "file"))].join());
  for (const some of ["0", "1", "2", "3", "1,0", "2,1", "3,2"]) {
    assert.ok(seen.has(some), `${[...seen]} lacks ${some}`);
  }
});

Deno.test("without its folder's sync a new file may be gone, a renamed one back, a removed one back", async () => {
  const seen = await outcomes(async (disk) => {
    for (const name of ["a", "b"]) disk.open(name, { create: true });
    await disk.syncFolder("");
    disk.rename("a", "c");
    disk.remove("b");
    disk.open("d", { create: true }).syncBlocking();
  }, (disk) => disk.list("").join());
  assert.deepEqual([...seen].sort(), ["a,b", "b,c", "c", "c,d"]);
});

Deno.test("a sync under way has promised nothing, and one that failed never will", async () => {
  const cut = await outcomes((disk) => {
    const file = disk.open("file", { create: true });
    disk.syncFolderBlocking("");
    file.pwrite(Uint8Array.of(1), 0);
    file.sync().catch(() => {});
    return Promise.resolve();
  }, (disk) => contentOf(disk, "file").join());
  assert.ok(cut.has("") && cut.has("1"));
  const failed = await outcomes(async (disk) => {
    const file = disk.open("file", { create: true });
    disk.syncFolderBlocking("");
    file.pwrite(Uint8Array.of(1), 0);
    disk.failSyncs = 1;
    await assert.rejects(file.sync(), { code: "EIO" });
    await file.sync();
  }, (disk) => contentOf(disk, "file").join());
  assert.deepEqual([...failed], [""]);
});

Deno.test("a full disk takes what fits and says so; removing makes room", () => {
  const disk = new SimulatedDisk({ free: 10 });
  const file = disk.open("file", { create: true });
  assert.throws(() => file.pwrite(new Uint8Array(11), 0), { code: "ENOSPC" });
  assert.equal(file.size(), 10);
  file.pwrite(Uint8Array.of(1), 9);
  disk.remove("file");
  disk.open("other", { create: true }).pwrite(new Uint8Array(10), 0);
});

Deno.test("after a power loss the old disk is dead", () => {
  const disk = new SimulatedDisk();
  const file = disk.open("file", { create: true });
  disk.powerLoss(1);
  assert.throws(() => file.pwrite(Uint8Array.of(1), 0), { code: "EIO" });
  assert.throws(() => disk.list(""), { code: "EIO" });
});
