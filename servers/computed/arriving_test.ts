import { strictEqual } from "node:assert/strict";
import { Arriving } from "./arriving.ts";

const DIR = 1000;

Deno.test("Arriving holds a copied recipe back while its user writes, and one that was written not at all", () => {
  let now = 0;
  const arriving = new Arriving(() => now);
  arriving.made("alice");
  arriving.madeRecipe(1, DIR, "alice");
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

Deno.test("Arriving shows what a folder's recipes make when the folder itself gets its time", () => {
  const arriving = new Arriving(() => 0);
  arriving.made("alice");
  for (const [recipe, dir] of [[1, DIR], [2, DIR], [3, DIR + 1]]) {
    arriving.madeRecipe(recipe, dir, "alice");
    arriving.dated(recipe);
  }
  arriving.dated(DIR);
  strictEqual([1, 2, 3].map((recipe) => arriving.has(recipe)).join(), "false,false,true");
  // What comes into it later is a copy as well.
  arriving.madeRecipe(4, DIR, "alice");
  arriving.dated(4);
  strictEqual(arriving.has(4), true);
  arriving.dated(DIR + 1);
  strictEqual(arriving.has(3), false);
});

Deno.test("Arriving waits less for what else may come where a recipe comes alone", () => {
  let now = 0;
  const arriving = new Arriving(() => now);
  arriving.madeRecipe(1, DIR, "alice");
  arriving.dated(1);
  now = 499;
  strictEqual(arriving.has(1), true);
  now = 500;
  strictEqual(arriving.has(1), false);
  // Another one soon after it was not: both may be parts of a folder.
  arriving.madeRecipe(2, DIR, "alice");
  arriving.dated(2);
  now = 2400;
  strictEqual(arriving.has(2), true);
  // After a pause the next one is alone again, and another user has nothing to do with it.
  now = 2500;
  arriving.made("bob");
  arriving.madeRecipe(3, DIR, "alice");
  arriving.dated(3);
  now = 3000;
  strictEqual(arriving.has(3), false);
});

Deno.test("Arriving holds no recipe back for longer than half a minute", () => {
  let now = 0;
  const arriving = new Arriving(() => now);
  arriving.made("alice");
  arriving.madeRecipe(1, DIR, "alice");
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
  arriving.madeRecipe(1, DIR, "alice");
  now = 2000;
  arriving.dated(1);
  strictEqual(arriving.has(1), false);
  for (let path = 0; path < 20_000; path++) {
    arriving.madeRecipe(path, DIR, "alice");
    arriving.dated(path);
  }
  strictEqual([...Array(20_000).keys()].filter((path) => arriving.has(path)).length, 10_000);
  for (let i = 0; i < 2000; i++) arriving.made(`user ${i}`);
  now += 2000;
  strictEqual(arriving.has(19_999), false);
});

Deno.test("Arriving hides nothing again that has shown, whatever its user does later", () => {
  for (const others of [0, 1]) {
    let now = 0;
    const arriving = new Arriving(() => now);
    for (let i = 0; i < others; i++) arriving.made("alice");
    arriving.madeRecipe(1, DIR, "alice");
    arriving.dated(1);
    strictEqual(arriving.has(1), true);
    // Nobody looks while it would have begun to show.
    now = 5000;
    arriving.wrote("alice");
    arriving.made("alice");
    arriving.wrote("alice");
    strictEqual(arriving.has(1), false);
    now = 10_000;
    arriving.wrote("alice");
    strictEqual(arriving.has(1), false);
  }
});
