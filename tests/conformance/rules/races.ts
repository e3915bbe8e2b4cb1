/** R46: ends that come early. */
import assert from "node:assert/strict";
import { O } from "../../../9p/qid.ts";
import type { Body, TName } from "../../../9p/wire/messages.ts";
import { Dm, untouched } from "../../../9p/wire/stat.ts";
import { ALL, CLASSIC, type Rule, rule, type Trial, unknownFid } from "../rule.ts";
import { frameOf, isError, Refused } from "../wire.ts";

/** Waits until the condition holds. */
async function soon(t: Trial, holds: () => boolean, what: () => string): Promise<void> {
  for (let i = 0; i < 500; i++) {
    if (holds()) return;
    await t.sleep(10);
  }
  assert.fail(`${what()}, even after five seconds`);
}

type Request = { name: string; frame: (tag: number) => Uint8Array };

/** A request of each kind that a fid of a directory can be named in. */
function requestsOn(fid: number, { dialect, isLinux }: Trial): Request[] {
  const of = <K extends TName>(name: K, body: Body<K>): Request => ({
    name,
    frame: (tag) => frameOf(dialect, name, tag, body),
  });
  const shared = [
    of("Twalk", { fid, newfid: fid, wname: [".."] }),
    of("Twalk", { fid, newfid: fid + 1, wname: [] }),
    of("Tremove", { fid }),
    of("Tclunk", { fid }),
  ];
  if (!isLinux) {
    return [
      ...shared,
      of("Topen", { fid, mode: 0 }),
      of("Tcreate", { fid, name: "made", perm: 0o644, mode: 2, extension: "" }),
      of("Tstat", { fid }),
      of("Twstat", { fid, stat: { ...untouched(), mode: Dm.DIR + 0o700 } }),
    ];
  }
  const times = { atimeSec: 0, atimeNsec: 0, mtimeSec: 0, mtimeNsec: 0 };
  return [
    ...shared,
    of("Tlopen", { fid, flags: 0 }),
    of("Tlcreate", { fid, name: "made", flags: O.RDWR, mode: 0o644, gid: 0 }),
    of("Tmkdir", { dfid: fid, name: "below", mode: 0o755, gid: 0 }),
    of("Tgetattr", { fid, requestMask: 0x7ff }),
    of("Tsetattr", { fid, valid: 1, mode: 0o700, uid: 0, gid: 0, size: 0, ...times }),
    of("Txattrwalk", { fid, newfid: fid, name: "" }),
    of("Txattrcreate", { fid, name: "user.a", attrSize: 1, flags: 0 }),
  ];
}

