import assert from "node:assert/strict";
import { Errors } from "./errors.ts";

const decode = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
const numbers = (bytes: Uint8Array) =>
  decode(bytes).trim().split("\n").filter(Boolean).map((line) => JSON.parse(line).i);

Deno.test("Errors keeps the last within its bytes, and one user's errors push out nobody else's", () => {
  const errors = new Errors(64 * 1024);
  for (let i = 0; i < 100; i++) errors.add(i % 2 ? "bob" : "owner", { i });
  for (let i = 0; i < 10_000; i++) errors.add("none", { i, path: "x".repeat(4096) });
  assert.ok(errors.bytes <= errors.bytesMax);
  assert.deepEqual(numbers(errors.of("bob")), Array.from({ length: 50 }, (_, k) => 2 * k + 1));
  const last = numbers(errors.of("none"));
  assert.equal(last.at(-1), 9999);
  assert.ok(last.length > 5);
  assert.deepEqual(numbers(errors.of()), [...Array.from({ length: 100 }, (_, k) => k), ...last]);
});

Deno.test("Errors: a line that is larger than all of it is not kept, and many users share what there is", () => {
  const errors = new Errors(10_000);
  errors.add("one", { path: "x".repeat(20_000) });
  assert.equal(errors.bytes, 0);
  for (let i = 0; i < 1000; i++) errors.add(`uid:${i}`, { i });
  assert.ok(errors.bytes <= errors.bytesMax);
  assert.ok(numbers(errors.of()).length > 30);
});
