import { deepStrictEqual as assertEquals, ok as assert } from "node:assert/strict";
import { NineError } from "../../9p/mod.ts";
import type { SignedRecord } from "../record/mod.ts";
import { meet } from "./_channel.ts";
import { Copy, keyOf } from "./_copy.ts";
import type { Ending, Session } from "./mod.ts";

const kinds = (sessions: readonly Session[]) => sessions.map(({ ending }) => ending?.kind);
const DONE = ["done", "done"];

function fixture(): Copy {
  const a = Copy.first(1);
  a.tree.mkdir("d");
  a.tree.write("d/f", "some words that take a few chunks and lists");
  a.tree.write("g.md", "a\n", true);
  a.flush();
  return a;
}

Deno.test("two copies that meet have the same tree, and next time have nothing to say", async () => {
  const [a, b] = [fixture(), new Copy(2)];
  const sessions = await meet(a, b);
  assertEquals(kinds(sessions), DONE);
  assertEquals(sessions[1].summary.received.records, 4);
  assertEquals(sessions[0].summary.toSend, 4);
  assert(sessions[1].summary.received.chunks >= 8);
  assertEquals(b.tree.tree(), a.tree.tree());
  assertEquals(b.tree.read("d/f"), "some words that take a few chunks and lists");

  b.tree.write("g.md", "a\nb\n", true);
  b.flush();
  a.tree.write("g.md", "0\na\n", true);
  a.flush();
  assertEquals(kinds(await meet(a, b)), DONE);
  assertEquals(a.tree.read("g.md"), "0\na\nb\n");
  assertEquals(b.tree.tree(), a.tree.tree());

  const again = await meet(a, b);
  assertEquals(kinds(again), DONE);
  assertEquals(again.map(({ summary }) => summary.sent.messages), [2, 2]);
});

Deno.test("what two equal copies say does not grow with the tree", async () => {
  const [a, b] = [fixture(), new Copy(2)];
  const bytes: number[] = [];
  for (const count of [1, 300]) {
    for (let i = 0; i < count; i++) a.tree.write(`${count}-${i}`, `${i}`);
    a.flush();
    await meet(a, b);
    const sessions = await meet(a, b);
    assertEquals(kinds(sessions), DONE);
    bytes.push(sessions[0].summary.sent.bytes + sessions[1].summary.sent.bytes);
  }
  assert(bytes[0] < 400, `${bytes}`);
  // A number has another digit.
  assert(bytes[1] <= bytes[0] + 4, `${bytes}`);
});

Deno.test("a session that is cut after any message goes on in the next one, and nothing comes twice", async () => {
  for (let cutAfter = 0;; cutAfter++) {
    const [a, b] = [fixture(), new Copy(2)];
    const limits = { fillBytes: 1, windowBytes: 300, batchBytes: 1 };
    const first = await meet(a, b, { cutAfter, limits });
    const second = await meet(a, b, { limits });
    assertEquals(kinds(second), DONE, `after ${cutAfter}`);
    assertEquals(b.tree.tree(), a.tree.tree());
    const took = b.authors().get(a.self.author)?.number;
    assertEquals(took, 4);
    // What was on its way and not applied comes again: at most a window.
    assert(first[1].summary.received.records + second[1].summary.received.records <= 4 + 2);
    if (first[0].ending?.kind === "done" && first[1].ending?.kind === "done") return assert(cutAfter > 10);
  }
});

Deno.test("no more than a window of records is under way", async () => {
  const a = fixture();
  for (let i = 0; i < 50; i++) a.tree.mkdir(`many${i}`);
  a.flush();
  let [open, most] = [0, 0];
  const carry = (underWay: Uint8Array[], message: Uint8Array) => {
    // A message of records begins with 3, one that acknowledges them with 4.
    if (message[0] === 3) open += message.length;
    if (message[0] === 4) open = 0;
    most = Math.max(most, open);
    underWay.push(message);
  };
  const b = new Copy(2);
  assertEquals(kinds(await meet(a, b, { carry, limits: { fillBytes: 400, windowBytes: 1500 } })), DONE);
  assertEquals(b.tree.tree(), a.tree.tree());
  assert(most > 1000 && most < 1600, `${most}`);
});

