import { deepStrictEqual as assertEquals } from "node:assert/strict";
import { Copy, linesOf } from "./_fixture.ts";

/** Copies that start alike: the last of them wins where all else is equal. */
function copies(count: number, before: (copy: Copy) => void): Copy[] {
  const first = Copy.first(1);
  before(first);
  const others = Array.from({ length: count - 1 }, (_, i) => new Copy(i + 2));
  for (const other of others) other.pull(first);
  return [first, ...others];
}

/** Everybody hears of everything, and shows one tree. */
function meet(copies: readonly Copy[]): string[] {
  for (const to of copies) for (const from of copies) if (to !== from) to.pull(from);
  for (const copy of copies) {
    assertEquals(linesOf(copy.shown()), copy.tree());
    assertEquals(copy.tree(), copies[0].tree());
  }
  return copies[0].tree();
}

const timeOf = (copy: Copy, path: string) => copy.index.node(copy.at(path).node)!.attributes!.mtime.sec;

Deno.test("a file that two copies moved is gone once it is removed, also from the place that lost", () => {
  const [a, b] = copies(2, (copy) => {
    copy.mkdir("d");
    copy.mkdir("e");
    copy.write("f", "x");
  });
  a.mv("f", "d/f");
  b.mv("f", "e/f");
  assertEquals(meet([a, b]), ["d/", "e/", "e/f = x"]);
  a.rm("e/f");
  assertEquals(a.tree(), ["d/", "e/"]);
  assertEquals(meet([a, b]), ["d/", "e/"]);
});

Deno.test("a directory that would be in itself is gone once it is removed", () => {
  const [a, b] = copies(2, (copy) => {
    copy.mkdir("d");
    copy.mkdir("e");
  });
  a.mv("d", "e/d");
  b.mv("e", "d/e");
  assertEquals(meet([a, b]), ["e/", "e/d/"]);
  a.rm("e/d");
  a.rm("e");
  assertEquals(meet([a, b]), []);
});

Deno.test("whoever moves a file while another one removes it wins, also where it was moved before", () => {
  const [a, b] = copies(2, (copy) => {
    copy.mkdir("d");
    copy.mkdir("e");
    copy.write("f", "x");
  });
  a.mv("f", "d/f");
  b.mv("f", "e/f");
  meet([a, b]);
  a.rm("e/f");
  b.mv("e/f", "g");
  assertEquals(meet([a, b]), ["d/", "e/", "g = x"]);
});

/** One removed the file `f` while the other wrote to it: it is back. */
function revived(): Copy[] {
  const [a, b] = copies(2, (copy) => copy.write("f", "old"));
  a.rm("f");
  b.write("f", "new");
  assertEquals(meet([a, b]), ["f = new"]);
  return [a, b];
}

Deno.test("a file that is back keeps its name when it gets another one", () => {
  const [a, b] = revived();
  a.ln("f", "l");
  assertEquals(a.tree(), ["f = new", "l = new"]);
  assertEquals(meet([a, b]), ["f = new", "l = new"]);
});

Deno.test("a file that is back under a conflict name keeps that when it gets another one", () => {
  const [a, b] = copies(2, (copy) => copy.write("f", "old"));
  a.rm("f");
  a.write("f", "another");
  b.write("f", "new");
  const before = meet([a, b]);
  const conflict = before.find((line) => line.endsWith("= new"))!.split(" ")[0];
  b.ln(conflict, "l");
  assertEquals(meet([a, b]), [...before, "l = new"]);
});

