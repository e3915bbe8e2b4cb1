import { deepStrictEqual as assertEquals, ok as assert } from "node:assert/strict";
import { newAttributes, packAttributes } from "./attributes.ts";
import { Packer } from "./bytes.ts";
import { packVersion } from "./content.ts";
import { type Edge, packEdge } from "./edge.ts";
import { Copy, linesOf } from "./_fixture.ts";
import { authorOf, type DocId, type NodeId, nodeId, ROOT } from "./id.ts";
import { edgeKey, type Key, keyOf } from "./key.ts";
import { indexTree } from "./index_tree.ts";
import { conflictName } from "./name.ts";
import { documentOf } from "./placement.ts";
import { packPuts } from "./puts.ts";
import { packStamp } from "./small_records.ts";
import { versionId } from "./stamp.ts";
import { randomFrom } from "./simulation.ts";

const time = { sec: 1_700_000_000, nsec: 0 };
const liar = authorOf(new Uint8Array(8).fill(99));

/** A copy whose documents are written to by hand. */
class Liar extends Copy {
  constructor(honest: Copy, number = 99) {
    super(number);
    this.pull(honest);
  }

  put(doc: DocId, key: Key, payload: Uint8Array): void {
    this.keep(new Map([[doc, packPuts([{ key, payload }])]]));
  }

  edge(parent: NodeId, node: NodeId, name: string, change: Partial<Edge> = {}): void {
    const stamp = { at: 5, author: liar };
    this.put(
      documentOf(parent),
      edgeKey(node, ""),
      packEdge({ name, directory: false, counter: 1, stamp, time, ...change }, node),
    );
  }
}

/** What liars made reaches two honest copies in different order; both must show the same, and what the documents say. Returns what they set aside. */
function deceive(
  lie: (liar: Liar, honest: Copy) => Liar[] | void,
): { tree: string[]; problems: string[]; copy: Copy } {
  const a = Copy.first(1);
  a.mkdir("d");
  a.mkdir("e");
  a.write("f", "x");
  a.write("d/g", "y");
  const b = new Copy(2);
  b.pull(a);
  const liar = new Liar(a);
  const liars = [liar, ...lie(liar, a) ?? []];
  for (const each of liars) a.pull(each);
  for (const each of liars.reverse()) b.pull(each);
  a.pull(b);
  const tree = linesOf(indexTree(a.index), true);
  assertEquals(tree, linesOf(indexTree(b.index), true));
  assertEquals(tree, linesOf(a.shown(), true));
  assertEquals(tree, linesOf(b.shown(), true));
  // Work goes on.
  a.write("still", "z");
  a.mkdir("works");
  a.mv("still", "works/here");
  b.pull(a);
  assertEquals(b.read("works/here"), "z");
  return { tree: a.tree(), problems: a.shown().problems.map(({ reason }) => reason), copy: a };
}

const BEFORE = ["d/", "d/g = y", "e/", "f = x"];
const AFTER = [...BEFORE, "works/", "works/here = z"];

Deno.test("malformed values and keys are set aside and named", () => {
  const { tree, problems } = deceive((liar, honest) => {
    const { node } = honest.at("f");
    const other = nodeId(liar.author, 1);
    liar.put(documentOf(ROOT), "nonsense", new Uint8Array(3));
    liar.put(documentOf(ROOT), edgeKey(other, ""), new Uint8Array([255, 1, 2]));
    liar.put(documentOf(ROOT), keyOf(other, "m"), new Uint8Array());
    liar.put(documentOf(ROOT), keyOf(node, "x:user.a"), new Uint8Array([9]));
    liar.put(
      documentOf(ROOT),
      keyOf(node, `l:${versionId({ at: 7, author: liar.author })}`),
      new Uint8Array([0, 2]),
    );
    liar.put(
      documentOf(ROOT),
      edgeKey(ROOT, ""),
      packEdge({
        name: "loop",
        directory: true,
        counter: 1,
        stamp: { at: 1, author: liar.author },
        time,
      }, ROOT),
    );
  });
  assertEquals(tree, AFTER);
  assertEquals(problems.length, 6);
});

Deno.test("names that no directory may hold are set aside", () => {
  const bad = ["..", ".", "a/b", "a\0b", "", "x".repeat(256)];
  const { tree, problems } = deceive((liar) =>
    bad.forEach((name, i) => liar.edge(ROOT, nodeId(liar.author, i), name))
  );
  assertEquals(tree, AFTER);
  assertEquals(problems.length, bad.length);
});

Deno.test("a counter that jumps leaves the file where it is, and its owner can move it", () => {
  const { tree, problems, copy } = deceive((liar, honest) => {
    liar.edge(honest.at("d").node, honest.at("f").node, "taken", { counter: 2 ** 47 });
  });
  assertEquals(tree, AFTER);
  assertEquals(problems.length, 1);
  copy.mv("f", "d/moved");
  assertEquals(copy.read("d/moved"), "x");
});

Deno.test("a directory that is put into itself stays where it was", () => {
  const { tree } = deceive((liar, honest) => {
    const { node } = honest.at("d");
    liar.edge(node, node, "self", { directory: true, counter: 2 });
  });
  assertEquals(tree, AFTER);
});

Deno.test("a cycle without a way out is shown in the root", () => {
  const { tree } = deceive((liar) => {
    const [one, two] = [nodeId(liar.author, 1), nodeId(liar.author, 2)];
    const stamp = { at: 5, author: liar.author };
    const attributes = newAttributes({
      kind: "directory",
      mode: 0o755,
      uid: "x",
      gid: "x",
      atime: time,
      mtime: time,
      ctime: time,
      target: "",
      rdev: 0,
    }, stamp);
    liar.edge(one, two, "two", { directory: true, attributes });
    liar.edge(two, one, "one", { directory: true, attributes });
  });
  assertEquals(tree, [...BEFORE, "two/", "two/one/", "works/", "works/here = z"]);
});

