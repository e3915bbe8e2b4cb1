import { deepStrictEqual as assertEquals, throws as assertThrows } from "node:assert/strict";
import { authorOf, documentOf, Malformed, packPuts, ROOT } from "../tree/mod.ts";
import {
  Authors,
  copyKey,
  hashOf,
  packRecord,
  packSeen,
  type Record,
  unpackRecord,
  unpackSeen,
} from "./mod.ts";

const key = copyKey(new Uint8Array(32).fill(1));
const other = copyKey(new Uint8Array(32).fill(2));
const [author, seen] = [1, 2].map((byte) => authorOf(new Uint8Array(8).fill(byte)));
const first: Record = {
  ...{ author, number: 1, previous: new Uint8Array(32), time: 1_700_000_000, key: key.publicKey },
  ...{ vouches: [other.publicKey], seen: [] },
  changes: new Map([[documentOf(ROOT), packPuts([])]]),
};

function signed(record: Record, by = key) {
  const hash = hashOf(record);
  return { record, hash, signature: by.sign(hash) };
}

Deno.test("a record comes out as it went in, and cut off anywhere it is none", () => {
  const record = { ...first, seen: [{ author: seen, number: 300 }] };
  const bytes = packRecord(signed(record));
  assertEquals(unpackRecord(bytes), signed(record));
  for (let length = 0; length < bytes.length; length++) {
    assertThrows(() => unpackRecord(bytes.slice(0, length)), Malformed);
  }
  assertThrows(() => unpackRecord(new Uint8Array([...bytes, 0])), Malformed);
});

Deno.test("everything in a record is in its hash", () => {
  const changes: Partial<Record>[] = [
    ...[{ author: seen }, { number: 2 }, { previous: new Uint8Array(32).fill(1) }, { time: 1 }],
    ...[{ key: other.publicKey }, { key: undefined }, { vouches: [] }, {
      seen: [{ author: seen, number: 1 }],
    }],
    ...[{ changes: new Map() }, { changes: new Map([[documentOf(ROOT), new Uint8Array([1])]]) }],
  ];
  const hashes = changes.map((change) => String(hashOf({ ...first, ...change })));
  assertEquals(new Set([...hashes, String(hashOf(first))]).size, changes.length + 1);
});

Deno.test("what is tried out in a fork is not known to what it was made from", () => {
  const authors = new Authors([], [key.publicKey]);
  const fork = authors.fork();
  fork.accept(signed(first), first.time);
  assertEquals(authors.get(author), undefined);
  assertEquals([authors.has(other.publicKey), fork.has(other.publicKey)], [false, true]);
  assertEquals(authors.accept(signed(first), first.time).number, 1);
});

Deno.test("a signature that was found right is so for that key alone", () => {
  const record = signed({ ...first, vouches: [] });
  new Authors([], [key.publicKey]).accept(record, first.time);
  const hers = { key: other.publicKey, number: 0, hash: new Uint8Array(32), seen: new Map() };
  const { key: _, ...rest } = record.record;
  const authors = new Authors([[author, hers]], [other.publicKey]);
  Object.assign(record, { record: rest });
  assertThrows(() => authors.accept(record, first.time), /its signature is not that of its author/);
});

Deno.test("what was seen comes out as it went in", () => {
  const numbers = new Map([[author, 5], [seen, 2 ** 48 - 1]]);
  assertEquals(unpackSeen(packSeen(numbers)), numbers);
});
