import { deepStrictEqual as assertEquals, ok as assert } from "node:assert/strict";
import { automerge } from "../automerge/mod.ts";
import { Copy, linesOf } from "./_fixture.ts";
import { indexTree } from "./index_tree.ts";
import { reroot } from "./reroot.ts";
import { workApart } from "./simulation.ts";

/** Re-roots all documents of a copy. */
function rerootAll(copy: Copy): void {
  for (const old of [...copy.documents.all()]) {
    const next = reroot(automerge, old, (id) => copy.documents.get(id), copy.index);
    copy.documents.put(next);
    copy.writer.replaced(old.id, [...old.keys(), ...next.keys()]);
  }
}

const lines = (copy: Copy) => linesOf(indexTree(copy.index), true);

Deno.test("reroot keeps what is live and nothing else", () => {
  const copy = Copy.first();
  for (let i = 0; i < 300; i++) copy.write("f", `version ${i}`);
  copy.mkdir("d");
  copy.mv("f", "d/g");
  for (let i = 0; i < 50; i++) {
    copy.write("x", "x");
    copy.rm("x");
  }
  const before = lines(copy);
  const size = () => [...copy.documents.all()].reduce((sum, document) => sum + document.save().length, 0);
  const [large, keys] = [size(), [...copy.documents.all()].reduce((sum, { size }) => sum + size, 0)];
  rerootAll(copy);
  assertEquals(lines(copy), before);
  assertEquals(linesOf(copy.shown(), true), before);
  assert(size() * 4 < large, `${size()} bytes after ${large}`);
  assert([...copy.documents.all()].reduce((sum, { size }) => sum + size, 0) < keys - 50);
  copy.write("d/g", "after");
  copy.mv("d/g", "h");
  assertEquals(copy.tree(), ["d/", "h = after"]);
});

Deno.test("reroot leaves nothing of what was moved and then removed", () => {
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
  for (let pass = 0; pass < 3; pass++) rerootAll(copy);
  assertEquals(lines(copy), before);
  assertEquals(linesOf(copy.shown(), true), before);
  const keys = [...copy.documents.all()].map((document) => document.keys().length);
  assertEquals(keys.toSorted(), [0, 0, 3, 3], "root, its time and c; c's time and the file that stays");
  assertEquals([...copy.index.nodes()].length, 3);
});

Deno.test("reroot of one state gives one document, whoever does it", () => {
  const a = Copy.first();
  a.write("f", "old");
  const b = new Copy(2);
  b.pull(a);
  a.write("f", "mine");
  b.write("f", "yours");
  a.pull(b);
  b.pull(a);
  rerootAll(a);
  rerootAll(b);
  for (const document of a.documents.all()) {
    assertEquals(document.heads(), b.documents.get(document.id)?.heads());
  }
  assertEquals(lines(a), lines(b));
  a.rm("f");
  b.pull(a);
  assertEquals(a.tree().length, 1, "the conflict file is still there");
  assertEquals(lines(a), lines(b));
});

Deno.test("reroot shows the same tree, whatever was done before", () => {
  for (let seed = 1; seed <= 100; seed++) {
    const copies = workApart(seed);
    const before = lines(copies[0]);
    for (const copy of copies) rerootAll(copy);
    for (const copy of copies) assertEquals(lines(copy), before, `seed ${seed}`);
    assertEquals(linesOf(copies[0].shown(), true), before, `seed ${seed}`);
    rerootAll(copies[0]);
    assertEquals(lines(copies[0]), before, `seed ${seed}, twice`);
  }
});
