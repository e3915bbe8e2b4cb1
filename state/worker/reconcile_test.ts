import assert from "node:assert/strict";
import { S } from "../../9p/mod.ts";
import { IndexWriter, openDatabase } from "../store/mod.ts";
import { authorOf, type EdgeRow, MemoryIndex, type NodeId, nodeId, ROOT } from "../tree/mod.ts";
import { reconcile } from "./reconcile.ts";

const DEPTH = 20_000;
const author = authorOf(new Uint8Array(8));
const time = { sec: 1_700_000_000, nsec: 0 };
const common = { uid: "me", gid: "us", atime: time, mtime: time, ctime: time, target: "", rdev: 0 };

/** Directory `depth` of a tree in which each has the next in it. */
function directory(depth: number): NodeId {
  return depth === 0 ? ROOT : nodeId(author, depth * 2);
}

function deepTree(): MemoryIndex {
  const tree = new MemoryIndex();
  for (let depth = 0; depth <= DEPTH; depth++) {
    tree.setNode({
      ...{ id: directory(depth), records: "", home: undefined, content: undefined, kept: [] },
      attributes: { ...common, kind: "directory", mode: 0o755 },
      ...{ xattrs: new Map(), nlink: 1, shows: 1, alias: undefined, touched: undefined },
    });
    if (depth === 0) continue;
    const [parent, name] = [directory(depth - 1), "d"];
    const edge: EdgeRow = {
      ...{ node: directory(depth), slot: "", version: undefined, parent, name, counter: 1, author },
      ...{ directory: true, removed: false, displaced: false, alive: true, conflict: false },
      shown: { parent, name },
    };
    tree.setEdge(edge);
  }
  return tree;
}

Deno.test("reconcile makes a tree of any depth, also from its deepest directory on", async () => {
  const folder = await Deno.makeTempDir({ prefix: "lux9-reconcile-" });
  const db = openDatabase(`${folder}/index.sqlite`);
  try {
    const tree = deepTree();
    const index = new IndexWriter(db);
    index.begin();
    index.addNode({
      ...{ ...common, ino: 1, mode: S.IFDIR | 0o755, muid: "me", flags: 0, nlink: 1, size: 0, folders: 0 },
      ...{ version: 0, content: null, btime: time },
    }, ROOT);
    let lastIno = 1;
    const options = { nextIno: () => lastIno += 2, version: 1, isHeld: () => false, forget: () => {} };
    const nodes = Array.from({ length: DEPTH }, (_, i) => directory(DEPTH - i));
    const changed = reconcile({ index, tree, ...options }, nodes);
    index.commit(1);
    assert.equal(changed.size, DEPTH + 1, "all of them, and the root");
    let at = 1;
    for (let depth = 1; depth <= DEPTH; depth++) {
      at = index.edge(at, "d")?.ino ?? assert.fail(`There is no directory ${depth}`);
      assert.equal(index.id(at), directory(depth));
    }
  } finally {
    db.close();
    await Deno.remove(folder, { recursive: true });
  }
});
