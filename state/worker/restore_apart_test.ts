import assert from "node:assert/strict";
import { type Copy, meet, World } from "./_copies.ts";

Deno.test("what was restored here and removed elsewhere is back under a name that it had, never in the folder that nobody sees", async () => {
  for (const isReversed of [false, true]) {
    await World.with(2, (copies) => {
      const [a, b] = isReversed ? copies.toReversed() : copies;
      a.snapshot("before");
      a.ln("file", "name");
      a.truncate("file", 3);
      b.write("file", "written elsewhere");
      b.rm("file");
      a.log("restore", { snapshot: "before", path: "", held: [] });
      a.apply();
      assert.deepEqual(a.tree(), ["file = begun"]);
      const shown = meet([a, b]);
      assert.deepEqual(shown, ["name = begun"]);
    }, (first: Copy) => first.write("file", "begun"));
  }
});
