/** R30–R33: flush, clunk and remove. */
import assert from "node:assert/strict";
import { NOTAG } from "../../../9p/wire/codec.ts";
import { MESSAGES, type TName } from "../../../9p/wire/messages.ts";
import type { Client } from "../client.ts";
import { ALL, LINUX, refused, type Rule, rule, unknownFid } from "../rule.ts";
import { frameOf, isError, Refused } from "../wire.ts";

/** "At once" for a client that a person waits for. */
const AT_ONCE_MS = 1000;

/**
 * Sends a request and its flush in one write; whether the request was answered, which must be before the Rflush, and
 * whether by an error: then it was reported that it did not happen.
 */
async function flushed<K extends TName>(
  client: Client,
  name: K,
  body: Parameters<typeof frameOf<K>>[3],
  tags: { old: number; flush: number },
): Promise<{ answered: boolean; failed: boolean }> {
  const { wire } = client;
  const from = wire.arrivals.length;
  wire.sendTogether([
    { frame: frameOf(wire.dialect, name, tags.old, body), name, tag: tags.old },
    {
      frame: frameOf(wire.dialect, "Tflush", tags.flush, { oldtag: tags.old }),
      name: "Tflush",
      tag: tags.flush,
      oldtag: tags.old,
    },
  ]);
  await wire.answer("Tflush", tags.flush);
  const replies = wire.arrivals.slice(from).filter(({ tag }) => tag === tags.old);
  assert.ok(replies.length <= 1, "two replies to one request");
  if (replies.length === 0) return { answered: false, failed: false };
  return { answered: true, failed: isError(await wire.reply(tags.old)) };
}

