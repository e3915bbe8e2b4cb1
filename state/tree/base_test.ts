import { deepStrictEqual as assertEquals } from "node:assert/strict";
import { Copy } from "./_fixture.ts";
import { compareWithDocuments } from "./simulation.ts";

function copies(count: number): Copy[] {
  const first = Copy.first(1);
  first.write("/d.md", "begun\n", true);
  const others = Array.from({ length: count - 1 }, (_, i) => new Copy(i + 2));
  for (const other of others) other.pull(first);
  return [first, ...others];
}

function assertSame(copies: readonly Copy[], text: string): void {
  for (const to of copies) for (const from of copies) if (to !== from) to.pull(from);
  for (const copy of copies) {
    assertEquals(copy.read("/d.md"), text);
    compareWithDocuments(copy);
  }
}

Deno.test("texts that were changed twice on either side, with a copy in between that the other side never met, merge without a loss", () => {
  const [a, b, c, d] = copies(4);
  a.write("/d.md", "begun\na1\n", true);
  c.pull(a);
  a.write("/d.md", "begun\na1\na2\n", true);
  b.write("/d.md", "b1\nbegun\n", true);
  d.pull(b);
  b.write("/d.md", "b2\nb1\nbegun\n", true);
  assertSame([a, b], "b2\nb1\nbegun\na1\na2\n");
});

Deno.test("a text that was made from a merge and one that was made from one side of it merge without a loss", () => {
  const [a, b, c] = copies(3);
  a.write("/d.md", "begun\na1\n", true);
  b.write("/d.md", "b1\nbegun\n", true);
  c.pull(a);
  c.write("/d.md", "begun\na1\nc1\n", true);
  a.pull(b);
  a.write("/d.md", "b1\nbegun\na1\na2\n", true);
  c.pull(b);
  assertSame([a, b, c], "b1\nbegun\na1\nc1\na2\n");
});

Deno.test("texts that were changed so often that nothing is left which both were made from stand next to each other", () => {
  const [a, b, c, d] = copies(4);
  for (let i = 1; i <= 9; i++) {
    a.write("/d.md", `begun\na${i}\n`, true);
    c.pull(a);
    b.write("/d.md", `b${i}\nbegun\n`, true);
    d.pull(b);
  }
  a.pull(b);
  b.pull(a);
  const shown = (copy: Copy) =>
    [...copy.shown().directories.values()].flatMap((names) => [...names.keys()]).sort();
  assertEquals(shown(a).length, 2);
  assertEquals(shown(a), shown(b));
  compareWithDocuments(a);
});
