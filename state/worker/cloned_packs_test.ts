import assert from "node:assert/strict";
import { chunkIds } from "../chunks/mod.ts";
import { type Disk, realDisk } from "../disk/mod.ts";
import { type ClonedChunk, ClonedPacks } from "./cloned_packs.ts";

const PACKS = 300;

/** The same disk, which tells how many of its files were open at once. */
function counting(disk: Disk): Disk & { readonly most: number } {
  const counted = { most: 0 };
  let now = 0;
  return Object.assign(counted, {
    open(path: string, options?: Parameters<Disk["open"]>[1]) {
      const file = disk.open(path, options);
      counted.most = Math.max(counted.most, ++now);
      const close = file.close.bind(file);
      return Object.assign(file, { close: () => void (now--, close()) });
    },
    list: disk.list.bind(disk),
    rename: disk.rename.bind(disk),
    remove: disk.remove.bind(disk),
    makeFolder: disk.makeFolder.bind(disk),
    syncFolder: disk.syncFolder.bind(disk),
    syncFolderBlocking: disk.syncFolderBlocking.bind(disk),
  });
}

Deno.test("however many packs came before, only some are open at once when they are kept", async () => {
  const folder = await Deno.makeTempDir({ prefix: "lux9-cloned-packs-" });
  try {
    const disk = counting(realDisk(folder));
    const idOf = chunkIds(new Uint8Array(32));
    const chunks: ClonedChunk[] = [];
    {
      using packs = new ClonedPacks(disk);
      for (let pack = 1; pack <= PACKS; pack++) {
        const bytes = new Uint8Array(8).fill(pack);
        packs.put({ pack, offset: 0, bytes });
        chunks.push({ id: idOf(bytes), pack, offset: 0, length: bytes.byteLength });
        // As they come, a while lies between two.
        if (pack % 16 === 0) await new Promise((next) => setTimeout(next, 20));
      }
      await packs.finish();
    }
    using packs = new ClonedPacks(disk);
    assert.deepEqual(await packs.keep(chunks, idOf, () => {}), { pack: PACKS, offset: 8 });
    await packs.finish();
    assert.equal(packs.bytes, PACKS * 8);
    assert.ok(disk.most < 100, `${disk.most} were open at once`);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});
