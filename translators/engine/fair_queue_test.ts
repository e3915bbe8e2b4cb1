import assert from "node:assert/strict";
import { Errno, NineError } from "../../9p/mod.ts";
import { FairQueue } from "./fair_queue.ts";

const all = (queue: FairQueue<string>) => {
  const order: string[] = [];
  for (let item = queue.shift(); item !== undefined; item = queue.shift()) order.push(item);
  return order;
};

Deno.test("FairQueue gives callers their turn, whatever one of them asks for", () => {
  const queue = new FairQueue<string>({ callerMax: 10, totalMax: 20 });
  for (let i = 1; i <= 5; i++) queue.push("flood", `f${i}`);
  queue.push("alice", "a1");
  queue.push("bob", "b1");
  queue.push("alice", "a2");
  assert.equal(queue.shift(), "f1");
  queue.push("carol", "c1");
  assert.deepEqual(all(queue), ["a1", "b1", "f2", "c1", "a2", "f3", "f4", "f5"]);
  assert.equal(queue.size, 0);
});

Deno.test("FairQueue passes over callers whose turn is not wanted, and they keep it", () => {
  const queue = new FairQueue<string>({ callerMax: 10, totalMax: 20 });
  for (const item of ["a1", "b1", "c1", "a2", "b2"]) queue.push(item[0], item);
  assert.equal(queue.shift((item) => item > "b"), "b1");
  assert.equal(queue.shift((item) => item === "a2"), undefined);
  assert.deepEqual(all(queue), ["a1", "c1", "b2", "a2"]);
});

Deno.test("FairQueue refuses what is too much, of one and of all", () => {
  const queue = new FairQueue<string>({ callerMax: 2, totalMax: 3 });
  queue.push("alice", "a1");
  queue.push("alice", "a2");
  const refused = (errno: number) => (error: unknown) => error instanceof NineError && error.errno === errno;
  assert.throws(() => queue.push("alice", "a3"), refused(Errno.EAGAIN));
  queue.push("bob", "b1");
  assert.throws(() => queue.push("carol", "c1"), refused(Errno.ENOBUFS));
  assert.equal(queue.size, 3);
  queue.shift();
  queue.push("carol", "c1");
  assert.deepEqual(all(queue), ["b1", "a2", "c1"]);
});

Deno.test("FairQueue.remove takes out what still waits; pushBack puts before the caller's others", () => {
  const queue = new FairQueue<string>({ callerMax: 10, totalMax: 10 });
  queue.push("alice", "a1");
  queue.push("alice", "a2");
  assert.equal(queue.remove("a1"), true);
  assert.equal(queue.remove("a1"), false);
  queue.pushBack("alice", "a0");
  assert.deepEqual(all(queue), ["a0", "a2"]);
  assert.equal(queue.remove("a2"), false);
});

Deno.test("FairQueue gives what several wait for the first of their turns", () => {
  const queue = new FairQueue<string>({ callerMax: 10, totalMax: 10 });
  for (const item of ["f1", "f2", "f3", "f4"]) queue.push("flood", item);
  queue.share(["flood", "alice"], "f4");
  queue.push("alice", "a1");
  assert.equal(queue.size, 5);
  assert.deepEqual(all(queue), ["f1", "f4", "f2", "a1", "f3"]);
  assert.equal(queue.size, 0);
});

Deno.test("FairQueue.share leaves an item to those who still wait for it, also beyond their bounds", () => {
  const queue = new FairQueue<string>({ callerMax: 2, totalMax: 10 });
  queue.push("alice", "a1");
  queue.push("alice", "a2");
  queue.push("bob", "b1");
  queue.share(["bob", "alice"], "b1");
  // Alice has no room for it as long as somebody else waits.
  queue.share(["alice"], "b1");
  assert.equal(queue.size, 3);
  assert.deepEqual(all(queue), ["b1", "a1", "a2"]);
  queue.push("alice", "a1");
  queue.share([], "a1");
  assert.deepEqual(all(queue), ["a1"]);
});
