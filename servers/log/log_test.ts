import assert from "node:assert/strict";
import { type Call, NineError, O, type User } from "../../9p/mod.ts";
import { type Log, log } from "./mod.ts";

const user = (name: string, standing: User["standing"] = "claimed"): User => ({
  name,
  groups: new Set(),
  standing,
});
const decode = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
const event = (path: string, by = "alice") => ({ event: "create", path, user: by });

async function reader(logs: Log, who: User, aborter = new AbortController(), file = "events") {
  const call: Call = { user: who, signal: aborter.signal };
  const node = await logs.server.walk(await logs.server.attach("", call), file, call);
  const handle = await logs.server.open!(node, O.RDONLY, call);
  return {
    async read(max = 4096): Promise<string> {
      const into = new Uint8Array(max);
      const now = logs.server.read!(node, handle, 0, into, call);
      return decode(typeof now === "number" ? into.subarray(0, now) : await now);
    },
    close: () => logs.server.close!(node, handle, call),
  };
}

Deno.test("log: a read of events waits for the next change, and an aborted one loses nothing", async () => {
  const logs = log({ uid: "o", gid: "o", now: () => 0 });
  const aborter = new AbortController();
  const events = await reader(logs, user("owner", "owner"), aborter);
  const waiting = events.read();
  logs.event(event("/a"));
  assert.equal(
    await waiting,
    '{"time":"1970-01-01T00:00:00.000Z","event":"create","path":"/a","user":"alice"}\n',
  );
  const givenUp = events.read();
  aborter.abort();
  await assert.rejects(givenUp, NineError);
  logs.event(event("/b"));
  assert.match(await events.read(), /"\/b"/);
});

Deno.test("log: events can be walked to, but what goes through a tree does not come across a file that waits", async () => {
  const { server } = log({ uid: "o", gid: "o" });
  const call: Call = { user: user("owner", "owner"), signal: new AbortController().signal };
  const root = await server.attach("", call);
  const listed = await server.list!(root, undefined as never, 0, 100, false, call);
  assert.deepEqual(listed.map(({ name }) => name), ["errors"]);
  assert.equal(server.name(await server.walk(root, "events", call)), "events");
});

Deno.test("log: a slow reader is told how many lines it lost", async () => {
  const logs = log({ uid: "o", gid: "o", waitingBytesMax: 400 });
  const events = await reader(logs, user("owner", "owner"));
  for (let i = 0; i < 100; i++) logs.event(event(`/file${i}`));
  const lines = (await events.read(100000) + await events.read(100000)).trim().split("\n").map((line) =>
    JSON.parse(line)
  );
  assert.deepEqual(lines.at(-1), { event: "dropped", count: 100 - (lines.length - 1) });
});

Deno.test("log: others than the owner see their own changes, and of others' what they are shown", async () => {
  let watched = false;
  const logs = log({ uid: "o", gid: "o", onWatched: (now) => watched = now });
  const events = await reader(logs, user("bob"));
  assert.ok(watched);
  logs.event(event("/alice", "alice"));
  logs.event(event("/bob", "bob"));
  assert.match(await events.read(), /^[^\n]*"\/bob"[^\n]*\n$/);
  logs.event(event("/a/hidden"), ({ name }) => name === "carol" ? event("/a/hidden") : undefined);
  logs.event(event("/a/whole"), ({ name }) => name === "bob" ? event("/a/part") : undefined);
  assert.match(await events.read(), /^[^\n]*"\/a\/part"[^\n]*\n$/);
  await events.close();
  assert.ok(!watched);
});

Deno.test("log: what controls a terminal or turns text around comes out escaped, and JSON reads it back", async () => {
  const logs = log({ uid: "o", gid: "o" });
  const owner = user("owner", "owner");
  const events = await reader(logs, owner);
  const path =
    "/\u001b[31m\nred\u202etxt.exe\u2066\u2069\u200e\u200f\u061c\u009b2J\u007f\u2028\ufeff\u{e0041}ü文";
  logs.event(event(path));
  logs.error({ user: "alice", request: "Twalk", path, code: "ENOENT", reason: `No ${path}` });
  const errors = await reader(logs, owner, undefined, "errors");
  for (const line of [await events.read(), await errors.read()]) {
    assert.match(line, /^[\x20-\x7eü文]*\n$/);
    assert.match(
      line,
      /\\u001b\[31m\\nred\\u202etxt.exe\\u2066\\u2069\\u200e\\u200f\\u061c\\u009b2J\\u007f\\u2028/,
    );
    assert.equal(JSON.parse(line).path, path);
  }
});

Deno.test("log: what others than the owner may have open is bounded, since each open holds its lines", async () => {
  const logs = log({ uid: "o", gid: "o" });
  logs.error({ user: "bob", request: "Twalk", code: "ENOENT", reason: "No" });
  const files = [];
  for (let i = 0; i < 64; i++) {
    files.push(await reader(logs, user("bob"), undefined, i % 2 ? "errors" : "events"));
  }
  await assert.rejects(reader(logs, user("bob"), undefined, "errors"), /close some/);
  await reader(logs, user("alice"));
  await files[0].close();
  assert.match(await (await reader(logs, user("bob"), undefined, "errors")).read(), /"bob"/);
});
