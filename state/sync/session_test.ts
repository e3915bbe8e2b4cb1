import { deepStrictEqual as assertEquals, ok as assert } from "node:assert/strict";
import { meet } from "./_channel.ts";
import { Copy } from "./_copy.ts";

Deno.test("two copies that meet have the same tree, and next time have nothing to say", async () => {
  const a = Copy.first(1);
  a.tree.mkdir("d");
  a.tree.write("d/f", "some words that take a few chunks and lists");
  a.tree.write("gone.md", "a\n", true);
  a.flush();
  const b = new Copy(2);
  const [first, second] = await meet(a, b);
  assertEquals([first.ending, second.ending], [{ kind: "done" }, { kind: "done" }]);
  assertEquals(second.summary.received.records, 4);
  assert(second.summary.received.chunks >= 8);
  assertEquals(b.tree.tree(), a.tree.tree());
  b.tree.write("gone.md", "a\nb\n", true);
  b.flush();
  a.tree.write("gone.md", "0\na\n", true);
  a.flush();
  const both = await meet(a, b);
  assertEquals(both.map(({ ending }) => ending?.kind), ["done", "done"]);
  assertEquals(a.tree.read("gone.md"), "0\na\nb\n");
  assertEquals(b.tree.tree(), a.tree.tree());
  const again = await meet(a, b);
  assertEquals(again.map(({ ending }) => ending?.kind), ["done", "done"]);
  assertEquals(again.map(({ summary }) => summary.sent.messages), [2, 2]);
  console.log(again[0].summary);
});
