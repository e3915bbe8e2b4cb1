import { deepStrictEqual as assertEquals, ok as assert, throws as assertThrows } from "node:assert/strict";
import fc from "fast-check";
import { type Attributes, newAttributes, packAttributes, unpackAttributes } from "./attributes.ts";
import { Malformed, Packer, Unpacker } from "./bytes.ts";
import { packVersion, unpackVersion } from "./content.ts";
import { type Edge, packEdge, unpackEdge } from "./edge.ts";
import {
  authorBytes,
  authorOf,
  creatorOf,
  digitsOf,
  nodeId,
  NUMBER_MAX,
  numberOf,
  numberOfDigits,
  parseAuthor,
  parseNodeId,
  ROOT,
} from "./id.ts";
import { edgeKey, keyOf, parseKey } from "./key.ts";
import { packRecords, unpackRecords } from "./records.ts";
import { packXattr, unpackXattr } from "./small_records.ts";
import { parseVersionId, versionId } from "./stamp.ts";

const author = authorOf(new Uint8Array([1, 2, 3, 4, 5, 6, 7, 255]));
const other = authorOf(new Uint8Array(8).fill(9));
const node = nodeId(author, 70_000);
const stamp = { at: 70_000, author };
const time = { sec: 1_790_000_000, nsec: 123_456_789 };
const attributes: Attributes = {
  kind: "file",
  mode: 0o644,
  uid: "alice",
  gid: "alice",
  atime: time,
  mtime: time,
  ctime: time,
  target: "",
  rdev: 0,
};
const made: Edge = {
  name: "notes.md",
  directory: false,
  counter: 1,
  stamp,
  time,
  removed: undefined,
  attributes: newAttributes(attributes, stamp),
};

fc.configureGlobal({ seed: 1 });
/** Records as literals make them. */
const PLAIN = { noNullPrototype: true } as const;
const authors = fc.uint8Array({ minLength: 8, maxLength: 8 }).map(authorOf);
const stamps = fc.record({
  at: fc.integer({ min: 1, max: NUMBER_MAX }),
  author: fc.oneof(authors, fc.constant(author)),
}, PLAIN);
const times = fc.record({
  sec: fc.oneof(fc.integer({ min: -(2 ** 40), max: 2 ** 40 }), fc.constant(0)),
  nsec: fc.integer({ min: 0, max: 999_999_999 }),
}, PLAIN);

Deno.test("packed values take few bytes", () => {
  // A name of 8 bytes, two principals of 5, and one time for all.
  assertEquals(packEdge(made, node).length, 41);
  assertEquals(packEdge({ ...made, attributes: undefined, counter: 2 }, node).length, 23);
  assertEquals(
    packEdge({ ...made, attributes: undefined, removed: { seen: [stamp], kept: [], others: false } }, node)
      .length,
    27,
  );
  assertEquals(
    packVersion({ size: 5000, descriptor: new Uint8Array(33), mtime: time, text: true, stamp }, node).length,
    48,
  );
  assertEquals(packXattr({ stamp, value: new Uint8Array(3) }, node).length, 7);
});

Deno.test("an id is written in one way, and its order as text is its order as a number", () => {
  fc.assert(fc.property(fc.uint8Array({ minLength: 8, maxLength: 8 }), (bytes) => {
    assertEquals(authorBytes(authorOf(bytes)), bytes);
    assertEquals(parseAuthor(authorOf(bytes)), authorOf(bytes));
  }));
  fc.assert(fc.property(authors, authors, (a, b) => {
    const [x, y] = [authorBytes(a), authorBytes(b)].map((bytes) =>
      new DataView(bytes.buffer).getBigUint64(0)
    );
    assertEquals(a < b, x < y);
  }));
  fc.assert(fc.property(fc.integer({ min: 0, max: NUMBER_MAX }), (number) => {
    assertEquals(numberOfDigits(digitsOf(number)), number);
    assertEquals(numberOf(nodeId(author, number)), number);
    assertEquals(creatorOf(nodeId(author, number)), author);
    assertEquals(parseNodeId(nodeId(author, number)), nodeId(author, number));
  }));
  assertEquals(parseNodeId(ROOT), ROOT);
  // A leading zero, bits beyond the 64th, a foreign character, nothing, too much.
  for (
    const bad of [
      author + "-0",
      "----------0" + "1",
      author + "!",
      author,
      author + "z".repeat(9),
      "é".repeat(12),
    ]
  ) {
    assertEquals(parseNodeId(bad), undefined, bad);
  }
  assertThrows(() => digitsOf(NUMBER_MAX + 1), RangeError);
  assertThrows(() => authorOf(new Uint8Array(7)), RangeError);
});

Deno.test("packEdge and unpackEdge are inverse", () => {
  const edges = fc.record({
    name: fc.string({ minLength: 1, maxLength: 40 }).filter((name) => !/[\0/]|^\.\.?$/.test(name)),
    directory: fc.constant(false),
    counter: fc.integer({ min: 1, max: 2 ** 48 }),
    stamp: stamps,
    time: times,
    removed: fc.option(
      fc.record({ seen: fc.array(stamps), kept: fc.array(stamps), others: fc.boolean() }, PLAIN),
      { nil: undefined },
    ),
    attributes: fc.constant(undefined),
  }, PLAIN);
  fc.assert(fc.property(edges, (edge) => assertEquals(unpackEdge(packEdge(edge, node), node), edge)));
  assertEquals(unpackEdge(packEdge(made, node), node), made);
});

