import { strictEqual } from "node:assert/strict";
import { Arriving } from "./arriving.ts";

Deno.test("Arriving holds a copied recipe back while its user writes, and one that was written not at all", () => {
  let now = 0;
  const arriving = new Arriving(() => now);
  arriving.made(1, "alice");
  strictEqual(arriving.has(1), false);
  arriving.dated(1);
  strictEqual(arriving.has(1), true);
  now = 1500;
  arriving.wrote("bob");
  now = 1999;
  strictEqual(arriving.has(1), true);
  arriving.wrote("alice");
  now = 3998;
  strictEqual(arriving.has(1), true);
  now = 3999;
  strictEqual(arriving.has(1), false);
});

Deno.test("Arriving holds no recipe back for longer than half a minute", () => {
  let now = 0;
  const arriving = new Arriving(() => now);
  arriving.made(1, "alice");
  arriving.dated(1);
  for (; now < 30_000; now += 1000) {
    arriving.wrote("alice");
    strictEqual(arriving.has(1), true, `at ${now}`);
  }
  strictEqual(arriving.has(1), false);
});

Deno.test("Arriving takes a time that is set on an old recipe for no copy, and keeps a bounded number", () => {
  let now = 0;
  const arriving = new Arriving(() => now);
  arriving.made(1, "alice");
  now = 2000;
  arriving.dated(1);
  strictEqual(arriving.has(1), false);
  for (let path = 0; path < 20_000; path++) {
    arriving.made(path, "alice");
    arriving.dated(path);
  }
  strictEqual([...Array(20_000).keys()].filter((path) => arriving.has(path)).length, 10_000);
});