Deno.test("edges that take a file for a directory, or have nothing behind them, show nothing", () => {
  const { tree } = deceive((liar, honest) => {
    liar.edge(ROOT, honest.at("f").node, "f", { directory: true, counter: 7 });
    liar.edge(ROOT, nodeId(liar.author, 5), "ghost");
    liar.edge(ROOT, nodeId(liar.author, 6), "ghosts", { directory: true });
  });
  // The liar wrote over the file's only edge, and what it put there is set aside.
  assertEquals(tree, AFTER.filter((line) => !line.startsWith("f ")));
});

Deno.test("two contents with one stamp, resolved or not, are one content everywhere", () => {
  deceive((liar, honest) => {
    const { node } = honest.at("f");
    const stamp = { at: 4, author: honest.author };
    const others = [3, 4].map((size) => {
      const other = new Liar(honest, 90 + size);
      const version = { size, descriptor: new Uint8Array([size]), mtime: time, text: true, stamp };
      other.put(documentOf(ROOT), keyOf(node, "c"), packVersion(version, node));
      return other;
    });
    liar.put(
      documentOf(ROOT),
      keyOf(node, `r:${versionId(stamp)}`),
      packStamp({ at: 9, author: liar.author }, node),
    );
    return others;
  });
});

Deno.test("a file that is called as a conflict file will be is shown next to it", () => {
  const a = Copy.first(1);
  const b = new Copy(2);
  b.pull(a);
  a.write("f", "mine");
  b.write("f", "yours");
  a.pull(b);
  const conflict = a.tree()[1].split(" ")[0];
  assertEquals(conflict.replace(/[0-9a-f]{8}$/, ""), conflictName("f", a.author, ""));
  a.write(conflict.replace(conflict, conflict + "x"), "other");
  b.pull(a);
  b.write("c", "third");
  b.mv("c", "g");
  const c = new Copy(3);
  c.pull(b);
  // On a copy that never saw the conflict, somebody takes its name.
  const d = new Copy(4);
  d.pull(Copy.first(1));
  d.write(conflict, "squatter");
  for (const copy of [a, b, c]) {
    copy.pull(d);
    copy.pull(b);
  }
  for (const copy of [a, b, c]) {
    assertEquals(copy.tree(), a.tree());
    assertEquals(linesOf(copy.shown()), copy.tree());
    assertEquals(copy.read(conflict), "squatter");
    assert(copy.tree().some((line) => line.startsWith(conflict) && line.endsWith("= mine")));
  }
});

Deno.test("whatever edges, contents and marks a liar invents, honest copies agree", () => {
  const first = Number(Deno.env.get("LUX9_SEED") || 1);
  const count = Number(Deno.env.get("LUX9_SCHEDULES") || 150);
  for (let seed = first; seed < first + count; seed++) {
    const random = randomFrom(seed);
    deceive((liar, honest) => {
      const known = ["d", "e", "f", "d/g"].map((path) => honest.at(path).node);
      const nodes = [...known, ...Array.from({ length: 4 }, (_, i) => nodeId(liar.author, i)), ROOT];
      const pick = <T>(things: readonly T[]): T => things[random(things.length)];
      const stamp = () => ({ at: 1 + random(12), author: pick([liar.author, honest.author]) });
      const attributes = () =>
        newAttributes({
          kind: pick(["file", "directory", "symlink"] as const),
          mode: random(512),
          uid: pick(["x", "y"]),
          gid: "x",
          atime: time,
          mtime: { sec: random(2 ** 31), nsec: 0 },
          ctime: time,
          target: "",
          rdev: 0,
        }, stamp());
      for (let left = 3 + random(12); left > 0; left--) {
        const node = pick(nodes);
        const doc = documentOf(pick(nodes));
        const version = {
          size: random(9),
          descriptor: new Uint8Array(random(4)),
          mtime: time,
          text: random(2) > 0,
          stamp: stamp(),
        };
        const record = attributes();
        let value: Uint8Array;
        let key: Key;
        switch (random(6)) {
          case 0:
          case 1:
          case 2: {
            const seen = { seen: [stamp()], kept: [stamp()], others: random(2) > 0 };
            const removed = random(3) ? undefined : seen;
            const withAttributes = random(3) ? record : undefined;
            const directory = withAttributes ? withAttributes.kind === "directory" : random(2) > 0;
            const counter = pick([1, 2, 3, 2 ** 20, 2 ** 33, 2 ** 41]);
            const edge = {
              name: pick(["d", "f", "g", "h"]),
              directory,
              counter,
              stamp: stamp(),
              time,
              removed,
            };
            key = edgeKey(node, pick(["", "", nodeId(liar.author, 77)]));
            value = packEdge({ ...edge, attributes: withAttributes }, node);
            break;
          }
          case 3: {
            const packer = new Packer();
            packAttributes(packer, record, node.slice(0, 11) as typeof liar.author);
            [key, value] = [keyOf(node, "m"), packer.take()];
            break;
          }
          case 4:
            [key, value] = [keyOf(node, "c"), packVersion(version, node)];
            break;
          default: {
            const part = random(2) ? "r:" : "l:";
            key = keyOf(node, part + versionId(version.stamp));
            value = part === "r:" ? packStamp(stamp(), node) : packVersion(version, node);
          }
        }
        if (random(8) === 0) value[random(value.length)] ^= 1 << random(8);
        liar.put(doc, key, value);
      }
    });
  }
});
