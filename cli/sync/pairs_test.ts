import assert from "node:assert/strict";
import { type Named, pairsOf } from "./pairs.ts";

function pairs(own: readonly string[], other: readonly string[], ...wanted: string[]): string[] {
  const named = (text: string): Named => {
    const [name, id] = text.split(" ");
    return { name, id };
  };
  return pairsOf(
    { here: { name: "a", volumes: own.map(named) }, there: { name: "b", volumes: other.map(named) } },
    wanted,
  ).map(({ here, there }) => `${here} ${there}`);
}

Deno.test("copies of a volume find each other whatever they are called, and volumes of one name that are two stay apart", () => {
  assert.deepEqual(pairs(["data 1", "notes 2"], ["data 3", "notes 2"]), ["notes notes"]);
  assert.deepEqual(pairs(["data 1", "other 3"], ["data 3", "mine 1"]), ["data mine", "other data"]);
  assert.deepEqual(pairs(["data 1"], ["old 1", "data 1"]), ["data data"]);
  // Of one that cannot be read the exchange says what is wrong.
  assert.deepEqual(pairs(["data", "notes 2"], ["data 3", "notes"]), ["data data", "notes notes"]);
  assert.deepEqual(pairs(["data 1", "notes 2"], ["data 1", "copy 2"], "notes"), ["notes copy"]);
});

Deno.test("what cannot be brought together is said with the way to a copy", () => {
  assert.throws(
    () => pairs(["data 1"], ["data 3"]),
    /No volume is in both: a has data, b data.*volume clone/,
  );
  assert.throws(() => pairs([], ["data 3"]), /a has none/);
  assert.throws(() => pairs(["data 1"], ["data 3"], "data"), /made apart.*--as NAME/);
  assert.throws(() => pairs(["data 1"], ["data 1"], "notes"), /^Error: a has no volume notes/);
  assert.throws(() => pairs(["data 1"], ["other 2"], "data"), /^Error: b has no volume data/);
});
