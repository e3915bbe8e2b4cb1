import assert from "node:assert/strict";
import { codecOf, HEADER_BYTES } from "./codec.ts";
import { type Dialect, DIALECTS, type Random } from "./field.ts";
import { type Body, type Message, type MessageName, MESSAGES } from "./messages.ts";
import { Reader } from "./reader.ts";
import { untouched } from "./stat.ts";
import { Writer } from "./writer.ts";

/** The same in every run; LUX9_SEED tries another. */
const SEED = Number(Deno.env.get("LUX9_SEED") ?? 1);

function randomFrom(seed: number): Random {
  let state = seed % 0x7fffffff || 1;
  return (below) => {
    // Two draws: one of a Lehmer generator has 31 bits, and some numbers are larger.
    state = (state * 48271) % 0x7fffffff;
    const high = state;
    state = (state * 48271) % 0x7fffffff;
    return Math.floor(((high * 2 ** 22 + (state % 2 ** 22)) / 2 ** 53) * below);
  };
}

function encode(dialect: Dialect, { kind, tag, ...body }: Message): Uint8Array<ArrayBuffer> {
  const writer = new Writer(16);
  codecOf(dialect).encode(writer, kind, tag, body as Body<typeof kind>);
  return writer.written().slice();
}

/** The message in a frame, and the reader behind it. */
function decode(dialect: Dialect, frame: Uint8Array<ArrayBuffer>) {
  const from = new Reader(frame).window(HEADER_BYTES, frame.byteLength);
  const tag = new DataView(frame.buffer).getUint16(5, true);
  return { message: codecOf(dialect).decode(frame[4], tag, from), from };
}

/** Every kind of message of every dialect, `count` of each. */
function* messages(
  count: number,
): Generator<{ dialect: Dialect; name: MessageName; message: Message; what: string }> {
  const random = randomFrom(SEED);
  for (const dialect of DIALECTS) {
    for (const name of codecOf(dialect).names) {
      for (let i = 0; i < count; i++) {
        const message = codecOf(dialect).any(name, random) as Message;
        yield { dialect, name, message, what: `${dialect} ${name}, LUX9_SEED=${SEED}` };
      }
    }
  }
}

const hex = (...parts: string[]) =>
  Uint8Array.from(parts.join("").replaceAll(" ", "").match(/../g)!, (byte) => parseInt(byte, 16));

Deno.test("codec round trip: every message of every dialect comes back as it went out", () => {
  for (const { dialect, message, what } of messages(150)) {
    const frame = encode(dialect, message);
    assert.equal(new DataView(frame.buffer).getUint32(0, true), frame.byteLength, what);
    const { message: back, from } = decode(dialect, frame);
    assert.deepEqual(back, message, what);
    assert.deepEqual([from.malformed, from.left], [false, 0], what);
    assert.deepEqual(encode(dialect, back!), frame, what);
  }
});

Deno.test("codec: a message that is cut short at any byte is malformed, and nothing throws", () => {
  for (const { dialect, name, message, what } of messages(4)) {
    const frame = encode(dialect, message);
    for (let size = HEADER_BYTES; size < frame.byteLength; size++) {
      const { from } = decode(dialect, frame.slice(0, size));
      // Older clients leave the last field of Tfsync out.
      const isOldFsync = name === "Tfsync" && size === HEADER_BYTES + 4;
      assert.equal(from.malformed, !isOldFsync, `${what}, cut to ${size} of ${frame.byteLength} bytes`);
    }
  }
});

Deno.test("codec: a byte too many is malformed or left over", () => {
  for (const { dialect, message, what } of messages(4)) {
    const frame = encode(dialect, message);
    const longer = new Uint8Array(frame.byteLength + 1);
    longer.set(frame);
    const { from } = decode(dialect, longer);
    assert.ok(from.malformed || from.left > 0, what);
  }
});

Deno.test("codec: random bytes and flipped bits never throw, and what decodes encodes again", () => {
  const random = randomFrom(SEED);
  const base = [...messages(2)];
  for (let i = 0; i < 15_000; i++) {
    const { dialect, message } = base[random(base.length)];
    const frame = encode(dialect, message);
    for (let flips = 1 + random(3); flips > 0; flips--) {
      frame[HEADER_BYTES + random(frame.byteLength)] = random(256);
    }
    if (random(4) === 0) frame[4] = random(256);
    const { message: decoded, from } = decode(dialect, frame);
    if (!decoded || from.malformed || from.left > 0) continue;
    codecOf(dialect).show(decoded);
    assert.deepEqual(decode(dialect, encode(dialect, decoded)).message, decoded, `LUX9_SEED=${SEED}, ${i}`);
  }
});

Deno.test("codec: the largest number of 64 bits does not become 0", () => {
  const body = {
    type: 0,
    bsize: 0,
    blocks: 0,
    bfree: 0,
    bavail: 0,
    files: 2 ** 64,
    ffree: 0,
    fsid: 0,
    namelen: 0,
  };
  const frame = encode("9P2000.L", { kind: "Rstatfs", tag: 1, ...body });
  assert.equal((decode("9P2000.L", frame).message as Message<"Rstatfs">).files, 2 ** 64);
});

