import { strictEqual } from "node:assert/strict";
import { Qt } from "../../9p/mod.ts";
import { Removed } from "./removed.ts";

const qid = (path: number, version = 1) => ({ type: Qt.FILE, path, version });

Deno.test("Removed hides an output for a moment, and not once its recipe has changed", () => {
  let now = 0;
  const removed = new Removed(() => now);
  removed.add(qid(1));
  strictEqual(removed.has(qid(1)), true);
  strictEqual(removed.has(qid(2)), false);
  strictEqual(removed.has(qid(1, 2)), false);
  now = 1999;
  strictEqual(removed.has(qid(1)), true);
  now = 2000;
  strictEqual(removed.has(qid(1)), false);
});

Deno.test("Removed remembers a bounded number, the youngest", () => {
  const removed = new Removed(() => 0);
  for (let path = 0; path < 20_000; path++) removed.add(qid(path));
  let remembered = 0;
  for (let path = 0; path < 20_000; path++) if (removed.has(qid(path))) remembered++;
  strictEqual(remembered, 10_000);
  strictEqual(removed.has(qid(19_999)), true);
});
