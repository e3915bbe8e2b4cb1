import { deepStrictEqual as assertEquals, throws as assertThrows } from "node:assert/strict";
import { authorOf, Malformed, Packer } from "../tree/mod.ts";
import { keyOf } from "./_copy.ts";
import {
  CHUNK_BYTES_MAX,
  type Message,
  packMessage,
  PROTOCOL,
  REASON_BYTES_MAX,
  SAMPLES_MAX,
  type Stranger,
  unpackMessage,
  WANT_MAX,
} from "./messages.ts";
import { isNewer, isSigned, sign } from "./statement.ts";
import { AUTHORS_MAX } from "./vector.ts";

const author = authorOf(new Uint8Array(8).fill(7));
const hash = new Uint8Array(32).fill(9);
const statement = sign({ author, numbers: new Map([[author, 300]]), time: 1_700_000_000 }, keyOf(1));

const MESSAGES: Exclude<Message, Stranger>[] = [
  {
    ...{ kind: "hello", protocol: PROTOCOL, format: 7, volume: new Uint8Array(16).fill(1), author },
    ...{
      key: hash,
      name: "Büro",
      vector: new Map([[author, { number: 5, hash }]]),
      statements: new Uint8Array(16),
    },
  },
  { kind: "statements", isLast: true, statements: [statement, statement] },
  { kind: "records", isLast: false, records: [new Uint8Array(300).fill(1), new Uint8Array(1)] },
  { kind: "records", isLast: true, records: [] },
  { kind: "ack", count: 2 ** 48 - 1 },
  { kind: "want", ids: [hash, new Uint8Array(32)] },
  {
    kind: "chunks",
    chunks: [{ id: hash, bytes: new Uint8Array(70_000).fill(3) }, { id: hash, bytes: undefined }],
  },
  { kind: "chunks", chunks: [{ id: hash, bytes: new Uint8Array() }] },
  { kind: "probe", author, samples: [{ number: 0, hash }, { number: 9, hash }] },
  { kind: "refuse", code: "record", author, number: 9, reason: "It is malformed" },
  { kind: "refuse", code: "failed", author: undefined, number: 0, reason: "" },
  { kind: "done", statement },
  { kind: "done", statement: undefined },
];

Deno.test("every message comes out as it went in", () => {
  for (const message of MESSAGES) assertEquals(unpackMessage(packMessage(message)), message);
});

Deno.test("a message that is cut off anywhere, or goes on, is none", () => {
  for (const message of MESSAGES) {
    const bytes = packMessage(message);
    for (let length = 0; length < Math.min(bytes.length, 400); length++) {
      assertThrows(() => unpackMessage(bytes.slice(0, length)), Malformed);
    }
    assertThrows(() => unpackMessage(new Uint8Array([...bytes, 0])), Malformed);
  }
});

Deno.test("what is told to be more than a message may have is refused before it is looked for", () => {
  const told = (kind: number, ...numbers: number[]) => {
    const packer = new Packer().u8(kind);
    for (const number of numbers) packer.number(number);
    return packer.take();
  };
  const hello = packMessage(MESSAGES[0]);
  const vectorAt = hello.length - 16 - (8 + 1 + 32) - 1;
  const crowded = new Packer().raw(hello.slice(0, vectorAt)).number(AUTHORS_MAX + 1).raw(new Uint8Array(99))
    .take();
  const wrong: [Uint8Array, RegExp][] = [
    [told(2, 1, 2 ** 40), /A number is 1099511627776/],
    [told(3, 0, 2 ** 40), /A number is 1099511627776/],
    [told(3, 0, 1, 2 ** 30), /A number is 1073741824/],
    [told(3, 0, 0), /records has none/],
    [told(3, 2), /A flag is 2/],
    [told(5, WANT_MAX + 1), /at most 128/],
    [told(6, WANT_MAX + 1), /at most 128/],
    [new Packer().u8(6).number(1).raw(hash).number(CHUNK_BYTES_MAX + 2).take(), /at most 1048577/],
    [new Packer().u8(7).author(author).number(SAMPLES_MAX + 1).take(), /at most 32/],
    [new Packer().u8(8).u8(0).u8(0).number(REASON_BYTES_MAX + 1).take(), /at most 1024/],
    [new Packer().u8(8).u8(99).u8(0).take(), /for a reason that there is not/],
    [told(10), /of kind 10, and there are 9/],
    [crowded, /at most 16384/],
    [new Uint8Array(3 * 1024 * 1024), /at most 2097152/],
    [new Packer().u8(1).raw(new Uint8Array(8)).take(), /no copy of a volume/],
  ];
  for (const [bytes, reason] of wrong) assertThrows(() => unpackMessage(bytes), reason);
});

Deno.test("of another protocol nothing is read but its number and the format", () => {
  const bytes = new Packer().u8(1).raw(new TextEncoder().encode("lux9sync")).number(9).number(12).text(
    "whatever",
  );
  assertEquals(unpackMessage(bytes.take()), { kind: "stranger", protocol: 9, format: 12 });
});

Deno.test("a reason that is too long is cut between characters", () => {
  const message = {
    kind: "refuse",
    code: "failed",
    author: undefined,
    number: 0,
    reason: "ä".repeat(900),
  } as const;
  const { reason } = unpackMessage(packMessage(message)) as typeof message;
  assertEquals(reason, "ä".repeat(512));
});

Deno.test("a statement is its copy's own, and the one with more is the newer", () => {
  assertEquals(isSigned(statement), true);
  for (
    const changed of [
      { time: 1 },
      { numbers: new Map([[author, 301]]) },
      { key: keyOf(2).publicKey },
      { author: authorOf(new Uint8Array(8)) },
    ]
  ) assertEquals(isSigned({ ...statement, ...changed }), false);
  const more = { ...statement, time: 0, numbers: new Map([[author, 301]]) };
  const later = { ...statement, time: statement.time + 1 };
  assertEquals([isNewer(more, statement), isNewer(statement, more)], [true, false]);
  assertEquals([isNewer(later, statement), isNewer(statement, later)], [true, false]);
  assertEquals(isNewer(statement, statement), false);
});
