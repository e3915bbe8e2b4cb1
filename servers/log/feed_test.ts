import assert from "node:assert/strict";
import { NineError, type User } from "../../9p/mod.ts";
import { Feed } from "./feed.ts";

const user: User = { name: "alice", groups: new Set(), standing: "claimed" };
const { signal } = new AbortController();
const decode = (bytes: Uint8Array) => new TextDecoder().decode(bytes);

Deno.test("Feed: a line goes to the read that has waited longest, and the others wait on", async () => {
  const feed = new Feed();
  const reader = feed.reader(user);
  const done: string[] = [];
  const aborter = new AbortController();
  const gone = reader.read(100, aborter.signal) as Promise<Uint8Array>;
  const reads = ["a", "b"].map(async (name) => done.push(name + decode(await reader.read(100, signal))));
  aborter.abort();
  await assert.rejects(gone, NineError);
  feed.push(() => ({ n: 1 }));
  await reads[0];
  await new Promise((turn) => setTimeout(turn, 0));
  assert.deepEqual(done, ['a{"n":1}\n']);
  feed.push(() => ({ n: 2 }));
  await reads[1];
  assert.deepEqual(done, ['a{"n":1}\n', 'b{"n":2}\n']);
});

Deno.test("Feed: a line for a reader with 2,000 waiting reads costs as much as for one", async () => {
  const feed = new Feed();
  const reader = feed.reader(user);
  const reads = Array.from({ length: 2000 }, () => reader.read(100, signal));
  const since = performance.now();
  for (let n = 0; n < 2000; n++) {
    feed.push(() => ({ n }));
    // What is awake takes its turn, as between two requests.
    if (n % 100 === 0) await new Promise((turn) => setTimeout(turn, 0));
  }
  const lines = await Promise.all(reads);
  assert.equal(JSON.parse(decode(lines[1999])).n, 1999);
  const took = performance.now() - since;
  assert.ok(took < 1000, `${took} ms`);
});
