import assert from "node:assert/strict";
import { randomFrom } from "../tree/simulation.ts";
import { World } from "./_apart_world.ts";

Deno.test("what is written over contents that just came is a version after the power went, as they are durable before it is", async () => {
  for (let lossSeed = 1; lossSeed < 10; lossSeed++) {
    const world = await World.open({ copies: 2, onDemand: [1], log: () => {} });
    try {
      const { reads, copies: [, copy] } = world;
      assert.throws(() => copy.read("b"), /is not here/);
      assert.ok(await reads.of(1, randomFrom(5)).bring(copy.row("b"), 6, 12));
      copy.append("b", "and on\n");
      await copy.sync();
      // It looks itself whether all that was logged became versions.
      world.copies[1] = await copy.restart(lossSeed);
      assert.equal(world.copies[1].read("b"), "begun\nand on\n");
      world.copies[1].check();
    } finally {
      world.close();
    }
  }
});
