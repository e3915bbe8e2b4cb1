import { deepStrictEqual as assertEquals } from "node:assert/strict";
import fc from "fast-check";
import { differencesOf } from "./text_diff.ts";

function apply(before: string, after: string): string {
  let text = before;
  for (const { start, deleted, insert } of differencesOf(before, after).reverse()) {
    text = text.slice(0, start) + insert + text.slice(start + deleted);
  }
  return text;
}

Deno.test("differencesOf changes whole words, and leaves the rest", () => {
  assertEquals(differencesOf("the quick fox\nruns\n", "the slow fox\nruns\n"), [
    { start: 4, deleted: 5, insert: "slow" },
  ]);
  assertEquals(differencesOf("a\nb\nc\n", "a\nc\nd\n"), [
    { start: 2, deleted: 2, insert: "" },
    { start: 6, deleted: 0, insert: "d\n" },
  ]);
});

Deno.test("differencesOf of any two texts turn one into the other", () => {
  const text = fc.array(fc.constantFrom("a", "b", "word", " ", "\n", "é", "漢", "😀"), { maxLength: 40 })
    .map((parts) => parts.join(""));
  fc.assert(
    fc.property(text, text, (before, after) => {
      assertEquals(apply(before, after), after);
    }),
    { numRuns: 3000, seed: 9 },
  );
});

Deno.test("differencesOf of long texts without anything in common end soon", () => {
  const before = Array.from({ length: 8000 }, (_, i) => `l${i}`).join("\n");
  const after = Array.from({ length: 8000 }, (_, i) => `m${i}`).join("\n");
  assertEquals(apply(before, after), after);
});
