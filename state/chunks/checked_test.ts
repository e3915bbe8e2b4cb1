import assert from "node:assert/strict";
import { Checked } from "./mod.ts";

Deno.test("Checked remembers a few chunks that meet, and forgets the oldest of many", () => {
  // So few slots that all of these meet.
  const checked = new Checked(2);
  const places = Array.from({ length: 5 }, (_, i) => ({ pack: 1, offset: i * 1000, length: 10, keyId: 0 }));
  for (const place of places.slice(0, 4)) checked.add(place);
  for (const place of places.slice(0, 4)) assert.ok(checked.has(place));
  checked.add(places[3]);
  assert.ok(checked.has(places[0]));
  checked.add(places[4]);
  assert.deepEqual(places.map((place) => checked.has(place)), [false, true, true, true, true]);
});