Deno.test("codec: the printed form is one line without control characters, whatever is in the strings", () => {
  // C0 and C1 controls, line separators and what turns the direction of text.
  const raw = /[\p{Cc}\u2028\u2029\u202a-\u202e\u2066-\u2069]/u;
  for (const { dialect, message, what } of messages(60)) {
    assert.doesNotMatch(codecOf(dialect).show(message), raw, what);
  }
  for (let point = 0; point < 0x3000; point++) {
    const version = `a${String.fromCodePoint(point)}b`;
    const shown = codecOf("9P2000").show({ kind: "Tversion", tag: 1, msize: 1, version });
    assert.doesNotMatch(shown, raw, `U+${point.toString(16)}`);
  }
});

Deno.test("codec: the printed form names the kind, the tag and every field", () => {
  const { show } = codecOf("9P2000.u");
  const walk: Message<"Twalk"> = { kind: "Twalk", tag: 1, fid: 0, newfid: 5, wname: ["a", 'b"\x1b[2J'] };
  assert.equal(show(walk), 'Twalk tag=1 fid=0 newfid=5 wname=["a" "b\\"\\u001b[2J"]');
  assert.equal(
    show({ kind: "Tattach", tag: 0xffff, fid: 1, afid: 0xffffffff, uname: "me", aname: "", nUname: 1000 }),
    'Tattach tag=~0 fid=1 afid=~0 uname="me" aname="" nUname=1000',
  );
  assert.equal(show({ kind: "Rread", tag: 3, data: new Uint8Array(12) }), "Rread tag=3 data=12 bytes");
});

Deno.test("codec: bytes that were written down by hand", () => {
  const cases: [Dialect, Message, Uint8Array<ArrayBuffer>][] = [
    [
      "9P2000",
      { kind: "Tversion", tag: 0xffff, msize: 8192, version: "9P2000" },
      hex("13000000 64 ffff 00200000 0600 395032303030"),
    ],
    [
      "9P2000",
      { kind: "Tattach", tag: 1, fid: 2, afid: 0xffffffff, uname: "u", aname: "", nUname: 0xffffffff },
      hex("14000000 68 0100 02000000 ffffffff 0100 75 0000"),
    ],
    [
      "9P2000.L",
      { kind: "Tattach", tag: 1, fid: 2, afid: 0xffffffff, uname: "u", aname: "", nUname: 1000 },
      hex("18000000 68 0100 02000000 ffffffff 0100 75 0000 e8030000"),
    ],
    [
      "9P2000",
      { kind: "Twalk", tag: 3, fid: 1, newfid: 2, wname: ["a", "bc"] },
      hex("18000000 6e 0300 01000000 02000000 0200 0100 61 0200 6263"),
    ],
    [
      "9P2000",
      { kind: "Tread", tag: 4, fid: 1, offset: 2 ** 40 + 5, count: 16 },
      hex("17000000 74 0400 01000000 0500000000010000 10000000"),
    ],
    ["9P2000", { kind: "Rread", tag: 4, data: hex("aabb") }, hex("0d000000 75 0400 02000000 aabb")],
    ["9P2000", { kind: "Rerror", tag: 5, ename: "no", errno: 0 }, hex("0b000000 6b 0500 0200 6e6f")],
    [
      "9P2000.u",
      { kind: "Rerror", tag: 5, ename: "no", errno: 2 },
      hex("0f000000 6b 0500 0200 6e6f 02000000"),
    ],
    ["9P2000.L", { kind: "Rlerror", tag: 5, ecode: 2 }, hex("0b000000 07 0500 02000000")],
    [
      "9P2000.L",
      { kind: "Rlopen", tag: 6, qid: { type: 0x80, version: 7, path: 2 ** 33 }, iounit: 0 },
      hex("18000000 0d 0600 80 07000000 0000000002000000 00000000"),
    ],
    [
      "9P2000.L",
      { kind: "Tlock", tag: 7, fid: 1, type: 1, flags: 1, start: 2, length: 3, procId: 4, clientId: "c" },
      hex("27000000 34 0700 01000000 01 01000000 0200000000000000 0300000000000000 04000000 0100 63"),
    ],
  ];
  for (const [dialect, message, bytes] of cases) {
    assert.deepEqual(encode(dialect, message), bytes, message.kind);
    assert.deepEqual(decode(dialect, bytes).message, message, message.kind);
  }
});

Deno.test("codec: a stat that touches nothing is all ones, and its size stands twice", () => {
  const frame = encode("9P2000", { kind: "Twstat", tag: 1, fid: 2, stat: untouched() });
  const ones = "ff".repeat(2 + 4 + 13 + 4 + 4 + 4 + 8);
  assert.deepEqual(frame, hex("3e000000 7e 0100 02000000 3100 2f00", ones, "0000 0000 0000 0000"));
});

Deno.test("codec: a dialect knows its own messages only", () => {
  for (const dialect of DIALECTS) {
    for (let type = 0; type < 256; type++) {
      const name = (Object.keys(MESSAGES) as MessageName[]).find((one) => MESSAGES[one].type === type);
      const isKnown = name !== undefined && (MESSAGES[name].dialects as readonly Dialect[]).includes(dialect);
      const { message } = decode(dialect, Uint8Array.from({ length: 300 }, (_, i) => i === 4 ? type : 0));
      assert.equal(message?.kind, isKnown ? name : undefined);
    }
  }
  const topen: Message<"Topen"> = { kind: "Topen", tag: 1, fid: 1, mode: 0 };
  assert.throws(() => encode("9P2000.L", topen), { code: "EPROTO" });
  assert.throws(() => encode("9P2000", { kind: "Tversion", tag: 1, msize: 1, version: "x".repeat(65536) }), {
    code: "ENAMETOOLONG",
  });
});
