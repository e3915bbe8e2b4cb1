import { deepStrictEqual as assertEquals } from "node:assert/strict";
import { Copy } from "./_fixture.ts";
import { type NodeId, ROOT } from "./id.ts";

const DEPTH = 10_000;
const time = { sec: 1_700_000_000, nsec: 0 };
const common = { uid: "me", gid: "us", atime: time, mtime: time, ctime: time, target: "", rdev: 0 };

Deno.test("directories that are 10,000 deep and back for what is new in the deepest are there for good once somebody works in it", () => {
  const [a, b] = [Copy.first(1), new Copy(2)];
  const way: NodeId[] = [ROOT];
  for (let depth = 1; depth <= DEPTH; depth++) {
    const node = a.newNode();
    a.writer.create({ node, parent: way[depth - 1], name: "d" }, {
      ...common,
      kind: "directory",
      mode: 0o755,
    });
    way.push(node);
  }
  a.commit();
  b.pull(a);
  for (let depth = DEPTH; depth > 0; depth--) {
    b.writer.unlink({ node: way[depth], parent: way[depth - 1], name: "d" }, time);
  }
  b.commit();
  const file = a.newNode();
  a.writer.create({ node: file, parent: way[DEPTH], name: "f" }, { ...common, kind: "file", mode: 0o644 });
  a.commit();
  a.pull(b);
  a.writer.unlink({ node: file, parent: way[DEPTH], name: "f" }, time);
  a.commit();
  for (const node of way.slice(1)) {
    const rows = a.index.edges(node).map(({ alive, removed }) => ({ alive, removed }));
    assertEquals(rows, [{ alive: true, removed: false }]);
  }
});
