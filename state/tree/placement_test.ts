import { deepStrictEqual as assertEquals, ok as assert } from "node:assert/strict";
import { Copy, linesOf } from "./_fixture.ts";
import type { DocId, NodeId } from "./id.ts";
import { ROOT } from "./id.ts";
import { directoryOf, documentOf, KEYS_MAX, parseDocId, placeFor } from "./placement.ts";

Deno.test("placeFor goes down where documents are full, by the name alone", () => {
  const full = new Set<string>();
  const keysIn = (doc: DocId) => full.has(doc) ? KEYS_MAX : 0;
  assertEquals(placeFor(ROOT, "a", keysIn), documentOf(ROOT));
  full.add(ROOT);
  const shards = new Set(Array.from({ length: 400 }, (_, i) => placeFor(ROOT, `name${i}`, keysIn)));
  assertEquals(shards.size, 16);
  const [first] = shards;
  full.add(first);
  const below = new Set(Array.from({ length: 4000 }, (_, i) => placeFor(ROOT, `name${i}`, keysIn)));
  assertEquals(below.size, 31);
  assertEquals([...below].filter((doc) => doc.startsWith(first)).length, 16);
  for (const doc of below) {
    assertEquals(parseDocId(doc), doc);
    assertEquals(directoryOf(doc), ROOT);
  }
  // Everything is full: then the last level takes all.
  assertEquals(placeFor(ROOT, "a", () => KEYS_MAX).length, ROOT.length + 7);
  for (const bad of ["", "x", ROOT + ".", ROOT + ".g", ROOT + ".1234567", ROOT + ".a.b", "../" + ROOT]) {
    assertEquals(parseDocId(bad), undefined, bad);
  }
});

Deno.test("a directory that grows large is in many documents, made apart on two copies, and is one directory", () => {
  const a = Copy.first(1);
  const parent = a.mkdir("d");
  fill(a, parent, 0, 1500);
  const b = new Copy(2);
  b.pull(a);
  fill(a, parent, 1500, 3000);
  fill(b, parent, 3000, 4500);
  a.pull(b);
  b.pull(a);
  assertEquals(a.tree().length, 4501);
  assertEquals(a.tree(), b.tree());
  assertEquals(linesOf(b.shown()), b.tree());
  const sizes = [...a.documents.all()].filter(({ id }) => directoryOf(id) === parent).map(({ size }) => size);
  assertEquals(sizes.length, 17);
  assert(Math.max(...sizes) < KEYS_MAX + 600, `${Math.max(...sizes)} keys in one document`);
  // A file keeps its document when it is renamed within the directory, and is found there.
  a.mv("d/1", "d/one");
  a.mv("d/4000", "d/2");
  a.rm("d/4400");
  b.pull(a);
  assertEquals(b.tree().length, 4499);
  assertEquals(b.tree(), a.tree());
});

function fill(copy: Copy, parent: NodeId, from: number, to: number): void {
  const time = copy.now();
  for (let i = from; i < to; i++) {
    const attributes = {
      mode: 0o644,
      uid: "a",
      gid: "a",
      atime: time,
      mtime: time,
      ctime: time,
      target: "",
      rdev: 0,
    };
    copy.writer.create(
      { node: copy.newNode(), parent, name: String(i) },
      { kind: "file", ...attributes },
      copy.content("x", false),
    );
    if (i % 100 === 99) copy.commit();
  }
}
