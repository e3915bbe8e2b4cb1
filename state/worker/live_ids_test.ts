import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { LiveIds } from "./live_ids.ts";

const idOf = (i: number) => new Uint8Array(createHash("sha256").update(`${i}`).digest());

Deno.test("LiveIds has what was added, however often, and nothing else", () => {
  const ids = new LiveIds();
  const zeros = new Uint8Array(32);
  assert.ok(!ids.has(zeros));
  for (let i = 0; i < 20_000; i += 2) {
    ids.add(idOf(i));
    if (i % 8 === 0) ids.add(idOf(i));
  }
  ids.add(zeros);
  assert.ok(ids.has(zeros));
  for (let i = 0; i < 20_000; i++) assert.equal(ids.has(idOf(i)), i % 2 === 0, `id ${i}`);
});
