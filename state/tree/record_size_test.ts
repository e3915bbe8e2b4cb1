import { ok as assert } from "node:assert/strict";
import { Copy } from "./_fixture.ts";

Deno.test("a record is not longer than it is meant to be where each of its puts is in a document of its own", () => {
  const copy = Copy.first();
  const time = copy.now();
  const attributes = { mode: 0o644, uid: "a", gid: "a", atime: time, mtime: time, ctime: time, target: "" };
  // The directories are not here, so that there is nothing to show and this takes a moment.
  for (let i = 0; i < 10_500; i++) {
    const at = { node: copy.newNode(), parent: copy.newNode(), name: "f" };
    copy.writer.create(at, { ...attributes, kind: "file", rdev: 0 });
  }
  const sizes = copy.writer.commit().records.map((changes) =>
    Array.from(changes, ([doc, puts]) => doc.length + puts.length).reduce((sum, size) => sum + size, 0)
  );
  assert(Math.max(...sizes) < 520 * 1024, `${sizes}`);
});
