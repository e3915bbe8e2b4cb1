/** Files computed from those in a volume: from what they are at that moment, in a snapshot, and after going back. */
import assert from "node:assert/strict";
import { computingNode, text, whyNot } from "./computing_node.ts";

const missing = whyNot();
if (missing !== undefined) console.log(`SKIP computed files in volumes: ${missing}`);

Deno.test({
  name:
    "volumes: recipes and compute paths follow each write, snapshots show theirs, and going back brings them back",
  ignore: missing !== undefined,
  async fn() {
    await using computing = await computingNode(["sort"], { yaml: "mounts: [{at: /data, volume: data}]\n" });
    const { tree } = computing;
    const write = (path: string, words: string) => tree.writeFile(path, new TextEncoder().encode(words));
    const both = async () => [await text(tree, "/data/sorted"), await text(tree, "/x/sort/data/lines")];
    await write("/data/lines", "b\na\n");
    await write("/data/sorted.fn", "from: lines\npipe: sort\n");
    assert.deepEqual(await both(), ["a\nb\n", "a\nb\n"]);
    await write("/data/whole.fn", "from: /data/lines\npipe: sort\n");
    await write("/ctl", "snapshot create data one\n");
    // As long as before and within the grain of any clock: the version tells.
    for (let i = 0; i < 50; i++) {
      const words = `${i}\n`.padStart(4, "0");
      await write("/data/lines", words);
      assert.deepEqual(await both(), [words, words]);
    }
    assert.equal(await text(tree, "/snap/data/one/sorted"), "a\nb\n");
    assert.equal(await text(tree, "/snap/data/one/whole"), "a\nb\n", "of what /data was then");
    assert.equal(await text(tree, "/x/sort/snap/data/one/lines"), "a\nb\n");
    await write("/ctl", "snapshot restore data one before\n");
    assert.deepEqual(await both(), ["a\nb\n", "a\nb\n"]);
    assert.equal(await text(tree, "/snap/data/before/sorted"), "049\n");
  },
});
