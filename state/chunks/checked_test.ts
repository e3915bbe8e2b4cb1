import assert from "node:assert/strict";
import { seeded } from "../disk/mod.ts";
import { Checked } from "./mod.ts";

Deno.test("what was checked is remembered in bounded memory, and nothing is remembered that was not", () => {
  const checked = new Checked(10);
  const random = seeded(1);
  const added = new Set<string>();
  const some = () => ({ pack: 1 + random.below(5), offset: random.below(2 ** 28), length: 1, keyId: 0 });
  assert.ok(!checked.has({ pack: 0, offset: 0, length: 1, keyId: 0 }));
  for (let i = 0; i < 5000; i++) {
    const place = some();
    checked.add(place);
    assert.ok(checked.has(place));
    added.add(`${place.pack} ${place.offset}`);
    const other = some();
    if (checked.has(other)) assert.ok(added.has(`${other.pack} ${other.offset}`));
  }
  // The chunks of a pack, one after the other, do not push each other out.
  const packed = new Checked(12);
  const places = Array.from(
    { length: 1000 },
    (_, i) => ({ pack: 3, offset: i * 70_000, length: 1, keyId: 0 }),
  );
  for (const place of places) packed.add(place);
  const kept = places.filter((place) => packed.has(place)).length;
  assert.ok(kept > 700, `${kept} of 1000`);
});