Deno.test("a third copy gets through the second what the first wrote", async () => {
  const [a, b, c] = [fixture(), new Copy(2), new Copy(3)];
  await meet(a, b);
  b.tree.write("from b", "b");
  b.flush();
  assertEquals(kinds(await meet(c, b)), DONE);
  assertEquals(c.tree.tree(), b.tree.tree());
  // And who has what: the first one's own words among them.
  assertEquals(c.statements().map(({ author }) => author).sort(), [a, b, c].map(({ self }) => self.author));
});

Deno.test("contents of which the other side has lost chunks are named, and come later from whoever has them", async () => {
  const [a, b, c] = [fixture(), new Copy(2), new Copy(3)];
  await meet(a, c);
  const lost = [...a.chunked.chunks].find(([, bytes]) => new TextDecoder().decode(bytes).includes("some"));
  a.chunked.chunks.delete(lost?.[0] as string);
  const [, session] = await meet(a, b);
  assertEquals(session.ending, { kind: "done" });
  assertEquals(session.summary.absent, 1);
  assertEquals(b.absent.size, 1);
  assertEquals(kinds(await meet(b, a)), DONE);
  assertEquals(b.absent.size, 1);
  assertEquals(kinds(await meet(b, c)), DONE);
  assertEquals(b.absent.size, 0);
  // What a copy had and lost comes back as well.
  a.absent.set("2" + "0".repeat(32), { id: new TextEncoder().encode(lost?.[0]), depth: 0, size: 8 });
  assertEquals(kinds(await meet(a, b)), DONE);
  assert(a.chunked.chunks.has(lost?.[0] as string));
});

Deno.test("a text of which nobody has what it was made from is a conflict until a copy comes that has it", async () => {
  const [a, b, c] = [new Copy(1), new Copy(2), new Copy(3)];
  a.tree.createRoot();
  a.tree.write("notes", "one\n\ntwo\n\nthree\n", true);
  a.flush();
  for (const copy of [b, c]) assertEquals(kinds(await meet(a, copy)), DONE);
  for (const copy of [a, b]) {
    const [id] = [...copy.chunked.chunks].find(([, bytes]) =>
      new TextDecoder().decode(bytes).endsWith("three\n")
    )!;
    copy.chunked.chunks.delete(id);
  }
  a.tree.write("notes", "one\n\ntwo\n\nthree of a\n", true);
  b.tree.write("notes", "one of b\n\ntwo\n\nthree\n", true);
  for (const copy of [a, b]) copy.flush();
  assertEquals(kinds(await meet(a, b)), DONE);
  assertEquals(a.tree.tree(), b.tree.tree());
  assertEquals(a.tree.tree().filter((line) => line.startsWith("notes")).length, 2);
  assertEquals(kinds(await meet(b, c)), DONE);
  assertEquals(kinds(await meet(a, b)), DONE);
  for (const copy of [b, c]) assertEquals(copy.tree.tree(), a.tree.tree());
  const [line, ...others] = a.tree.tree().filter((line) => line.startsWith("notes"));
  assertEquals(others, []);
  assert(line.includes("one of b") && line.includes("three of a"), line);
});

Deno.test("a copy meets several at once, and writes meanwhile", async () => {
  const a = fixture();
  const [b, c, d] = [2, 3, 4].map((number) => new Copy(number));
  await meet(a, b);
  await meet(a, c);
  b.tree.write("from b", "b");
  c.tree.write("from c", "c");
  for (const copy of [b, c]) copy.flush();
  let left = 5;
  const hear = () => {
    if (left-- > 0) a.tree.mkdir(`meanwhile ${left}`);
    a.flush();
  };
  const limits = { fillBytes: 1, batchBytes: 1 };
  const met = await Promise.all([a, b, c].map((copy) => meet(d, copy, { limits, hear })));
  for (const sessions of met) assertEquals(kinds(sessions), DONE);
  for (const copy of [b, c]) assertEquals(kinds(await meet(a, copy)), DONE);
  for (const copy of [b, c, d]) assertEquals(kinds(await meet(a, copy)), DONE);
  for (const copy of [b, c, d]) assertEquals(copy.tree.tree(), a.tree.tree());
  assert(a.tree.tree().some((line) => line.startsWith("meanwhile")));
});