export const races: Rule[] = [
  rule("R46", "Tversion in mid I/O: no reply to the old session after Rversion", ALL, async (t) => {
    const { client, home } = await t.start({ msize: 1 << 20 });
    await client.put(home, "file", new Uint8Array(500_000).fill(1));
    const file = await client.walk(home, "file");
    await client.open(file, "rw");
    for (let round = 0; round < 5; round++) {
      for (let i = 0; i < 16; i++) {
        client.wire.send("Tread", { fid: file, offset: 0, count: 500_000 }, 100 + i);
        client.wire.send("Twrite", { fid: file, offset: i, data: new Uint8Array(1000) }, 200 + i);
      }
      await client.wire.version(1 << 20, t.dialect);
      await unknownFid(client, file);
      await t.attach(client, client.root);
      await client.rpc("Twalk", { fid: await t.home(client), newfid: file, wname: ["file"] });
      await client.open(file, "rw");
    }
    assert.equal((await client.info(file)).size, 500_000);
  }),

  rule("R46", "Tversion ends blocked reads without a reply, and their tags are free", ALL, async (t) => {
    const client = await t.client();
    const { tag, fid } = await t.block(client);
    client.wire.send("Tread", { fid, offset: 0, count: 10 }, 600);
    await client.wire.version(8192, t.dialect);
    assert.ok(await client.wire.silent(tag, 50), "a reply on a dead session");
    await client.wire.answer(
      "Tattach",
      client.wire.send("Tattach", {
        fid: client.root,
        afid: 0xffffffff,
        uname: t.subject.uname,
        aname: t.subject.aname,
        nUname: t.subject.uid,
      }, tag),
    );
    await t.openBlocking(client);
  }),

  rule(
    "R46",
    "Tclunk of a fid with blocked reads: every request gets its reply, and the fid is free",
    ALL,
    async (t) => {
      const client = await t.client();
      const fid = await t.openBlocking(client);
      const tags = Array.from({ length: 3 }, () => client.wire.send("Tread", { fid, offset: 0, count: 10 }));
      assert.ok(await client.wire.silent(tags[2]));
      await client.clunk(fid);
      for (const tag of tags) await client.wire.reply(tag);
      await unknownFid(client, fid);
    },
  ),

  rule(
    "R46",
    "two Tclunks in one segment with reads and writes of their fid: each is answered once, one clunk works",
    ALL,
    async (t) => {
      const { client, home } = await t.start();
      for (let i = 0; i < 20; i++) {
        const fid = await client.create(home, `file ${i}`);
        const { wire } = client;
        const read = { fid, offset: 0, count: 100 };
        wire.sendTogether([
          {
            frame: frameOf(t.dialect, "Twrite", 1, { fid, offset: 0, data: new Uint8Array(10) }),
            name: "Twrite",
            tag: 1,
          },
          { frame: frameOf(t.dialect, "Tread", 2, read), name: "Tread", tag: 2 },
          { frame: frameOf(t.dialect, "Tclunk", 3, { fid }), name: "Tclunk", tag: 3 },
          { frame: frameOf(t.dialect, "Tread", 4, read), name: "Tread", tag: 4 },
          { frame: frameOf(t.dialect, "Tclunk", 5, { fid }), name: "Tclunk", tag: 5 },
        ]);
        for (const tag of [1, 2, 4]) await wire.reply(tag);
        const clunks = [await wire.reply(3), await wire.reply(5)];
        assert.equal(clunks.filter(isError).length, 1, "one of two Tclunks of one fid is an error");
        await unknownFid(client, fid);
      }
    },
  ),

  rule(
    "R46",
    "requests that race to take one fid: one gets it, and nothing is left of the others",
    ALL,
    async (t) => {
      const { client, home } = await t.start();
      await client.put(home, "file", "text");
      for (let i = 0; i < 10; i++) {
        const walks = Array.from(
          { length: 5 },
          (_, j) => client.rpc("Twalk", { fid: home, newfid: 4000 + i, wname: j % 2 ? ["file"] : [] }),
        );
        const outcomes = await Promise.allSettled(walks);
        assert.equal(outcomes.filter(({ status }) => status === "fulfilled").length, 1);
        await client.clunk(4000 + i);
        await unknownFid(client, 4000 + i);
        const fid = await client.walk(home, "file");
        const opens = await Promise.allSettled(Array.from({ length: 4 }, () => client.open(fid, "r")));
        assert.equal(opens.filter(({ status }) => status === "fulfilled").length, 1);
        assert.equal(await client.readText(fid), "text");
        await client.clunk(fid);
      }
    },
  ),

  rule(
    "R46",
    "any two requests on one fid in one segment: each has one reply, and nothing is left",
    ALL,
    async (t) => {
      const residue = t.subject.features.residue ?? (() => []);
      const { client, home } = await t.start();
      const { wire } = client;
      const count = requestsOn(0, t).length;
      for (let i = 0; i < count * count; i++) {
        const fid = 5000 + 2 * i;
        await client.clunk(await client.mkdir(home, `dir ${i}`));
        await client.rpc("Twalk", { fid: home, newfid: fid, wname: [`dir ${i}`] });
        const pair = [requestsOn(fid, t)[i % count], requestsOn(fid, t)[Math.floor(i / count)]];
        wire.sendTogether(pair.map(({ name, frame }, j) => ({ name, frame: frame(1 + j), tag: 1 + j })));
        await wire.reply(1);
        await wire.reply(2);
        for (const one of [fid, fid + 1]) {
          await client.clunk(one).catch((thrown) => assert.ok(thrown instanceof Refused));
        }
        await unknownFid(client, fid);
      }
      wire.close();
      await soon(t, () => residue().length === 0, () => `still held: ${residue().join(", ")}`);
    },
  ),

  rule(
    "R46",
    "a create and a clunk of its fid race: the fid ends up free and the file is there or not",
    ALL,
    async (t) => {
      const { client, home } = await t.start();
      for (let i = 0; i < 20; i++) {
        const fid = await client.walk(home);
        const created = client.createOn(fid, `file ${i}`).then(() => true, () => false);
        await client.clunk(fid);
        const reported = await created;
        await unknownFid(client, fid);
        if (reported) assert.ok(await client.has(home, `file ${i}`));
      }
    },
  ),

  rule(
    "R46",
    "a connection that drops with blocked reads, locks and unread replies leaves nothing",
    ALL,
    async (t) => {
      const residue = t.need("residue");
      const keep = await t.start();
      const before = residue().length;
      for (let i = 0; i < 5; i++) {
        const { client, home } = await t.start();
        const file = await client.create(home, `file ${i}`);
        await client.write(file, 0, new Uint8Array(60_000));
        if (t.isLinux) {
          const lock = { fid: file, type: 1, flags: 0, start: 0, length: 0, procId: 1, clientId: "one" };
          await client.rpc("Tlock", lock);
        }
        await t.block(client);
        for (let j = 0; j < 30; j++) client.wire.send("Tread", { fid: file, offset: 0, count: 60_000 });
        await client.wire.sent();
        client.wire.close();
      }
      keep.client.wire.close();
      await soon(t, () => residue().length === 0, () => `still held: ${residue().join(", ")}`);
      assert.ok(before > 0, "the residue does not see live connections");
    },
  ),

  rule(
    "R46",
    "a connection that drops in the middle of anything does not disturb the next",
    ALL,
    async (t) => {
      const { client, home } = await t.start();
      for (let i = 0; i < 10; i++) {
        const victim = await t.start();
        const file = await victim.client.create(victim.home, `file ${i}`);
        for (let j = 0; j < 10; j++) {
          victim.client.wire.send("Twrite", { fid: file, offset: j * 1000, data: new Uint8Array(1000) });
          victim.client.wire.send("Tclunk", { fid: file });
          victim.client.wire.send("Twalk", { fid: victim.home, newfid: file, wname: [`file ${i}`] });
        }
        if (i % 2) await victim.client.wire.sent();
        victim.client.wire.close();
      }
      assert.equal((await client.names(home)).length, 10);
    },
  ),

  rule(
    "R46",
    "a blocked read is gone with its connection, and the file can be opened again",
    CLASSIC,
    async (t) => {
      for (let i = 0; i < 5; i++) {
        const client = await t.client();
        await t.block(client);
        client.wire.close();
      }
      const client = await t.client();
      const { tag } = await t.block(client);
      await client.rpc("Tflush", { oldtag: tag });
    },
  ),
];
