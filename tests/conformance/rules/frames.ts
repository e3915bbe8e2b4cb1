/** R04–R07: what a server does with frames. */
import assert from "node:assert/strict";
import { codecOf, HEADER_BYTES } from "../../../9p/wire/codec.ts";
import { MESSAGES } from "../../../9p/wire/messages.ts";
import type { Client } from "../client.ts";
import { ALL, mustRefuse, type Rule, rule, type Trial, unknownFid } from "../rule.ts";
import { frameOf, isError, rawFrame, resized, withBytes } from "../wire.ts";

/** Sends what no server should accept, on a connection that is opened again whenever the server closes it. */
class Nuisance {
  #client: Client | undefined;

  constructor(
    readonly t: Trial,
    readonly prepare: (client: Client) => Promise<unknown> = () => Promise.resolve(),
  ) {}

  async client(): Promise<Client> {
    if (this.#client === undefined || this.#client.wire.isClosed) {
      this.#client = await this.t.client({ msize: 8192 });
      await this.prepare(this.#client);
    }
    return this.#client;
  }

  async send(frame: Uint8Array, tag: number, what: string): Promise<void> {
    await mustRefuse((await this.client()).wire, frame, tag, what);
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

export const frames: Rule[] = [
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

  rule(
    "R04",
    "a first frame that is too long closes the connection before anything was agreed",
    ALL,
    async (t) => {
      const wire = await t.dial();
      wire.sendBytes(new Uint8Array([0xff, 0xff, 0xff, 0x7f, MESSAGES.Tversion.type, 0xff, 0xff]));
      assert.ok(await wire.closes());
      await (await bystander(t))();
    },
  ),

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
    const frame = frameOf(t.dialect, "Twrite", 9, {
      fid: file,
      offset: 0,
      data: new Uint8Array(1000).fill(1),
    });
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

  rule(
    "R05",
    "a tag that is in flight is an error for the second request; the first goes on",
    ALL,
    async (t) => {
      const client = await t.client();
      const { tag } = await t.block(client);
      client.wire.send("Twalk", { fid: client.root, newfid: 60, wname: [] }, tag);
      assert.ok(isError(await client.wire.reply(tag)), "a second request with a tag in flight was accepted");
      await unknownFid(client, 60);
      assert.ok(await client.wire.silent(tag), "the first request ended with the second");
      await client.rpc("Tflush", { oldtag: tag });
    },
  ),

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
      const { kind: _, tag, ...body } = codecOf(t.dialect).any(name, random) as never as Record<
        string,
        unknown
      >;
      // A server that is lenient about missing fields must not do harm: there is no such fid.
      for (const field of ["fid", "dfid", "dirfd", "olddirfid", "afid"]) {
        if (field in body) body[field] = NO_FID;
      }
      const frame = frameOf(t.dialect, name as "Tclunk", Number(tag), body as { fid: number });
      for (let size = HEADER_BYTES; size < Math.min(frame.byteLength, 80); size++) {
        await nuisance.send(resized(frame.subarray(0, size)), Number(tag), `${name} cut to ${size} bytes`);
      }
    }
    await unharmed();
  }),

  rule(
    "R07",
    "a malformed request does nothing: trailing bytes, counts and lengths that lie",
    ALL,
    async (t) => {
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
      const write = frameOf(t.dialect, "Twrite", 1, {
        fid: file,
        offset: 0,
        data: new Uint8Array(5).fill(65),
      });
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
        [
          "a Tread with a byte too many",
          trailing(frameOf(t.dialect, "Tread", 1, { fid: file, offset: 0, count: 1 })),
        ],
        [
          "a Twalk with a string that is longer than the message",
          (() => {
            const copy = walk.slice();
            new DataView(copy.buffer).setUint16(17, 0xffff, true);
            return copy;
          })(),
        ],
        [
          "a Twalk with more names than it has",
          (() => {
            const copy = walk.slice();
            new DataView(copy.buffer).setUint16(15, 2, true);
            return copy;
          })(),
        ],
        [
          "a Tversion that is no UTF-8",
          withBytes(
            frameOf(t.dialect, "Tversion", 1, { msize: 8192, version: "XX" }),
            "XX",
            new Uint8Array([0xff, 0xfe]),
          ),
        ],
      ];
      for (const [what, frame] of bad) {
        if (what.startsWith("a Tversion")) {
          const { wire } = await nuisance.client();
          wire.sendBytes(frame, { name: what, tag: 1 });
          const reply = await wire.reply(1).catch(() => undefined);
          if (reply?.type === MESSAGES.Rversion.type) {
            assert.equal(
              (wire.decode(reply) as { version?: string }).version,
              "unknown",
            );
          }
        } else await nuisance.send(frame, 1, what);
      }
      assert.equal(await client.get(home, "file"), "before");
    },
  ),
];
