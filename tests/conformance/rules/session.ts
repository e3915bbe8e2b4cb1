/** R01–R07: how a session starts, and what it does with frames. */
import assert from "node:assert/strict";
import { HEADER_BYTES, IOHDRSZ, NOTAG } from "../../../9p/wire/codec.ts";
import { MESSAGES } from "../../../9p/wire/messages.ts";
import { codecOf } from "../../../9p/wire/codec.ts";
import type { Client } from "../client.ts";
import { ALL, CLASSIC, LINUX, refused, type Rule, rule, type Trial, unknownFid } from "../rule.ts";
import { Closed, frameOf, isError, rawFrame, Refused, resized, type Wire, withBytes } from "../wire.ts";

/** Waits for the fate of a message that no server should accept: true for an error, false for a close. */
async function errorOrClose(wire: Wire, tag: number): Promise<boolean> {
  try {
    const frame = await wire.reply(tag);
    assert.ok(isError(frame), `it was answered by type ${frame.type} instead of an error`);
    return true;
  } catch (thrown) {
    if (thrown instanceof Closed) return false;
    throw thrown;
  }
}

/** Sends what no server should accept, on a connection that is opened again whenever the server closes it. */
class Nuisance {
  #client: Client | undefined;

  constructor(readonly t: Trial, readonly prepare: (client: Client) => Promise<unknown> = () => Promise.resolve()) {}