export const flush: Rule[] = [
  rule("R30", "Tflush never errors: of a tag that is unknown, done, its own or NOTAG", ALL, async (t) => {
    const client = await t.client();
    const tag = client.wire.send("Twalk", { fid: client.root, newfid: 80, wname: [] });
    await client.wire.answer("Twalk", tag);
    for (const oldtag of [tag, 12345, 0, NOTAG]) await client.rpc("Tflush", { oldtag });
    await client.rpc("Tflush", { oldtag: 77 }, 77);
    await client.info(80);
  }),

  rule("R30", "Tflush works before an attach", ALL, async (t) => {
    await (await t.session()).rpc("Tflush", { oldtag: 5 });
  }),

  rule("R30", "a reply to the old tag comes before Rflush or not at all", ALL, async (t) => {
    const { client, home } = await t.start();
    const file = await client.create(home, "file");
    await client.write(file, 0, "text");
    for (let i = 0; i < 100; i++) {
      await flushed(client, "Tread", { fid: file, offset: 0, count: 10 }, { old: 1000 + i, flush: 2000 + i });
    }
    const { tag } = await t.block(client);
    await client.rpc("Tflush", { oldtag: tag });
    // A late reply is a violation that the connection notes.
    await t.sleep(50);
  }),

  rule("R30", "several flushes of one request are answered in order", ALL, async (t) => {
    const client = await t.client();
    const { tag } = await t.block(client);
    const from = client.wire.arrivals.length;
    const flushes = [900, 800, 950, 700];
    client.wire.sendTogether(flushes.map((one) => ({
      frame: frameOf(t.dialect, "Tflush", one, { oldtag: tag }),
      name: "Tflush",
      tag: one,
      oldtag: tag,
    })));
    for (const one of flushes) await client.wire.answer("Tflush", one);
    const order = client.wire.arrivals.slice(from).filter(({ type }) => type === MESSAGES.Rflush.type);
    assert.deepEqual(order.map((reply) => reply.tag), flushes);
  }),

  rule("R30", "a flush of a flush is answered, and both after what they flush", ALL, async (t) => {
    const client = await t.client();
    const { tag } = await t.block(client);
    const from = client.wire.arrivals.length;
    client.wire.sendTogether([
      { frame: frameOf(t.dialect, "Tflush", 900, { oldtag: tag }), name: "Tflush", tag: 900, oldtag: tag },
      { frame: frameOf(t.dialect, "Tflush", 901, { oldtag: 900 }), name: "Tflush", tag: 901, oldtag: 900 },
    ]);
    await client.wire.answer("Tflush", 901);
    const tags = client.wire.arrivals.slice(from).map((reply) => reply.tag);
    assert.ok(!tags.includes(900) || tags.indexOf(900) < tags.indexOf(901));
    await client.info(client.root);
    assert.ok(await client.wire.silent(tag), "a reply to the first request after its flushes");
  }),

  rule("R30", "the old tag can be used again right after Rflush", ALL, async (t) => {
    const client = await t.client();
    const fid = await t.openBlocking(client);
    for (let i = 0; i < 20; i++) {
      client.wire.send("Tread", { fid, offset: 0, count: 10 }, 500);
      await client.rpc("Tflush", { oldtag: 500 }, 501);
      await client.wire.answer(
        "Twalk",
        client.wire.send("Twalk", { fid: client.root, newfid: 90, wname: [] }, 500),
      );
      await client.clunk(90);
    }
  }),

  rule("R30", "a request and its flush in one segment: the flush waits for nobody", ALL, async (t) => {
    const client = await t.client();
    const fid = await t.openBlocking(client);
    for (let i = 0; i < 20; i++) {
      const { answered, failed } = await flushed(client, "Tread", { fid, offset: 0, count: 10 }, {
        old: 500,
        flush: 501,
      });
      assert.ok(!answered || failed, "the blocked read gave something");
    }
  }),

  rule("R31", "a flush ends a blocked read at once, and only that one", ALL, async (t) => {
    const client = await t.client();
    const fid = await t.openBlocking(client);
    const tags = Array.from({ length: 5 }, () => client.wire.send("Tread", { fid, offset: 0, count: 10 }));
    assert.ok(await client.wire.silent(tags[4]));
    const start = performance.now();
    await client.rpc("Tflush", { oldtag: tags[2] });
    assert.ok(performance.now() - start < AT_ONCE_MS, `Rflush after ${performance.now() - start} ms`);
    for (const tag of [tags[0], tags[1], tags[3], tags[4]]) {
      assert.ok(await client.wire.silent(tag, 5), "another read on the same fid ended with it");
    }
    for (const tag of [tags[4], tags[0], tags[3], tags[1]]) await client.rpc("Tflush", { oldtag: tag });
    assert.ok(performance.now() - start < 5 * AT_ONCE_MS);
    await client.clunk(fid);
  }),

  rule("R31", "a flush is answered at once even where the file server never hears of it", ALL, async (t) => {
    const path = t.need("deafFile");
    const client = await t.client();
    const fid = await client.walk(client.root, ...path.split("/"));
    await client.open(fid, "r");
    for (let i = 0; i < 3; i++) {
      const tag = client.wire.send("Tread", { fid, offset: 0, count: 10 });
      assert.ok(await client.wire.silent(tag, 5));
      const start = performance.now();
      await client.rpc("Tflush", { oldtag: tag });
      assert.ok(performance.now() - start < AT_ONCE_MS);
    }
    client.wire.send("Tread", { fid, offset: 0, count: 10 }, 700);
    await client.clunk(fid);
    assert.ok(isError(await client.wire.reply(700)), "the read of a fid that was clunked");
    await unknownFid(client, fid);
  }),

  rule("R31", "after a flush the fid can be read, flushed, stat'ed and clunked again", ALL, async (t) => {
    const client = await t.client();
    const { fid, tag } = await t.block(client);
    await client.rpc("Tflush", { oldtag: tag });
    const again = client.wire.send("Tread", { fid, offset: 0, count: 10 });
    await client.info(fid);
    assert.ok(await client.wire.silent(again), "the second read did not wait");
    await client.rpc("Tflush", { oldtag: again });
    await client.clunk(fid);
    await unknownFid(client, fid);
  }),

  rule("R32", "a create that was flushed either was reported or did not happen", ALL, async (t) => {
    const { client, home } = await t.start();
    for (let i = 0; i < 30; i++) {
      const fid = await client.walk(home);
      const name = `file ${i}`;
      const old = 1000 + i;
      const tags = { old, flush: 2000 + i };
      const { answered, failed } = t.isLinux
        ? await flushed(client, "Tlcreate", { fid, name, flags: 0o302, mode: 0o644, gid: 0 }, tags)
        : await flushed(client, "Tcreate", { fid, name, perm: 0o644, mode: 2, extension: "" }, tags);
      const isMade = answered && !failed;
      assert.equal(await client.has(home, name), isMade, `file ${i}, ${isMade ? "" : "not "}reported`);
      if (isMade) await client.write(fid, 0, "open");
      else await client.clunk(await client.walk(fid));
      await client.clunk(fid);
    }
  }),

  rule("R32", "a walk that was flushed either was reported or made no fid", ALL, async (t) => {
    const { client, home } = await t.start();
    for (let i = 0; i < 30; i++) {
      const newfid = 3000 + i;
      const { answered } = await flushed(client, "Twalk", { fid: home, newfid, wname: [] }, {
        old: 1000 + i,
        flush: 2000 + i,
      });
      if (answered) await client.clunk(newfid);
      else await unknownFid(client, newfid);
    }
  }),

  rule("R32", "a clunk that was flushed either was reported or left the fid", ALL, async (t) => {
    const { client, home } = await t.start();
    for (let i = 0; i < 30; i++) {
      const fid = await client.walk(home);
      const { answered } = await flushed(client, "Tclunk", { fid }, { old: 1000 + i, flush: 2000 + i });
      if (answered) await unknownFid(client, fid);
      else await client.clunk(fid);
    }
  }),

  rule(
    "R32",
    "a remove that was flushed either was reported or did not happen, and a write likewise",
    ALL,
    async (t) => {
      const { client, home } = await t.start();
      for (let i = 0; i < 20; i++) {
        await client.put(home, "file", "");
        const open = await client.walk(home, "file");
        await client.open(open, "rw");
        const data = new TextEncoder().encode("written");
        const write = await flushed(client, "Twrite", { fid: open, offset: 0, data }, {
          old: 1000 + i,
          flush: 2000 + i,
        });
        if (write.answered && !write.failed) assert.equal(await client.readText(open), "written");
        const remove = await flushed(client, "Tremove", { fid: open }, { old: 3000 + i, flush: 4000 + i });
        assert.equal(await client.has(home, "file"), !remove.answered || remove.failed);
        if (!remove.answered) await client.remove(open);
        // An error clunks, too (rule R33).
        else if (remove.failed) await client.remove(await client.walk(home, "file"));
      }
    },
  ),

  rule("R33", "Tclunk frees the fid, open or not, and a second one is an error", ALL, async (t) => {
    const { client, home } = await t.start();
    const file = await client.create(home, "file");
    const dir = await client.walk(home);
    await client.open(dir, "r");
    const idle = await client.walk(home);
    for (const fid of [file, dir, idle]) {
      await client.clunk(fid);
      await unknownFid(client, fid);
      await client.rpc("Twalk", { fid: home, newfid: fid, wname: [] });
    }
  }),

  rule("R33", "Tclunk frees the fid even where it errors", LINUX, async (t) => {
    t.need("xattrs");
    const { client, home } = await t.start();
    await client.put(home, "file", "text");
    const fid = await client.walk(home, "file");
    await client.rpc("Txattrcreate", { fid, name: "user.test", attrSize: 10, flags: 0 });
    await client.clunk(fid).catch((thrown) => assert.ok(thrown instanceof Refused));
    await unknownFid(client, fid);
    await client.rpc("Twalk", { fid: home, newfid: fid, wname: [] });
  }),

  rule("R33", "Tremove clunks whether it works or not", ALL, async (t) => {
    const { client, home } = await t.start();
    const dir = await client.mkdir(home, "dir");
    await client.put(dir, "file", "text");
    const file = await client.walk(dir, "file");
    await refused(client.remove(dir), "ENOTEMPTY", "EEXIST");
    await unknownFid(client, dir);
    await client.remove(file);
    await unknownFid(client, file);
    const root = await client.walk(client.root);
    await refused(client.remove(root));
    await unknownFid(client, root);
    await refused(client.remove(0x7ffffff1));
    assert.deepEqual(await client.names(home), ["dir"]);
  }),

  rule("R33", "Tremove of an open file, and of one that was removed already", ALL, async (t) => {
    const { client, home } = await t.start();
    const file = await client.create(home, "file");
    const second = await client.walk(file);
    const third = await client.walk(home, "file");
    await client.remove(file);
    await unknownFid(client, file);
    await refused(client.remove(second));
    await unknownFid(client, second);
    await client.put(home, "file", "another");
    await client.remove(third).catch((thrown) => assert.ok(thrown instanceof Refused));
    await unknownFid(client, third);
    assert.equal(
      await client.get(home, "file"),
      "another",
      "an old fid's Tremove took the new file of that name",
    );
  }),

  rule("R33", "Tunlinkat does not clunk: neither the directory's fid nor the file's", LINUX, async (t) => {
    const { client, home } = await t.start();
    const file = await client.create(home, "file");
    await client.write(file, 0, "text");
    await client.rpc("Tunlinkat", { dirfd: home, name: "file", flags: 0 });
    assert.deepEqual(await client.names(home), []);
    assert.equal(await client.readText(file), "text");
    await client.clunk(file);
    await refused(client.rpc("Tunlinkat", { dirfd: home, name: "file", flags: 0 }), "ENOENT");
    await client.info(home);
  }),
];