Deno.test("what the remover of a file had seen stays away when the file that is back is moved", () => {
  for (const mergeable of [false, true]) {
    const [a, b, c] = copies(3, (copy) => copy.write("f", "old\n", mergeable));
    a.write("f", "seen\n", mergeable);
    b.write("f", "not seen\n", mergeable);
    c.pull(a);
    c.rm("f");
    assertEquals(meet([a, b, c]), ["f = not seen\n"]);
    a.mv("f", "g");
    assertEquals(meet([a, b, c]), ["g = not seen\n"]);
    a.ln("g", "h");
    assertEquals(meet([a, b, c]), ["g = not seen\n", "h = not seen\n"]);
    for (const copy of [a, b, c]) copy.trim([a, b, c].filter((other) => other !== copy));
    assertEquals(meet([a, b, c]), ["g = not seen\n", "h = not seen\n"]);
    a.rm("g");
    b.rm("h");
    assertEquals(meet([a, b, c]), []);
  }
});

Deno.test("what was written is back where it was left to a name that others removed who had not seen it", () => {
  const [a, b, c] = copies(3, (copy) => {
    copy.write("f", "old");
    copy.ln("f", "l");
  });
  // Each leaves the file to the name that the other one removes.
  a.rm("f");
  b.write("l", "left to f");
  b.rm("l");
  assertEquals(b.tree(), ["f = left to f"]);
  assertEquals(meet([a, b, c]), ["l = left to f"]);
  // Who removes the last name has removed the file, whatever was seen when others went.
  c.rm("l");
  assertEquals(meet([a, b, c]), []);
});

Deno.test("both writes are there where each was left to a name that the other one removed", () => {
  const [a, b] = copies(2, (copy) => {
    copy.write("f", "old");
    copy.ln("f", "l");
  });
  a.write("f", "one");
  a.rm("f");
  b.write("l", "two");
  b.rm("l");
  const tree = meet([a, b]);
  assertEquals(tree.map((line) => line.replace(/^.* = /, "")).sort(), ["one", "two"]);
  for (const copy of [a, b]) copy.trim([a, b].filter((other) => other !== copy));
  assertEquals(meet([a, b]), tree);
});

Deno.test("what was left to a name is back where somebody moved that meanwhile, and who removed it then had not seen it", () => {
  for (const to of ["d/f", "g"]) {
    const [a, b, c] = copies(3, (copy) => {
      copy.mkdir("d");
      copy.write("f", "old");
      copy.ln("f", "l");
    });
    b.mv("f", to);
    c.pull(b);
    a.write("f", "new");
    a.rm("f");
    b.pull(a);
    assertEquals(b.tree(), ["d/", `${to} = new`, "l = new"]);
    b.rm("l");
    c.rm(to);
    assertEquals(meet([a, b, c]), ["d/", "l = new"]);
  }
});

Deno.test("trimming brings nothing back, in whatever order documents let go of a file", () => {
  const [a, b, c] = copies(3, (copy) => {
    copy.mkdir("d");
    copy.write("d/x", "x");
    copy.mkdir("e");
    copy.write("e/f", "old");
    copy.mv("e/f", "d/f");
  });
  const { node } = a.at("d/f");
  b.mv("d/f", "g");
  c.pull(b);
  a.write("d/f", "new");
  a.rm("d/f");
  c.rm("g");
  const all = [a, b, c];
  assertEquals(meet(all), ["d/", "d/x = x", "e/"]);
  for (let pass = 0; pass < 3; pass++) {
    meet(all);
    for (const copy of all) copy.trim(all.filter((other) => other !== copy));
    assertEquals(meet(all), ["d/", "d/x = x", "e/"]);
  }
  // Once the contents have gone nothing is left of it anywhere.
  const keys = [...a.documents.all()].flatMap((document) => document.keys());
  assertEquals(keys.filter((key) => key.includes(node)), []);
});

Deno.test("of a name that two copies gave to one file, the second one is found under its conflict name when the first is removed", () => {
  const [a, b] = copies(2, (copy) => copy.write("f", "x"));
  a.ln("f", "l");
  b.ln("f", "l");
  const [f, , conflict] = meet([a, b]).map((line) => line.split(" ")[0]);
  assertEquals(f, "f");
  // As whoever removes one after the other what a listing told.
  a.rm("l");
  a.rm(conflict);
  assertEquals(a.tree(), ["f = x"]);
  assertEquals(meet([a, b]), ["f = x"]);
});

