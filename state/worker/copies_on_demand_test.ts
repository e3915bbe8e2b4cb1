/** Copies with contents on demand, in what random schedules seldom come to: `copies_apart_test.ts` runs those. */
import assert from "node:assert/strict";
import { randomFrom } from "../tree/simulation.ts";
import { World } from "./_apart_world.ts";

async function withCopies(
  copies: number,
  onDemand: readonly number[],
  act: (world: World) => Promise<void>,
): Promise<void> {
  const world = await World.open({ copies, onDemand, log: () => {} });
  try {
    await act(world);
    for (const copy of world.copies) copy.check();
  } finally {
    world.close();
  }
}

Deno.test("what is written over contents that just came is a version after the power went, as these are durable before it is", async () => {
  for (let lossSeed = 1; lossSeed < 5; lossSeed++) {
    await withCopies(2, [1], async (world) => {
      const { reads, copies: [, copy] } = world;
      assert.throws(() => copy.read("b"), /is not here/);
      assert.ok(await reads.of(1, randomFrom(5)).bring(copy.row("b"), 6, 12));
      copy.append("b", "and on\n");
      await copy.sync();
      // It looks itself whether all that was logged became versions.
      world.copies[1] = await copy.restart(lossSeed);
      assert.equal(world.copies[1].read("b"), "begun\nand on\n");
    });
  }
});

Deno.test("a text of two copies that both lack what it was made from is merged as soon as that comes from a third one", async () => {
  await withCopies(3, [0, 1], async ({ copies, meetings }) => {
    const [a, b, whole] = copies;
    a.write("d.md", "of a\nbegun\n");
    b.write("d.md", "begun\nof b\n");
    for (const copy of [a, b]) await copy.catchUp();
    await meetings.quiet([0, 1]);
    assert.equal(a.tree().filter((line) => line.startsWith("d.md")).length, 2, "both, side by side");
    for (const pair of [[0, 2], [0, 1]]) await meetings.quiet(pair);
    for (const copy of [a, b, whole]) {
      assert.deepEqual(copy.tree().filter((line) => line.startsWith("d.md")), [
        "d.md = of a\nbegun\nof b\n",
      ]);
    }
  });
});

Deno.test("contents that came for who no longer waited for them are known once all are to be here", async () => {
  await withCopies(2, [1], async ({ copies: [whole, copy], meetings }) => {
    whole.write("e", "later\n");
    await whole.catchUp();
    // So that nothing else is left to say.
    for (let round = 0; round < 2; round++) await meetings.quiet([1, 0]);
    const [id] = copy.lacking(copy.row("e"));
    assert.ok(copy.keeper.copy.demandStore.putChunk(id, whole.keeper.copy.demandStore.chunk(id)!));
    await meetings.quiet([1, 0], "whole");
    assert.equal(copy.read("e"), "later\n");
  });
});