Deno.test("a copy whose disk is full in the middle says so, stays as it was, and goes on later", async () => {
  class Full extends Copy {
    left = 2;
    override take(...given: Parameters<Copy["take"]>) {
      if (this.left-- === 0) throw new NineError("ENOSPC", "No space is left for records");
      return super.take(...given);
    }
  }
  const [a, b] = [fixture(), new Full(2)];
  const [first, second] = await meet(a, b, { limits: { fillBytes: 1, batchBytes: 1 } });
  assertEquals([first.ending?.kind, second.ending?.kind], ["refused", "refused"]);
  const ending = second.ending as Ending & { kind: "refused" };
  assertEquals([ending.by, ending.code, ending.reason], ["us", "failed", "No space is left for records"]);
  assert(ending.thrown instanceof NineError);
  const { by, code } = first.ending as Ending & { kind: "refused" };
  assertEquals([by, code], ["them", "failed"]);
  assertEquals(b.authors().get(a.self.author)?.number, 2);
  assertEquals(kinds(await meet(a, b)), DONE);
  assertEquals(b.tree.tree(), a.tree.tree());
});

Deno.test("a batch that waits for its turn holds the session up, and nothing else", async () => {
  class Slow extends Copy {
    override async take(...given: Parameters<Copy["take"]>): Promise<Awaited<ReturnType<Copy["take"]>>> {
      await new Promise((resolve) => setTimeout(resolve, 5));
      return await super.take(...given);
    }
  }
  const [a, b] = [fixture(), new Slow(2)];
  assertEquals(kinds(await meet(a, b, { limits: { fillBytes: 1, batchBytes: 1 } })), DONE);
  assertEquals(b.tree.tree(), a.tree.tree());
});

Deno.test("a copy that lacks what the other one has let go of is told so, on both sides", async () => {
  const [a, b, c] = [fixture(), new Copy(2), new Copy(3)];
  a.registered = b.registered = [1, 2];
  await meet(a, b);
  await meet(a, b);
  assertEquals(a.prune(), 4);
  const [first, second] = await meet(a, c);
  const gone = { kind: "gone", author: a.self.author, number: 1 };
  assertEquals(first.ending, { ...gone, whose: "theirs" });
  assertEquals(second.ending, { ...gone, whose: "mine" });
  assertEquals(c.tree.tree(), []);
  // Whoever has it goes on.
  b.tree.mkdir("more");
  b.flush();
  assertEquals(kinds(await meet(a, b)), DONE);
});

Deno.test("a key that a record vouches for may write from then on", async () => {
  const founder = [keyOf(1).publicKey];
  const a = Copy.first(1, { keys: founder });
  a.flush();
  const b = new Copy(2, { keys: founder });
  await meet(a, b);
  b.tree.mkdir("mine");
  b.flush();
  const [first] = await meet(a, b);
  assertEquals(first.ending, { kind: "done" });
  assertEquals(first.summary.refused.map(({ author, number, isLater }) => [author, number, isLater]), [
    [b.self.author, 1, true],
  ]);
  assertEquals(a.tree.tree(), []);
  a.forge(a.signed({ vouches: [keyOf(2).publicKey] }) as SignedRecord);
  assertEquals(kinds(await meet(a, b)), DONE);
  assertEquals(a.tree.tree(), ["mine/"]);
});

Deno.test("a message waits for what there is to say, until the session is over", async () => {
  const { Session } = await import("./mod.ts");
  const [a, b] = [new Session(fixture()), new Session(new Copy(2))];
  const pump = async (source: Session, target: Session) => {
    for (let message; (message = await source.message());) await target.receive(message);
  };
  await Promise.all([pump(a, b), pump(b, a)]);
  assertEquals(kinds([a, b]), DONE);
});