Deno.test("packAttributes and unpackAttributes are inverse, for every kind and with groups set at other times", () => {
  const kinds = fc.constantFrom(
    "file",
    "directory",
    "symlink",
    "fifo",
    "character",
    "block",
    "socket" as const,
  );
  const records = fc.record({
    kind: kinds,
    atime: times,
    mtime: times,
    ctime: times,
    stamp: stamps,
    one: stamps,
  }, PLAIN).map(
    ({ one, ...given }) => ({
      ...newAttributes({ ...attributes, ...given }, given.stamp),
      target: given.kind === "symlink" ? "../é" : "",
      rdev: given.kind === "block" ? 0x801 : 0,
      stamps: { mode: given.stamp, uid: one, gid: given.stamp, atime: one, mtime: given.stamp },
    }),
  );
  fc.assert(fc.property(records, (record) => {
    const packer = new Packer();
    packAttributes(packer, record, author);
    const unpacker = new Unpacker(packer.take());
    assertEquals(unpackAttributes(unpacker, author), record);
    unpacker.end();
  }));
});

Deno.test("packVersion, packXattr, versionId and packRecords have inverses", () => {
  const versions = fc.record({
    size: fc.integer({ min: 0, max: Number.MAX_SAFE_INTEGER }),
    descriptor: fc.uint8Array({ maxLength: 128 }),
    mtime: times,
    text: fc.boolean(),
    stamp: stamps,
  }, PLAIN);
  fc.assert(
    fc.property(
      versions,
      fc.array(
        fc.record({
          stamps: fc.array(stamps, { minLength: 1, maxLength: 16 }),
          size: fc.nat(),
          descriptor: fc.uint8Array({ maxLength: 128 }),
        }, PLAIN),
        { maxLength: 4 },
      ),
      (version, bases) => {
        const given = version.text && bases.length > 0 ? { ...version, bases } : version;
        assertEquals(unpackVersion(packVersion(given, node), node), given);
      },
    ),
  );
  fc.assert(fc.property(stamps, fc.uint8Array(), (stamp, value) => {
    assertEquals(unpackXattr(packXattr({ stamp, value }, node), node), { stamp, value });
    assertEquals(unpackXattr(packXattr({ stamp }, node), node), { stamp });
    assertEquals(parseVersionId(versionId(stamp)), stamp);
  }));
  const records = new Map([[node as never, new Set(["e", "c", "x:user.a b\n@"])], [
    ROOT as never,
    new Set(["e:x"]),
  ]]);
  assertEquals(unpackRecords(packRecords(records)), records);
});

Deno.test("whatever bytes come, unpacking gives what packs to the same bytes, or says that they are malformed", () => {
  const bytes = fc.oneof(fc.uint8Array({ maxLength: 80 }), mutated(packEdge(made, node)));
  const version = packVersion(
    { size: 5, descriptor: new Uint8Array(33), mtime: time, text: true, stamp },
    node,
  );
  fc.assert(fc.property(bytes, (value) => isInverse(value, (it) => packEdge(unpackEdge(it, node), node))), {
    numRuns: 5000,
  });
  fc.assert(
    fc.property(
      mutated(version),
      (value) => isInverse(value, (it) => packVersion(unpackVersion(it, node), node)),
    ),
  );
});

Deno.test("parseKey takes the keys that there are, and no others", () => {
  for (
    const part of [
      "e",
      "m",
      "c",
      `e:${nodeId(other, 1)}`,
      `l:${versionId(stamp)}`,
      `r:${versionId(stamp)}`,
      "x:user.a:b",
    ]
  ) {
    assertEquals(parseKey(keyOf(node, part))?.part, part);
  }
  assertEquals(edgeKey(node, nodeId(other, 1)), keyOf(node, `e:${nodeId(other, 1)}`));
  for (
    const bad of [
      "",
      "e",
      "t",
      "z" + node,
      "e" + node + ":",
      "e" + node + ":x",
      "m" + node + ":x",
      `x${node}:`,
      `x${node}:\0`,
    ]
  ) assertEquals(parseKey(bad), undefined, bad);
  assertEquals(parseKey(`x${node}:${"é".repeat(200)}`), undefined);
});

function mutated(bytes: Uint8Array): fc.Arbitrary<Uint8Array> {
  return fc.record({ at: fc.nat(bytes.length - 1), to: fc.nat(255), end: fc.nat(3) }, PLAIN).map(
    ({ at, to, end }) => {
      const copy = bytes.slice(0, bytes.length - (end === 3 ? 1 : 0));
      if (at < copy.length) copy[at] = to;
      return copy;
    },
  );
}

function isInverse(value: Uint8Array, again: (value: Uint8Array) => Uint8Array): void {
  try {
    assertEquals(again(value), value);
  } catch (thrown) {
    assert(thrown instanceof Malformed, String(thrown));
  }
}