  async client(): Promise<Client> {
    if (this.#client === undefined || this.#client.wire.isClosed) {
      this.#client = await this.t.client({ msize: 8192 });
      await this.prepare(this.#client);
    }
    return this.#client;
  }

  async send(frame: Uint8Array, tag: number, what: string): Promise<void> {
    const { wire } = await this.client();
    wire.sendBytes(frame, { name: what, tag });
    try {
      await errorOrClose(wire, tag);
    } catch (thrown) {
      throw new Error(`${what}: ${thrown instanceof Error ? thrown.message : thrown}`);
    }
  }
}

/** Another client of the server, which must not notice anything. */
async function bystander(t: Trial): Promise<() => Promise<void>> {
  const client = await t.client();
  return async () => {
    await client.info(client.root);
    assert.ok(!client.wire.isClosed, "another client's connection was closed");
  };
}

/** A number of a fid that no test has. */
const NO_FID = 0x7ffffff1;

export const session: Rule[] = [
  rule("R01", "Tversion comes first: requests before it are refused", ALL, async (t) => {
    const wire = await t.dial();
    wire.dialect = t.dialect;
    const { aname, uname, uid } = t.subject;
    const attach = { fid: 0, afid: 0xffffffff, uname, aname, nUname: uid };
    wire.send("Tattach", attach, 1);
    if (!await errorOrClose(wire, 1)) return;
    const { version } = await wire.version(8192, t.dialect);
    assert.equal(version, t.dialect);
    await wire.rpc("Tattach", attach);
  }),

  rule("R01", "Tversion in mid-session frees every fid, open ones too", ALL, async (t) => {
    const { client, home } = await t.start({ msize: 16384 });
    const file = await client.create(home, "file");
    const clone = await client.walk(file);
    await client.wire.version(4096, t.dialect);
    for (const fid of [client.root, home, file, clone]) await unknownFid(client, fid);
    await t.attach(client, client.root);
    const again = await t.home(client);
    assert.deepEqual(await client.names(again), ["file"]);
    assert.equal(client.wire.msize, 4096);
  }),

  rule("R01", "Tversion in mid-session drops what was to be removed at close", CLASSIC, async (t) => {
    const { client, home } = await t.start();
    const other = await t.start();
    await client.create(home, "gone", { mode: 0x40 });
    assert.deepEqual(await other.client.names(other.home), ["gone"]);
    await client.wire.version(8192, t.dialect);
    assert.deepEqual(await other.client.names(other.home), []);
  }),

  rule("R01", "Tversion in mid-session drops locks", LINUX, async (t) => {
    const { client, home } = await t.start();
    const file = await client.create(home, "file");
    const other = await t.start();
    const otherFile = await other.client.walk(other.home, "file");
    await other.client.open(otherFile, "rw");
    const lock = { type: 1, flags: 0, start: 0, length: 0, procId: 1 };
    assert.equal((await client.rpc("Tlock", { ...lock, fid: file, clientId: "one" })).status, 0);
    const wanted = { ...lock, fid: otherFile, clientId: "two" };
    assert.equal((await other.client.rpc("Tlock", wanted)).status, 1, "the lock was not held before");
    await client.wire.version(8192, t.dialect);
    assert.equal((await other.client.rpc("Tlock", wanted)).status, 0, "the lock outlived its session");
  }),

  rule("R01", "a second Tversion may ask for another msize; after an unknown version there is no session", ALL, async (t) => {
    const client = await t.client({ msize: 8192 });
    assert.equal((await client.wire.version(8192, "8P")).version, "unknown");
    client.wire.dialect = t.dialect;
    client.wire.send("Tclunk", { fid: client.root }, 3);
    if (!await errorOrClose(client.wire, 3)) return;
    const { msize } = await client.wire.version(65536, t.dialect);
    assert.ok(msize > 8192, `msize ${msize} after a second Tversion with 65536`);
    await t.attach(client, client.root);
  }),

  rule("R02", "an unknown version is answered \"unknown\", never an error", ALL, async (t) => {
    for (const version of ["8P2000", "", "9", "9p2000", "9Q2000", "9P1999", " 9P2000", "x".repeat(1000), "\n"]) {
      const wire = await t.dial();
      const reply = await wire.version(8192, version);
      assert.equal(reply.version, "unknown", `the answer to ${JSON.stringify(version).slice(0, 20)}`);
      assert.ok(reply.msize <= 8192);
      assert.equal((await wire.version(8192, t.dialect)).version, t.dialect, "a proper Tversion afterwards");
    }
  }),

  rule("R02", "an unknown extension or a later base version is answered by a known one or \"unknown\"", ALL, async (t) => {
    for (const version of ["9P2000.x", "9P2000.", "9P3000", "9P20000", "9P2000.LL", "9P2000.L.u"]) {
      const { version: answer } = await (await t.dial()).version(8192, version);
      const known: string[] = [...ALL, "unknown"];
      assert.ok(known.includes(answer), `${version} was answered by ${answer}`);
    }
  }),

  rule("R03", "the answered msize is at most the client's, and the server's own limit where that is less", ALL, async (t) => {
    for (const msize of [4096, 8192, 12345, 1 << 20, 0x7fffffff, 0x80000000, 0xffffffff]) {
      const reply = await (await t.dial()).version(msize, t.dialect);
      assert.ok(reply.msize <= msize, `${reply.msize} for ${msize}`);
      assert.ok(reply.msize >= 4096, `${reply.msize} for ${msize}`);
    }
  }),

  rule("R03", "an msize from 256 to 4095 is honoured, and works", ALL, async (t) => {
    const large = await t.start();
    await large.client.put(large.home, "file", "0123456789".repeat(100));
    for (const msize of [256, 257, 1000, 4095]) {
      const client = await t.client({ msize });
      assert.equal(client.wire.msize, msize);
      const home = await t.home(client);
      assert.equal(await client.get(home, "file"), "0123456789".repeat(100));
      assert.deepEqual(await client.names(home), ["file"]);
      client.wire.close();
    }
  }),

  rule("R03", "an msize below 256 is an error", ALL, async (t) => {
    for (const msize of [0, 1, 7, 24, 255]) {
      const wire = await t.dial();
      wire.send("Tversion", { msize, version: t.dialect }, NOTAG);
      await errorOrClose(wire, NOTAG);
    }
  }),

  rule("R03", "msize counts the whole message: a frame of exactly msize passes, no reply is larger", ALL, async (t) => {
    const msize = 4096;
    const { client, home } = await t.start({ msize });
    const file = await client.create(home, "file");
    // size[4] Twrite tag[2] fid[4] offset[8] count[4] data[count]
    const data = new Uint8Array(msize - 23).fill(65);
    const frame = frameOf(t.dialect, "Twrite", 7, { fid: file, offset: 0, data });
    assert.equal(frame.byteLength, msize);
    client.wire.sendBytes(frame, { name: "Twrite", tag: 7 });
    const { count } = await client.wire.answer("Twrite", 7);
    assert.ok(count > 0 && count <= data.byteLength, `${count} of ${data.byteLength} bytes`);
    const frameBack = await client.wire.reply(client.wire.send("Tread", { fid: file, offset: 0, count: 0xffffffff }));
    assert.ok(frameBack.bytes.byteLength <= msize);
  }),

  rule("R04", "a frame shorter than 7 bytes closes that connection, and only that one", ALL, async (t) => {
    const unharmed = await bystander(t);
    for (const size of [0, 1, 4, 6]) {
      const client = await t.client();
      client.wire.sendBytes(resized(rawFrame(MESSAGES.Tclunk.type, 1, new Uint8Array(4)), size));
      assert.ok(await client.wire.closes(), `a frame that says ${size} bytes left the connection open`);
    }
    await unharmed();
  }),

  rule("R04", "a frame longer than msize closes that connection, and only that one", ALL, async (t) => {
    const unharmed = await bystander(t);
    for (const size of [4097, 8193, 0x7fffffff, 0x80000000, 0xffffffff]) {
      const client = await t.client({ msize: 4096 });
      client.wire.sendBytes(resized(rawFrame(MESSAGES.Tclunk.type, 1, new Uint8Array(4)), size));
      assert.ok(await client.wire.closes(), `a frame that says ${size} bytes left the connection open`);
    }
    await unharmed();
  }),

  rule("R04", "a first frame that is too long closes the connection before anything was agreed", ALL, async (t) => {
    const wire = await t.dial();
    wire.sendBytes(new Uint8Array([0xff, 0xff, 0xff, 0x7f, MESSAGES.Tversion.type, 0xff, 0xff]));
    assert.ok(await wire.closes());
    await (await bystander(t))();
  }),

  rule("R04", "a frame may come byte by byte, and many in one write", ALL, async (t) => {
    const client = await t.client();
    const frame = frameOf(t.dialect, "Twalk", 9, { fid: client.root, newfid: 50, wname: [] });
    for (let i = 0; i < frame.byteLength - 1; i++) {
      client.wire.sendBytes(frame.subarray(i, i + 1));
      await client.wire.sent();
    }
    client.wire.sendBytes(frame.subarray(frame.byteLength - 1), { name: "Twalk", tag: 9 });
    await client.wire.answer("Twalk", 9);
    const walks = Array.from({ length: 200 }, (_, i) => ({
      frame: frameOf(t.dialect, "Twalk", i, { fid: 50, newfid: 100 + i, wname: [] }),
      name: "Twalk",
      tag: i,
    }));
    client.wire.sendTogether(walks);
    for (const { tag } of walks) await client.wire.answer("Twalk", tag);
  }),

  rule("R04", "half a frame and a hang-up disturb nobody", ALL, async (t) => {
    const unharmed = await bystander(t);
    const { client, home } = await t.start();
    const file = await client.create(home, "file");
    const frame = frameOf(t.dialect, "Twrite", 9, { fid: file, offset: 0, data: new Uint8Array(1000).fill(1) });
    for (const cut of [1, 3, 4, 6, 7, 20, 500, frame.byteLength - 1]) {
      const victim = await t.client();
      victim.wire.sendBytes(frame.subarray(0, cut));
      await victim.wire.sent();
      victim.wire.close();
    }
    client.wire.sendBytes(frame.subarray(0, 500));
    await client.wire.sent();
    client.wire.close();
    await unharmed();
    const after = await t.start();
    assert.equal(await after.client.get(after.home, "file"), "", "half a Twrite wrote something");
  }),

  rule("R05", "a tag that is in flight is an error for the second request; the first goes on", ALL, async (t) => {
    const client = await t.client();
    const { tag } = await t.block(client);
    client.wire.send("Twalk", { fid: client.root, newfid: 60, wname: [] }, tag);
    assert.ok(isError(await client.wire.reply(tag)), "a second request with a tag in flight was accepted");
    await unknownFid(client, 60);
    assert.ok(await client.wire.silent(tag), "the first request ended with the second");
    await client.rpc("Tflush", { oldtag: tag });
  }),

  rule("R06", "a blocked read does not hold up other requests of its connection", ALL, async (t) => {
    const { client, home } = await t.start();
    const { tag } = await t.block(client);
    await client.put(home, "file", "text");
    assert.equal(await client.get(home, "file"), "text");
    assert.ok(await client.wire.silent(tag));
    await client.rpc("Tflush", { oldtag: tag });
  }),

  rule("R06", "forty blocked reads hold up neither their connection nor others", ALL, async (t) => {
    const client = await t.client();
    const fid = await t.openBlocking(client);
    const tags = Array.from({ length: 40 }, () => client.wire.send("Tread", { fid, offset: 0, count: 10 }));
    await client.info(client.root);
    const other = await t.start();
    await other.client.put(other.home, "file", "text");
    assert.equal(await other.client.get(other.home, "file"), "text");
    for (const tag of tags) client.wire.send("Tflush", { oldtag: tag }, 1000 + tag);
    for (const tag of tags) await client.wire.answer("Tflush", 1000 + tag);
  }),

  rule("R07", "R-messages and unknown types are an error or a close, never a crash", ALL, async (t) => {
    const unharmed = await bystander(t);
    const nuisance = new Nuisance(t);
    const known = new Set<number>(
      codecOf(t.dialect).names.filter((name) => name.startsWith("T")).map((name) => MESSAGES[name].type),
    );
    for (let type = 0; type < 256; type++) {
      if (known.has(type)) continue;
      for (const length of [0, 40]) {
        await nuisance.send(rawFrame(type, type + 1, new Uint8Array(length)), type + 1, `type ${type}`);
      }
    }
    await unharmed();
  }),

  rule("R07", "every message cut short at every byte is an error or a close", ALL, async (t) => {
    const unharmed = await bystander(t);
    const nuisance = new Nuisance(t);
    let seed = 7;
    const random = (below: number) => (seed = (seed * 48271) % 0x7fffffff) % below;
    for (const name of codecOf(t.dialect).names) {
      if (!name.startsWith("T")) continue;
      const { kind: _, tag, ...body } = codecOf(t.dialect).any(name, random) as never as Record<string, unknown>;
      // A server that is lenient about missing fields must not do harm: there is no such fid.
      for (const field of ["fid", "dfid", "dirfd", "olddirfid", "afid"]) if (field in body) body[field] = NO_FID;
      const frame = frameOf(t.dialect, name as "Tclunk", Number(tag), body as { fid: number });
      for (let size = HEADER_BYTES; size < Math.min(frame.byteLength, 80); size++) {
        await nuisance.send(resized(frame.subarray(0, size)), Number(tag), `${name} cut to ${size} bytes`);
      }
    }
    await unharmed();
  }),

  rule("R07", "a malformed request does nothing: trailing bytes, counts and lengths that lie", ALL, async (t) => {
    const { client, home } = await t.start();
    await client.put(home, "file", "before");
    const file = 70;
    const nuisance = new Nuisance(t, async (victim) => {
      const dir = await t.home(victim);
      await victim.rpc("Twalk", { fid: dir, newfid: file, wname: ["file"] });
      await victim.open(file, "rw");
    });
    await nuisance.client();
    const trailing = (frame: Uint8Array) => {
      const longer = new Uint8Array(frame.byteLength + 1);
      longer.set(frame);
      return resized(longer);
    };
    const write = frameOf(t.dialect, "Twrite", 1, { fid: file, offset: 0, data: new Uint8Array(5).fill(65) });
    const count = (frame: Uint8Array, value: number) => {
      const copy = frame.slice();
      new DataView(copy.buffer).setUint32(19, value, true);
      return copy;
    };
    const walk = frameOf(t.dialect, "Twalk", 1, { fid: file, newfid: 71, wname: ["file"] });
    const bad: [string, Uint8Array][] = [
      ["a Twrite with a byte too many", trailing(write)],
      ["a Twrite that counts more than it has", count(write, 6)],
      ["a Twrite that counts 2^32-1 bytes", count(write, 0xffffffff)],
      ["a Twrite that counts less than it has", count(write, 4)],
      ["a Tclunk with a byte too many", trailing(frameOf(t.dialect, "Tclunk", 1, { fid: file }))],
      ["a Tread with a byte too many", trailing(frameOf(t.dialect, "Tread", 1, { fid: file, offset: 0, count: 1 }))],
      ["a Twalk with a string that is longer than the message", (() => {
        const copy = walk.slice();
        new DataView(copy.buffer).setUint16(17, 0xffff, true);
        return copy;
      })()],
      ["a Twalk with more names than it has", (() => {
        const copy = walk.slice();
        new DataView(copy.buffer).setUint16(15, 2, true);
        return copy;
      })()],
      ["a Tversion that is no UTF-8", withBytes(
        frameOf(t.dialect, "Tversion", 1, { msize: 8192, version: "XX" }),
        "XX",
        new Uint8Array([0xff, 0xfe]),
      )],
    ];
    for (const [what, frame] of bad) {
      if (what.startsWith("a Tversion")) {
        const { wire } = await nuisance.client();
        wire.sendBytes(frame, { name: what, tag: 1 });
        const reply = await wire.reply(1).catch(() => undefined);
        if (reply?.type === MESSAGES.Rversion.type) assert.equal((wire.decode(reply) as { version?: string }).version, "unknown");
      } else await nuisance.send(frame, 1, what);
    }
    assert.equal(await client.get(home, "file"), "before");
  }),
];

export { Refused };
