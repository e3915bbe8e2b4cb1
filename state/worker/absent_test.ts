import assert from "node:assert/strict";
import { Errno, errnoOf } from "../../9p/mod.ts";
import { carry } from "./_carry.ts";
import { noise, Volume } from "./_tree.ts";
import { receiveClone, verify } from "./mod.ts";

/** Every so many bytes of what a copy has of contents, and near the end, one is another than it was; twice, and it is as before. */
function flip(folder: string): void {
  for (const { name } of Deno.readDirSync(`${folder}/packs`)) {
    const path = `${folder}/packs/${name}`;
    const bytes = Deno.readFileSync(path);
    for (let at = 20; at < bytes.length; at += 1_000_000) bytes[at] ^= 1;
    bytes[bytes.length - 50] ^= 1;
    Deno.writeFileSync(path, bytes);
  }
}

Deno.test("bytes that no copy has are not here, and nothing is damaged by that; they come from whoever has them", async () => {
  const folder = await Deno.makeTempDir({ prefix: "lux9-absent-" });
  try {
    {
      await using a = await Volume.open(`${folder}/a`);
      await receiveClone(`${folder}/b`, await a.source());
      await a.put("small", noise(1000, 1));
      await a.put("large", noise(5_000_000, 2));
      await a.put("larger", noise(2_000_000, 3));
      await a.put("other", "x");
    }
    flip(`${folder}/a`);
    assert.match(verify(`${folder}/a`).problems.join(), /is damaged/);
    {
      await using a = await Volume.open(`${folder}/a`);
      await using b = await Volume.open(`${folder}/b`);
      const { b: told } = await carry(await a.store.exchange(), await b.store.exchange());
      assert.ok("ended" in told && told.ended?.kind === "done", JSON.stringify(told));
      assert.equal(told.summary.absent, 3);
      const { index } = b.store;
      for (const name of ["small", "large", "larger"]) {
        const { size, content } = index.node(index.edge(1, name)!.ino)!;
        assert.throws(
          () => b.store.openContent(content!).read(0, new Uint8Array(size)),
          (thrown: Error) =>
            errnoOf(thrown) === Errno.EIO && /no copy that was met has it: sync with/.test(thrown.message),
        );
      }
    }
    // Collecting goes on, and so does writing.
    {
      await using b = await Volume.open(`${folder}/b`);
      await b.store.collect();
      await b.put("new", "x");
    }
    const { problems, absent } = verify(`${folder}/b`);
    assert.deepEqual(problems, []);
    assert.ok(absent >= 6 && absent <= 7, `${absent} chunks`);
    flip(`${folder}/a`);
    await using a = await Volume.open(`${folder}/a`);
    await using b = await Volume.open(`${folder}/b`);
    const { b: told } = await carry(await a.store.exchange(), await b.store.exchange());
    assert.ok("summary" in told && told.summary.received.chunks >= absent, JSON.stringify(told));
    assert.deepEqual(b.tree(), a.tree());
    assert.deepEqual(verify(`${folder}/b`), { ...verify(`${folder}/a`), absent: 0 });
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});