Deno.test("a file with two names is gone where two copies that had seen the same removed one each", () => {
  const [a, b] = copies(2, (copy) => {
    copy.write("f", "old");
    copy.ln("f", "l");
  });
  a.rm("f");
  b.rm("l");
  assertEquals(meet([a, b]), []);
});

Deno.test("a conflict file that was left when the file was removed is one when the file that is back is moved", () => {
  const [a, b, c] = copies(3, (copy) => copy.write("f", "old"));
  b.write("f", "kept");
  c.write("f", "won");
  a.pull(b);
  a.pull(c);
  const conflict = a.tree()[1].split(" ")[0];
  assertEquals(a.tree(), ["f = won", `${conflict} = kept`]);
  b.write("f", "not seen");
  a.rm("f");
  const before = meet([a, b, c]);
  b.mv("f", "g");
  assertEquals(meet([a, b, c]), before.map((line) => line.replace(/^f/, "g")));
});

Deno.test("trimming leaves away what the remover of a file that is back had seen, whatever became of the removed name", () => {
  const [a, b, c] = copies(3, (copy) => {
    copy.mkdir("d");
    copy.write("f", "old");
  });
  a.write("f", "by a");
  b.write("f", "by b");
  c.write("f", "by c");
  const d = new Copy(4);
  d.pull(a);
  d.rm("f");
  const e = new Copy(5);
  e.pull(b);
  e.mv("f", "d/f");
  e.rm("d/f");
  const all = [a, b, c, d, e];
  assertEquals(meet(all), ["d/", "d/f = by c"]);
  meet(all);
  for (const copy of all) copy.trim(all.filter((other) => other !== copy));
  assertEquals(meet(all), ["d/", "d/f = by c"]);
});

Deno.test("the time of a directory is that of the last name that left it, too", () => {
  const [a, b] = copies(2, (copy) => {
    copy.mkdir("d");
    copy.mkdir("e");
    copy.write("d/f", "old");
  });
  let before = timeOf(a, "d");
  a.mv("d/f", "e/f");
  assertEquals(timeOf(a, "d") > before, true, "moved away");
  a.mv("e/f", "d/f");
  a.write("d/f", "mine");
  meet([a, b]);
  b.write("d/f", "yours");
  a.write("d/f", "mine too");
  const conflict = meet([a, b]).find((line) => line.includes("conflict"))!.split(" ")[0];
  before = timeOf(a, "d");
  a.mv(conflict, "e/g");
  assertEquals(timeOf(a, "d") > before, true, "adopted elsewhere");
  meet([a, b]);
  a.write("d/f", "mine again");
  b.write("d/f", "yours again");
  const next = meet([a, b]).find((line) => line.includes("conflict"))!.split(" ")[0];
  before = timeOf(a, "d");
  a.rm(next);
  assertEquals(timeOf(a, "d") > before, true, "resolved");
  meet([a, b]);
  assertEquals(timeOf(b, "d"), timeOf(a, "d"));
  for (const copy of [a, b]) copy.trim([a, b].filter((other) => other !== copy));
  meet([a, b]);
  assertEquals(timeOf(b, "d"), timeOf(a, "d"));
});

Deno.test("a name that is in a directory by itself, and shown in another that is one with it, tells of both when it goes", () => {
  const [a, b] = copies(2, () => {});
  a.mkdir("d");
  b.mkdir("d");
  a.write("d/a", "a");
  b.write("d/b", "b");
  assertEquals(meet([a, b]), ["d/", "d/a = a", "d/b = b"]);
  for (const name of ["d/a", "d/b"]) {
    const before = timeOf(a, "d");
    a.rm(name);
    assertEquals(timeOf(a, "d") > before, true, name);
  }
  meet([a, b]);
  assertEquals(timeOf(b, "d"), timeOf(a, "d"));
});
