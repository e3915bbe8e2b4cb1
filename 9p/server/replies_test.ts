import assert from "node:assert/strict";
import type { Lent } from "./lent.ts";
import { Replies } from "./replies.ts";

const RREAD = 117;

function lent(data: number[]): Lent {
  return { spans: [], bytes: data.length, copy: (from, into) => into.set(data.slice(from)) };
}

/** Two messages with lent data, one without before, between and after them. */
function replies(): Replies {
  const out = new Replies();
  const plain = (tag: number) => out.end(out.begin(RREAD, tag));
  const lending = (tag: number, data: number[]) => out.endLent(out.begin(RREAD, tag), lent(data));
  plain(1);
  lending(2, [21, 22, 23]);
  plain(3);
  lending(4, [41, 42]);
  plain(5);
  return out;
}

const WHOLE = [
  ...[7, 0, 0, 0, RREAD, 1, 0],
  ...[10, 0, 0, 0, RREAD, 2, 0, 21, 22, 23],
  ...[7, 0, 0, 0, RREAD, 3, 0],
  ...[9, 0, 0, 0, RREAD, 4, 0, 41, 42],
  ...[7, 0, 0, 0, RREAD, 5, 0],
];

Deno.test("Replies.sent leaves what is left after any number of bytes, lent ones included", () => {
  assert.equal(replies().size, WHOLE.length);
  for (let sent = 0; sent <= WHOLE.length; sent++) {
    const out = replies();
    out.sent(sent);
    assert.deepEqual([...out.written()], WHOLE.slice(sent), `after ${sent}`);
    assert.deepEqual([out.size, out.hasLent], [WHOLE.length - sent, false]);
  }
});

Deno.test("Replies.clear forgets what was lent", () => {
  const out = replies();
  out.clear();
  assert.deepEqual([out.size, out.hasLent], [0, false]);
});
