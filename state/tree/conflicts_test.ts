import { deepStrictEqual as assertEquals } from "node:assert/strict";
import { Copy, linesOf } from "./_fixture.ts";
import { conflictName } from "./name.ts";
import { versionId } from "./stamp.ts";

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

/** Two copies with a conflict on `f`: `yours` won, `mine` is beside it. */
function inConflict(): [Copy, Copy, string] {
  const [, a, b] = meet(
    (copy) => copy.write("f", "old"),
    (copy) => copy.write("f", "mine"),
    (copy) => copy.write("f", "yours"),
  );
  return [a, b, a.tree()[1].split(" ")[0]];
}

Deno.test("deleting a conflict file resolves it everywhere", () => {
  const [a, b, conflict] = inConflict();
  a.rm(conflict);
  b.pull(a);
  assertEquals([a.tree(), b.tree()], [["f = yours"], ["f = yours"]]);
});

Deno.test("a conflict file stays when the file itself is written, moved or removed", () => {
  const [a, b, conflict] = inConflict();
  a.write("f", "ours");
  b.pull(a);
  assertEquals(b.tree(), ["f = ours", `${conflict} = mine`]);
  b.mv("f", "g");
  a.pull(b);
  assertEquals(a.tree(), ["g = ours", `${conflict.replace("f", "g")} = mine`]);
  a.rm("g");
  b.pull(a);
  assertEquals(b.tree(), [`${conflict.replace("f", "g")} = mine`]);
  b.rm(conflict.replace("f", "g"));
  a.pull(b);
  assertEquals(a.tree(), []);
});

Deno.test("a conflict file that is moved is a file of its own", () => {
  const [a, b, conflict] = inConflict();
  a.mv(conflict, "kept");
  a.write("kept", "mine too");
  b.pull(a);
  assertEquals(b.tree(), ["f = yours", "kept = mine too"]);
});

Deno.test("a file that lost its name keeps the conflict name once the name is free", () => {
  const [, a, b] = meet(() => {}, (copy) => copy.write("f", "mine"), (copy) => copy.write("f", "yours"));
  const conflict = a.tree()[1].split(" ")[0];
  a.rm("f");
  b.pull(a);
  assertEquals(b.tree(), [`${conflict} = mine`]);
  b.rm(conflict);
  a.pull(b);
  assertEquals(a.tree(), []);
});

Deno.test("a write that did not know of another's keeps that one as a conflict file", () => {
  const a = Copy.first(1);
  const node = a.write("f", "old");
  const base = a.index.node(node)?.content?.stamp;
  const b = new Copy(2);
  b.pull(a);
  b.write("f", "yours");
  // The file was open here while the other copy's change came in.
  a.pull(b);
  a.writer.content(node, a.content("mine", false), base && [versionId(base)]);
  a.commit();
  b.pull(a);
  assertEquals(b.tree().map((line) => line.replace(/-[0-9a-f]{8}-[0-9a-f]{8}/, "-A-H")), [
    "f = mine",
    "f.conflict-A-H = yours",
  ]);
});

Deno.test("modes, owners, times and extended attributes that are set apart are all set", () => {
  const [, a, b] = meet(
    (copy) => copy.write("f", "x"),
    (copy) => {
      copy.chmod("f", 0o600);
      copy.setfattr("f", "user.a", "1");
    },
    (copy) => {
      copy.chown("f", "bob");
      copy.setfattr("f", "user.b", "2");
    },
  );
  const row = a.index.node(a.at("f").node);
  assertEquals([row?.attributes?.mode, row?.attributes?.uid, [...row?.xattrs.keys() ?? []]], [0o600, "bob", [
    "user.a",
    "user.b",
  ]]);
  assertEquals(b.index.node(b.at("f").node)?.attributes, row?.attributes);
});

Deno.test("conflict names fit, do not nest, and make no recipe", () => {
  const long = "é".repeat(126) + ".fn";
  const [tree] = meet(() => {}, (copy) => copy.write(long, "mine"), (copy) => copy.write(long, "yours"));
  const name = tree.map((line) => line.split(" ")[0]).find((name) => name !== long) as string;
  assertEquals(/^é+\.conflict-A-H$/.test(name), true, name);
  const author = Copy.first(1).author;
  const once = conflictName("notes.md", author, "12345678");
  assertEquals(once, "notes.md.conflict-00000000-12345678");
  assertEquals(conflictName(once, author, "abcdef01"), "notes.md.conflict-00000000-abcdef01");
  for (const each of [long, "x".repeat(255), "😀".repeat(63)]) {
    const bytes = new TextEncoder().encode(conflictName(each, author, "f".repeat(64)));
    assertEquals(bytes.length <= 255 && !new TextDecoder().decode(bytes).includes("\ufffd"), true);
  }
});
