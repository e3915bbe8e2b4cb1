import { deepStrictEqual as assertEquals } from "node:assert/strict";
import { Copy } from "./_fixture.ts";
import { compareWithDocuments } from "./simulation.ts";

Deno.test("what was set after a new file came that was made and changed in one record is later than that", () => {
  const a = Copy.first(1);
  const b = new Copy(2);
  b.pull(a);
  b.batching = true;
  const node = b.write("/file", "text");
  b.writer.setattr(node, { mode: 0o600 }, b.now());
  b.batching = false;
  b.commit();
  a.pull(b);
  a.chmod("/file", 0o640);
  b.pull(a);
  for (const copy of [a, b]) {
    assertEquals(copy.index.node(node)?.attributes?.mode, 0o640);
    compareWithDocuments(copy);
  }
});
