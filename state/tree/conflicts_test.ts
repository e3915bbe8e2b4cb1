import { deepStrictEqual as assertEquals } from "node:assert/strict";
import { Copy, linesOf } from "./fixture.ts";

/** Two copies that start alike, work apart, and meet. */
function meet(
  before: (copy: Copy) => void,
  one: (copy: Copy) => void,
  two: (copy: Copy) => void,
): [string[], Copy, Copy] {
  const a = Copy.first(1);
  before(a);
  const b = new Copy(2);
  b.pull(a);
  assertEquals(b.tree(), a.tree());
  one(a);
  two(b);
  a.pull(b);
  b.pull(a);
  for (const copy of [a, b]) assertEquals(linesOf(copy.shown()), copy.tree());
  assertEquals(a.tree(), b.tree());
  return [a.tree().map((line) => line.replace(/-[0-9a-f]{8}-[0-9a-f]{8}/, "-A-H")), a, b];
}

Deno.test("edit / edit of mergeable text: both edits are in it", () => {
  const [tree] = meet(
    (copy) => copy.write("notes.md", "one\ntwo\nthree\n", true),
    (copy) => copy.write("notes.md", "ONE\ntwo\nthree\n", true),
    (copy) => copy.write("notes.md", "one\ntwo\nthree\nfour\n", true),
  );
  assertEquals(tree, ["notes.md = ONE\ntwo\nthree\nfour\n"]);
});

Deno.test("write / write: one wins, the other is beside it", () => {
  const [tree] = meet(
    (copy) => copy.write("f", "old"),
    (copy) => copy.write("f", "mine"),
    (copy) => copy.write("f", "yours"),
  );
  assertEquals(tree, ["f = yours", "f.conflict-A-H = mine"]);
});

Deno.test("write / delete: the file is back", () => {
  const [tree] = meet(
    (copy) => copy.write("f", "old"),
    (copy) => copy.write("f", "new"),
    (copy) => copy.rm("f"),
  );
  assertEquals(tree, ["f = new"]);
});

Deno.test("move / move of one file: one place", () => {
  const [tree] = meet(
    (copy) => {
      copy.mkdir("d");
      copy.mkdir("e");
      copy.write("f", "x");
    },
    (copy) => copy.mv("f", "d/f"),
    (copy) => copy.mv("f", "e/f"),
  );
  assertEquals(tree, ["d/", "e/", "e/f = x"]);
});

Deno.test("moves that would form a cycle: one is reverted", () => {
  const [tree] = meet(
    (copy) => {
      copy.mkdir("d");
      copy.mkdir("e");
      copy.write("d/f", "x");
      copy.write("e/g", "y");
    },
    (copy) => copy.mv("d", "e/d"),
    (copy) => copy.mv("e", "d/e"),
  );
  assertEquals(tree, ["e/", "e/d/", "e/d/f = x", "e/g = y"]);
});

Deno.test("create / create of files: both are kept", () => {
  const [tree] = meet(() => {}, (copy) => copy.write("f", "mine"), (copy) => copy.write("f", "yours"));
  assertEquals(tree, ["f = yours", "f.conflict-A-H = mine"]);
});

Deno.test("mkdir / mkdir: one directory with both contents", () => {
  const [tree] = meet(() => {}, (copy) => {
    copy.mkdir("d");
    copy.write("d/f", "x");
  }, (copy) => {
    copy.mkdir("d");
    copy.write("d/g", "y");
  });
  assertEquals(tree, ["d/", "d/f = x", "d/g = y"]);
});

Deno.test("rmdir / create inside: the directory is back", () => {
  const [tree] = meet((copy) => copy.mkdir("d"), (copy) => copy.rm("d"), (copy) => copy.write("d/f", "x"));
  assertEquals(tree, ["d/", "d/f = x"]);
});
