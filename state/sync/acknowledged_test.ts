import { deepStrictEqual as assertEquals } from "node:assert/strict";
import { authorOf } from "../tree/mod.ts";
import { meet } from "./_channel.ts";
import { Copy } from "./_copy.ts";
import { acknowledged, type Numbers, type Statement } from "./mod.ts";

const NOW = 1_000_000;
const DAY = 86_400;
const author = (number: number) => authorOf(new Uint8Array(8).fill(number));
const [A, B, C] = [1, 2, 3].map(author);
const key = (number: number) => new Uint8Array(32).fill(number);

function said(number: number, numbers: Record<string, number>, time = NOW, by = number): Statement {
  return {
    ...{ key: key(number), author: author(by), time, signature: new Uint8Array() },
    numbers: new Map(Object.entries(numbers)) as unknown as Numbers,
  };
}

function judge(copies: number[], statements: Statement[], here: Record<string, number>) {
  const { upTo, leftOut } = acknowledged({
    copies: copies.map((number) => ({ key: key(number), sinceSec: NOW - 5 * DAY })),
    ...{ statements, nowSec: NOW, retentionSec: 10 * DAY },
    here: new Map(Object.entries(here)) as unknown as Numbers,
  });
  return { upTo: Object.fromEntries(upTo), leftOut: leftOut.map(([first]) => first) };
}

Deno.test("what all registered copies have is the least of what each says", () => {
  const statements = [said(1, { [A]: 9, [B]: 4 }), said(2, { [A]: 7, [B]: 5 })];
  assertEquals(judge([1, 2], statements, { [A]: 9, [B]: 5 }), { upTo: { [A]: 7, [B]: 4 }, leftOut: [] });
});

Deno.test("it is not more than what is here", () => {
  assertEquals(judge([2], [said(2, { [A]: 99, [C]: 5 })], { [A]: 9 }).upTo, { [A]: 9 });
});

Deno.test("a copy that has said nothing has nothing", () => {
  assertEquals(judge([1, 2], [said(1, { [A]: 9 })], { [A]: 9 }), { upTo: {}, leftOut: [] });
});

Deno.test("a copy that was not heard of for long is left out and named", () => {
  const old = NOW - 11 * DAY;
  const statements = [said(1, { [A]: 9 }), said(2, { [A]: 2 }, old)];
  const { upTo, leftOut } = acknowledged({
    copies: [1, 2, 3].map((number) => ({ key: key(number), sinceSec: old })),
    ...{ statements, nowSec: NOW, retentionSec: 10 * DAY },
    here: new Map([[A, 9]]),
  });
  assertEquals([[...upTo], leftOut.map(([first]) => first)], [[[A, 9]], [2, 3]]);
});

Deno.test("a statement counts once all is here that its copy had written, and until then the one before it", () => {
  const before = said(2, { [A]: 3, [B]: 1 });
  const after = said(2, { [A]: 9, [B]: 2 });
  assertEquals(judge([2], [after], { [A]: 9, [B]: 1 }).upTo, {});
  assertEquals(judge([2], [after, before], { [A]: 9, [B]: 1 }).upTo, { [A]: 3, [B]: 1 });
  assertEquals(judge([2], [after, before], { [A]: 9, [B]: 2 }).upTo, { [A]: 9, [B]: 2 });
});

Deno.test("a key that writes as two authors may be two copies, and both count", () => {
  const statements = [said(2, { [A]: 9, [B]: 1 }), said(2, { [A]: 4, [C]: 1 }, NOW, 3)];
  assertEquals(judge([2], statements, { [A]: 9, [B]: 1, [C]: 1 }).upTo, { [A]: 4 });
});

Deno.test("what somebody wrote to a removed file before they knew is not lost to one who lets go of it", async () => {
  const copies = [1, 2, 3].map((number) => number === 1 ? Copy.first(1) : new Copy(number));
  const [a, b, c] = copies;
  for (const copy of copies) copy.registered = [1, 2, 3];
  a.tree.write("f", "old");
  a.flush();
  for (const other of [b, c, b, c]) await meet(a, other);
  a.tree.rm("f");
  a.flush();
  c.tree.write("f", "new");
  c.flush();
  await meet(a, b);
  // The third learns of the removal from the second, which learns that it did, and then the first hears just that.
  await meet(b, c);
  await meet(b, c);
  let isHeard = false;
  for (let cutAfter = 1; !isHeard; cutAfter++) {
    await meet(a, b, { cutAfter });
    isHeard = a.statements().some((each) =>
      each.author === c.self.author && (each.numbers.get(a.self.author) ?? 0) >= 3
    );
  }
  assertEquals(a.authors().get(c.self.author), undefined);
  a.trim();
  a.flush();
  for (const other of [b, c, b, c]) await meet(a, other);
  for (const copy of copies) assertEquals(copy.tree.tree(), ["f = new"]);
});
