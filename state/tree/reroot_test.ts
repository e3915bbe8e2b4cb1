import { deepStrictEqual as assertEquals, ok as assert } from "node:assert/strict";
import { Copy, linesOf } from "./_fixture.ts";
import { indexTree } from "./index_tree.ts";
import { workApart } from "./simulation.ts";

const lines = (copy: Copy) => linesOf(indexTree(copy.index), true);
const sizeOf = (copy: Copy) =>
  [...copy.documents.all()].reduce((sum, document) => sum + document.save().length, 0);
const keysOf = (copy: Copy) => [...copy.documents.all()].map((document) => document.keys().length).sort();

Deno.test("trimming and re-rooting keep what is live and nothing else", () => {
  const copy = Copy.first();
  for (let i = 0; i < 300; i++) copy.write("f", `version ${i}`);
  copy.mkdir("d");
  copy.mv("f", "d/g");
  for (let i = 0; i < 50; i++) {
    copy.write("x", "x");
    copy.rm("x");
  }
  const before = lines(copy);
  const large = sizeOf(copy);
  copy.trim([]);
  copy.reroot();
  assertEquals(lines(copy), before);
  assertEquals(linesOf(copy.shown(), true), before);
  assert(sizeOf(copy) * 4 < large, `${sizeOf(copy)} bytes after ${large}`);
  copy.write("d/g", "after");
  copy.mv("d/g", "h");
  assertEquals(copy.tree(), ["d/", "h = after"]);
});

Deno.test("trimming leaves nothing of what was moved and then removed", () => {
  const copy = Copy.first();
  for (const dir of ["a", "b", "c"]) copy.mkdir(dir);
  for (let i = 0; i < 10; i++) {
    copy.write(`a/${i}`, "x");
    copy.mv(`a/${i}`, `b/${i}`);
    copy.mv(`b/${i}`, `c/${i}`);
  }
  copy.write("c/stays", "y");
  for (let i = 0; i < 10; i++) copy.rm(`c/${i}`);
  copy.rm("a");
  copy.rm("b");
  const before = lines(copy);
  // An edge that says that something is gone stays while older ones would say otherwise.
  for (let pass = 0; pass < 3; pass++) copy.trim([]);
  assertEquals(lines(copy), before);
  assertEquals(linesOf(copy.shown(), true), before);
  assertEquals(keysOf(copy), [0, 0, 3, 3], "root, its time and c; c's time and the file that stays");
  assertEquals([...copy.index.nodes()].length, 3);
  const records = copy.log.length;
  copy.trim([]);
  assertEquals(copy.log.length, records, "there is nothing left to do");
});

Deno.test("what was trimmed on one copy is trimmed on the others, and conflicts stay", () => {
  const a = Copy.first();
  a.write("f", "old");
  a.write("g", "gone");
  a.rm("g");
  const b = new Copy(2);
  b.pull(a);
  a.write("f", "mine");
  b.write("f", "yours");
  a.pull(b);
  b.pull(a);
  a.pull(b);
  const before = lines(a);
  a.trim([b]);
  a.reroot();
  b.reroot();
  b.pull(a);
  assertEquals([lines(a), lines(b)], [before, before]);
  assertEquals(keysOf(a), keysOf(b));
  a.rm("f");
  b.pull(a);
  assertEquals(a.tree().length, 1, "the conflict file is still there");
  assertEquals(lines(a), lines(b));
});

Deno.test("what a copy that did not hear of it may still write to stays", () => {
  const a = Copy.first();
  a.write("f", "old");
  const b = new Copy(2);
  b.pull(a);
  a.pull(b);
  a.rm("f");
  a.trim([b]);
  b.write("f", "written meanwhile");
  a.pull(b);
  b.pull(a);
  assertEquals(a.tree(), ["f = written meanwhile"]);
  assertEquals(lines(a), lines(b));
});

Deno.test("trimming shows the same tree, whatever was done before", () => {
  for (let seed = 1; seed <= 100; seed++) {
    const copies = workApart(seed);
    for (const copy of copies) for (const other of copies) if (other !== copy) copy.pull(other);
    const before = lines(copies[0]);
    for (const copy of copies) {
      copy.trim(copies.filter((other) => other !== copy));
      copy.reroot();
    }
    for (const copy of copies) assertEquals(lines(copy), before, `seed ${seed}`);
    assertEquals(linesOf(copies[0].shown(), true), before, `seed ${seed}`);
    for (const copy of copies) for (const other of copies) if (other !== copy) copy.pull(other);
    for (const copy of copies) assertEquals(lines(copy), before, `seed ${seed}, exchanged`);
  }
});
