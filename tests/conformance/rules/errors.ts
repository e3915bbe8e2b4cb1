/** R37 and R47: what a client makes of an error. */
import assert from "node:assert/strict";
import { Errno } from "../../../9p/errno.ts";
import { MESSAGES } from "../../../9p/wire/messages.ts";
import type { Client } from "../client.ts";
import { LINUX_PHRASES, NINEPFUSE_WORDS, readBy9pfuse } from "../phrases.ts";
import { CLASSIC, LINUX, refused, type Rule, rule, type Trial } from "../rule.ts";
import { Closed, rawFrame, type Refused } from "../wire.ts";

/** Requests that fail, and why. Each is tried in two ways, so that one errno has one phrase. */
async function failures(t: Trial, client: Client, home: number): Promise<[string, Refused][]> {
  await client.put(home, "file", "text");
  const dir = await client.mkdir(home, "dir");
  await client.put(dir, "inside", "text");
  const file = await client.walk(home, "file");
  const fail = async (
    code: string,
    request: Promise<unknown>,
  ): Promise<[string, Refused]> => [code, await refused(request)];
  const missing = 0x7ffffff1;
  return [
    await fail("ENOENT", client.walk(home, "missing")),
    await fail("ENOENT", client.walk(dir, "missing too")),
    await fail("EEXIST", client.create(home, "file")),
    await fail("EEXIST", client.create(home, "dir")),
    await fail("ENOTDIR", client.walk(file, "below")),
    await fail("ENOTDIR", client.createOn(file, "below")),
    await fail("EISDIR", client.open(dir, "w")),
    await fail("EISDIR", client.open(dir, "rw")),
    await fail("ENOTEMPTY", client.remove(await client.walk(dir))),
    await fail("EBADF", client.clunk(missing)),
    await fail("EBADF", client.read(missing)),
    await fail("EINVAL", client.create(home, "..")),
    await fail("EINVAL", client.create(home, "a/b")),
    await fail("ENAMETOOLONG", client.create(home, "x".repeat(300))),
    ...t.isLinux ? [] : [
      await fail("EPERM", client.wstat(file, { type: 5 })),
      await fail("EPERM", client.wstat(dir, { dev: 5 })),
    ],
  ];
}

export const errors: Rule[] = [
  rule("R37", "Rlerror carries Linux errno numbers", LINUX, async (t) => {
    const { client, home } = await t.start();
    for (const [code, { errno }] of await failures(t, client, home)) {
      // Which number a fid has that was never walked to, or a name that cannot be, is nowhere written.
      if (code !== "EBADF" && code !== "EINVAL") assert.equal(errno, Errno[code as keyof typeof Errno], code);
      assert.notEqual(errno, 0);
    }
    const reply = await client.wire.reply(client.wire.send("Tclunk", { fid: 0x7ffffff1 }));
    assert.deepEqual([reply.type, reply.bytes.byteLength], [MESSAGES.Rlerror.type, 11]);
  }),

  rule("R37", "the messages of the other dialects are an Rlerror or a close", LINUX, async (t) => {
    for (
      const type of [MESSAGES.Topen.type, MESSAGES.Tcreate.type, MESSAGES.Tstat.type, MESSAGES.Twstat.type]
    ) {
      const { client, home } = await t.start();
      const body = new Uint8Array(20);
      new DataView(body.buffer).setUint32(0, home, true);
      client.wire.sendBytes(rawFrame(type, 5, body), { name: "old", tag: 5 });
      const reply = await client.wire.reply(5).catch((thrown) => assert.ok(thrown instanceof Closed));
      if (reply) assert.equal(reply.type, MESSAGES.Rlerror.type);
    }
  }),

  rule(
    "R47",
    "the text of an Rerror is fixed, and 9pfuse and Linux both read the right errno from it",
    CLASSIC,
    async (t) => {
      const { client, home } = await t.start();
      const texts = new Map<string, string>();
      for (const [code, { text, errno }] of await failures(t, client, home)) {
        assert.equal(text, texts.get(code) ?? text, `${code} has two texts`);
        texts.set(code, text!);
        assert.ok(
          !/\d|"|missing|file\b.*\/|\.\./.test(text!),
          `the text of ${code} tells more than the errno: ${text}`,
        );
        const allowed = NINEPFUSE_WORDS[code] ?? [code];
        assert.ok(
          allowed.includes(readBy9pfuse(text!)),
          `9pfuse reads ${readBy9pfuse(text!)} from ${text} for ${code}`,
        );
        const known = LINUX_PHRASES[text!];
        assert.ok(
          known === code || (code === "ENOTEMPTY" && known === "EEXIST"),
          `Linux reads ${known} from ${text} for ${code}`,
        );
        if (t.dialect === "9P2000.u") assert.equal(errno, Errno[code as keyof typeof Errno], code);
      }
    },
  ),
];
