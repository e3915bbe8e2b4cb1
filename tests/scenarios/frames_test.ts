/** Frames that are none: who sends them gets an error or is closed, and a second client notices nothing. */
import assert from "node:assert/strict";
import { MESSAGES } from "../../9p/wire/messages.ts";
import type { Client } from "../conformance/client.ts";
import { frameOf, isError, rawFrame, resized, Wire, withBytes } from "../conformance/wire.ts";
import { connect } from "./connect.ts";
import { TestNode } from "./node.ts";
import { until } from "./process.ts";

const DIALECT = "9P2000.L";
const MSIZE = 8192;
const TAG = 7;

type Outcome = "an error" | "closed" | "nothing";

/** What a client that has sent these bytes gets. */
async function outcomeOf(client: Client, bytes: Uint8Array): Promise<Outcome> {
  const { wire } = client;
  wire.sendBytes(bytes, { name: "Tanything", tag: TAG });
  try {
    const reply = await wire.reply(TAG, 1000);
    assert.ok(isError(reply), `type ${reply.type} is the answer`);
    return "an error";
  } catch (thrown) {
    if (thrown instanceof assert.AssertionError) throw thrown;
    return wire.isClosed ? "closed" : "nothing";
  }
}

const walk = (name: string) => frameOf(DIALECT, "Twalk", TAG, { fid: 0, newfid: 1, wname: [name] });
const read = frameOf(DIALECT, "Tread", TAG, { fid: 0, offset: 0, count: 10 });
const KNOWN = new Set(Object.values(MESSAGES).map(({ type }) => type));
const unknown = Array.from({ length: 256 }, (_, type) => type).filter((type) => !KNOWN.has(type));

/** From a seed, the same in every run. */
function garbage(seed: number, count: number): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(count);
  let state = seed;
  for (let i = 0; i < count; i++) {
    state = Math.imul(state, 1664525) + 1013904223 | 0;
    bytes[i] = state >>> 24;
  }
  return bytes;
}

const CASES: readonly (readonly [what: string, frames: readonly Uint8Array[], gets: Outcome])[] = [
  ["a size below 7", [0, 1, 4, 6].map((size) => resized(read, size)), "closed"],
  ["a size beyond msize", [MSIZE + 1, 2 ** 31, 2 ** 32 - 1].map((size) => resized(read, size)), "closed"],
  [
    "a body that ends too early",
    [resized(read.slice(0, 15)), resized(walk("data").slice(0, 20))],
    "an error",
  ],
  ["a body with more behind it", [resized(new Uint8Array([...read, 1, 2, 3]))], "an error"],
  ["an empty body", [rawFrame(MESSAGES.Twalk.type, TAG, new Uint8Array())], "an error"],
  ["unknown types", unknown.map((type) => rawFrame(type, TAG, garbage(type, 20))), "an error"],
  [
    "replies",
    [MESSAGES.Rread.type, MESSAGES.Rversion.type].map((type) => rawFrame(type, TAG, garbage(1, 16))),
    "an error",
  ],
  [
    "names that are no UTF-8",
    [[0xff, 0xfe], [0xc0, 0x80], [0xed, 0xa0]].map((bytes) =>
      withBytes(walk("zz"), "zz", new Uint8Array(bytes))
    ),
    "an error",
  ],
  ["an unknown fid", [frameOf(DIALECT, "Tclunk", TAG, { fid: 99 })], "an error"],
  ["a read of a fid that is not open", [read], "an error"],
  ["17 names in one walk", [
    frameOf(DIALECT, "Twalk", TAG, { fid: 0, newfid: 1, wname: Array(17).fill("..") }),
  ], "an error"],
  // The first four bytes are a size far beyond msize.
  ["garbage", [1, 2, 3, 4].map((seed) => garbage(seed, 500).fill(0xee, 3, 4)), "closed"],
];

Deno.test("bad frames: an error or the end for who sends them, and nothing for others", async (t) => {
  await using node = await TestNode.start();
  const second = await node.connect();
  const data = await second.walk(second.root, "data");
  await second.put(data, "file", "contents");
  const held = await second.walk(data, "file");
  await second.open(held, "rw");
  await second.rpc("Tlock", {
    fid: held,
    type: 1,
    flags: 0,
    start: 0,
    length: 0,
    procId: 1,
    clientId: "second",
  });
  /** The second client goes on with what it had. */
  const undisturbed = async () => {
    assert.equal(await second.readText(held), "contents");
    assert.equal(await second.get(data, "file"), "contents");
  };

  for (const [what, frames, wanted] of CASES) {
    await t.step(what, async () => {
      for (const bytes of frames) {
        const client = await node.connect({ msize: MSIZE, dialect: DIALECT });
        assert.equal(await outcomeOf(client, bytes), wanted, `${bytes.subarray(0, 20)}`);
        if (wanted === "an error") {
          assert.ok(await client.has(client.root, "data"), "the connection goes on");
        }
        assert.deepEqual(client.wire.violations, []);
        client.wire.close();
      }
      await undisturbed();
    });
  }

  await t.step("anything before Tversion", async () => {
    for (const bytes of [read, walk("data"), garbage(9, 100)]) {
      const wire = await Wire.dial(node.socket);
      wire.sendBytes(bytes, { name: "Tanything", tag: TAG });
      const reply = await wire.reply(TAG, 1000).catch(() => undefined);
      assert.ok(reply ? isError(reply) : wire.isClosed);
      wire.close();
    }
    await undisturbed();
  });

  await t.step("frames that are cut short by the end of the connection", async () => {
    for (const count of [1, 3, 4, 6, 7, walk("data").byteLength - 1]) {
      const client = await node.connect();
      client.wire.sendBytes(walk("data").slice(0, count));
      await client.wire.sent();
      client.wire.close();
    }
    await undisturbed();
  });

  await t.step("one byte at a time, and many frames at once, are as good as any", async () => {
    const client = await node.connect({ dialect: DIALECT });
    const frames = Array.from(
      { length: 50 },
      (_, i) => frameOf(DIALECT, "Tgetattr", i, { fid: 0, requestMask: 0x7ff }),
    );
    client.wire.sendBytes(frames[0].slice(0, 1), { name: "Tgetattr", tag: 0 });
    for (const byte of frames[0].subarray(1)) {
      client.wire.sendBytes(new Uint8Array([byte]));
      await client.wire.sent();
    }
    await client.wire.reply(0);
    client.wire.sendTogether(frames.map((frame, tag) => ({ frame, name: "Tgetattr", tag })));
    for (let tag = 0; tag < 50; tag++) assert.ok(!isError(await client.wire.reply(tag)));
    client.wire.close();
    await undisturbed();
  });

  await t.step("the reasons are in /log/errors, and nothing is left of who sent them", async () => {
    const lines = await node.errors();
    assert.ok(
      lines.some(({ code, reason }) => code === "EPROTO" && /allowed are 7 to msize, 8192/.test(reason)),
    );
    assert.ok(lines.some(({ reason }) => /malformed Twalk/.test(reason)));
    await until("only the second client is there", async () => (await node.status()).connections === 2);
    assert.equal((await node.status()).fids, 3 + 2);
    assert.equal(node.stderr, "");
  });
  const other = await connect(node.socket);
  const fid = await other.walk(other.root, "data", "file");
  await other.open(fid, "rw");
  const lock = { fid, type: 1, flags: 0, start: 0, length: 0, procId: 1, clientId: "other" };
  assert.equal((await other.rpc("Tlock", lock)).status, 1, "the second client still has its lock");
  other.wire.close();
  second.wire.close();
});
