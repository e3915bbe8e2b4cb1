import assert from "node:assert/strict";
import { copyKey, newCopyKey } from "../record/mod.ts";
import { sign } from "../sync/mod.ts";
import { authorOf } from "../tree/mod.ts";
import { World } from "./_copies.ts";

const DAY = 24 * 3600;

Deno.test("who was let in says what it has as so many names and no more, and not from the future", async () => {
  await World.with(2, (copies) => {
    const [member, honest] = [copyKey(newCopyKey()), copyKey(newCopyKey())];
    const now = Math.floor(Date.now() / 1000);
    const said = Array.from({ length: 40 }, (_, i) => {
      const author = authorOf(new Uint8Array(8).fill(100 + i));
      return sign({ author, numbers: new Map(), time: now - 100 + i }, member);
    });
    const other = sign({ author: authorOf(new Uint8Array(8).fill(1)), numbers: new Map(), time: 5 }, honest);
    const late = sign({
      author: authorOf(new Uint8Array(8).fill(2)),
      numbers: new Map(),
      time: now + 2 * DAY,
    }, honest);
    const known = copies.map(({ keeper }, i) => {
      for (const { publicKey } of [member, honest]) keeper.copy.letIn(publicKey);
      using store = keeper.copy.store({ name: "", heals: false, take: () => Promise.resolve([]) });
      // The same are left, in whatever order they come.
      for (const each of [other, ...i === 0 ? said : said.toReversed(), late]) store.learn(each);
      const times = store.statements().slice(1).map(({ time }) => time);
      return times.sort((a, b) => a - b);
    });
    const left = [5, ...said.slice(-16).map(({ time }) => time)];
    assert.deepEqual(known, [left, left]);
  });
});
