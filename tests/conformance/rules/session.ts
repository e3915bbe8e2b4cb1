/** R01–R03: how a session starts. */
import assert from "node:assert/strict";
import { IOHDRSZ, NOTAG } from "../../../9p/wire/codec.ts";
import { ALL, CLASSIC, errorOrClose, LINUX, type Rule, rule, unknownFid } from "../rule.ts";
import { frameOf, isError } from "../wire.ts";

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

  rule(
    "R01",
    "a second Tversion may ask for another msize; after an unknown version there is no session",
    ALL,
    async (t) => {
      const client = await t.client({ msize: 8192 });
      assert.equal((await client.wire.version(8192, "8P")).version, "unknown");
      client.wire.dialect = t.dialect;
      client.wire.send("Tclunk", { fid: client.root }, 3);
      if (!await errorOrClose(client.wire, 3)) return;
      const { msize } = await client.wire.version(65536, t.dialect);
      assert.ok(msize > 8192, `msize ${msize} after a second Tversion with 65536`);
      await t.attach(client, client.root);
    },
  ),

  rule("R02", 'an unknown version is answered "unknown", never an error', ALL, async (t) => {
    for (
      const version of ["8P2000", "", "9", "9p2000", "9Q2000", "9P1999", " 9P2000", "x".repeat(1000), "\n"]
    ) {
      const wire = await t.dial();
      const reply = await wire.version(8192, version);
      assert.equal(reply.version, "unknown", `the answer to ${JSON.stringify(version).slice(0, 20)}`);
      assert.ok(reply.msize <= 8192);
      assert.equal((await wire.version(8192, t.dialect)).version, t.dialect, "a proper Tversion afterwards");
    }
  }),

  rule(
    "R02",
    'an unknown extension or a later base version is answered by a known one or "unknown"',
    ALL,
    async (t) => {
      for (const version of ["9P2000.x", "9P2000.", "9P3000", "9P20000", "9P2000.LL", "9P2000.L.u"]) {
        const { version: answer } = await (await t.dial()).version(8192, version);
        const known: string[] = [...ALL, "unknown"];
        assert.ok(known.includes(answer), `${version} was answered by ${answer}`);
      }
    },
  ),

  rule(
    "R03",
    "the answered msize is at most the client's, and the server's own limit where that is less",
    ALL,
    async (t) => {
      for (const msize of [4096, 8192, 12345, 1 << 20, 0x7fffffff, 0x80000000, 0xffffffff]) {
        const reply = await (await t.dial()).version(msize, t.dialect);
        assert.ok(reply.msize <= msize, `${reply.msize} for ${msize}`);
        assert.ok(reply.msize >= 4096, `${reply.msize} for ${msize}`);
      }
    },
  ),

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

  rule(
    "R03",
    "msize counts the whole message: a frame of exactly msize passes, no reply is larger",
    ALL,
    async (t) => {
      const msize = 4096;
      const { client, home } = await t.start({ msize });
      // size[4] Twalk tag[2] fid[4] newfid[4] nwname[2] nwname*(wname[s])
      const wname = [...Array<string>(15).fill("x".repeat(253)), "x".repeat(msize - 17 - 15 * 255 - 2)];
      const frame = frameOf(t.dialect, "Twalk", 7, { fid: home, newfid: 80, wname });
      assert.equal(frame.byteLength, msize);
      client.wire.sendBytes(frame, { name: "Twalk", tag: 7 });
      assert.ok(isError(await client.wire.reply(7)));
      const file = await client.create(home, "file");
      const data = new Uint8Array(msize - IOHDRSZ).fill(65);
      assert.equal(await client.write(file, 0, data), data.byteLength);
      assert.deepEqual(await client.read(file, 0, data.byteLength), data);
    },
  ),
];
