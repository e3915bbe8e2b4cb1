import { deepStrictEqual as assertEquals, ok as assert } from "node:assert/strict";
import { packRecord, type Record, type SignedRecord } from "../record/mod.ts";
import { authorOf, documentOf, packPuts, ROOT } from "../tree/mod.ts";
import { Copy as TreeCopy } from "../tree/_fixture.ts";
import { randomFrom } from "../tree/simulation.ts";
import { carry, meet } from "./_channel.ts";
import { ChunkWalk } from "./chunk_walk.ts";
import { Copy, keyOf } from "./_copy.ts";
import { Chunked } from "./_chunked.ts";
import { type Hello, type Message, packMessage, PROTOCOL, type Stranger, unpackMessage } from "./messages.ts";
import { MESSAGE_BYTES_MAX, type Piece, Session } from "./mod.ts";
import { digestOf, sign, speakerOf } from "./statement.ts";

const kinds = (sessions: readonly Session[]) => sessions.map(({ ending }) => ending?.kind);
const DONE = ["done", "done"];
const KEYS = [1, 2, 3, 7].map((number) => keyOf(number).publicKey);

/** Two honest copies with a file, and a member of the volume who is not honest. */
async function members<T extends Copy>(make: (number: number) => T | Copy = (number) => new Copy(number)) {
  const a = Copy.first(1);
  a.tree.write("f", "x");
  a.flush();
  const b = new Copy(2);
  const liar = make(7) as T;
  await meet(a, b);
  await meet(a, liar);
  assertEquals(liar.tree.tree(), ["f = x"]);
  return { a, b, liar };
}

/** Honest copies go on as if nothing had been, and have the same tree. */
async function goOn(a: Copy, b: Copy): Promise<void> {
  const name = `still ${a.journal.length}`;
  a.tree.write(name, "here");
  a.flush();
  b.tree.write(`${name} too`, "here");
  b.flush();
  assertEquals(kinds(await meet(a, b)), DONE);
  assertEquals(kinds(await meet(b, a)), DONE);
  assertEquals(a.tree.read(`${name} too`), "here");
  assertEquals(a.tree.tree(), b.tree.tree());
  const vector = (copy: Copy) =>
    Array.from(copy.authors().entries(), ([author, { number }]) => [author, number]).sort();
  assertEquals(vector(a), vector(b));
}

/** A record of the liar is refused by both honest copies, for that reason, and nothing that comes after it is taken. */
async function refused(forge: (liar: Copy, a: Copy) => SignedRecord | Partial<Record>, reason: RegExp) {
  const { a, b, liar } = await members();
  liar.tree.mkdir("before");
  liar.flush();
  const forged = forge(liar, a);
  liar.forge("record" in forged ? forged as SignedRecord : liar.signed(forged));
  liar.tree.mkdir("after");
  liar.flush();
  for (const honest of [a, b]) {
    const [mine, theirs] = await meet(honest, liar);
    assertEquals(kinds([mine, theirs]), DONE);
    const [said] = mine.summary.refused;
    assert(reason.test(said?.reason ?? ""), said?.reason);
    assertEquals(theirs.summary.refusedByPeer, [said]);
    assertEquals(honest.tree.tree().filter((line) => /before|after/.test(line)), ["before/"]);
  }
  await goOn(a, b);
  return { a, b, liar };
}

const doc = documentOf(ROOT);
const puts = (bytes: Uint8Array) => ({ changes: new Map([[doc, bytes]]) });

Deno.test("a record with puts that are none is refused and named", async () => {
  await refused(() => puts(new Uint8Array([5, 1, 2, 3])), /^Record 2 of .*in document/);
});

Deno.test("a record with a key that no program sets is refused", async () => {
  await refused(
    () => puts(packPuts([{ key: "nonsense" as never, payload: new Uint8Array([1]) }])),
    /key is none/,
  );
});

Deno.test("a record without a signature is refused", async () => {
  await refused((liar) => ({ ...liar.signed({}), signature: new Uint8Array(64) }), /signature/);
});

Deno.test("a record in another's name is refused", async () => {
  const { a, b, liar } = await members();
  const { number, hash } = a.authors().get(a.self.author) as { number: number; hash: Uint8Array };
  // Not known to the first copy itself, and told to the second as if the first had written it.
  const { author } = a.self;
  const seen: Record["seen"] = [];
  const forged = liar.signed({ author, number: number + 1, previous: hash, seen, key: undefined });
  const claims = { claimed: new Map([[author, { number: number + 1, hash: forged.hash }]]) };
  for (const honest of [a, b]) {
    const ending = await speakTo(honest, liar, claims, [
      { kind: "records", records: [packRecord(forged)], isLast: true },
    ]);
    assertEquals(ending.session.ending, undefined);
    assert(
      /signature/.test(ending.session.summary.refused[0].reason),
      ending.session.summary.refused[0].reason,
    );
  }
  await goOn(a, b);
});

Deno.test("a record from the far future waits until its time has come", async () => {
  const { a, liar } = await refused((liar) => ({ time: liar.now + 10 * 86_400 }), /more than a day ahead/);
  a.now += 10 * 86_400;
  const [mine] = await meet(a, liar);
  assertEquals(mine.summary.refused, []);
  assert(a.tree.tree().includes("after/"));
});

Deno.test("a record with an absurd clock is refused", async () => {
  const tree = TreeCopy.first(7);
  const absurd = new TreeCopy(7, { number: 1, clock: 2 ** 47, lastNode: 9 });
  absurd.pull(tree);
  absurd.mkdir("never");
  const { changes } = absurd.log[absurd.log.length - 1];
  await refused(() => ({ changes }), /A clock is at 14073748835532\d/);
});

Deno.test("a record that comes after what does not exist is refused", async () => {
  const nobody = authorOf(new Uint8Array(8).fill(200));
  await refused(() => ({ seen: [{ author: nobody, number: 3 }] }), /comes after record 3 of .* 0 are here/);
  await refused((_, a) => ({ seen: [{ author: a.self.author, number: 99 }] }), /comes after record 99/);
});

Deno.test("a record that goes back in what it has seen, or has seen itself, is refused", async () => {
  await refused((_, a) => ({ seen: [{ author: a.self.author, number: 1 }] }), /had seen record 1 .* before/);
  await refused((liar) => ({ seen: [{ author: liar.self.author, number: 1 }] }), /has seen itself/);
});

Deno.test("a record that leaves a number out is refused", async () => {
  await refused((liar) => liar.signed({ number: 9 }), /record 2 is the next/);
});

Deno.test("an author's first record that follows another is refused, and so is one without a key", async () => {
  for (const change of [{ previous: new Uint8Array(32).fill(1) }, { key: undefined }]) {
    const { a, b, liar } = await members();
    liar.forge(liar.signed(change));
    for (const honest of [a, b]) {
      const [mine] = await meet(honest, liar);
      assert(/does not follow|tells the key/.test(mine.summary.refused[0].reason));
    }
    await goOn(a, b);
  }
});

Deno.test("who was never let in is not let in by its own word", async () => {
  const { a, b } = await members();
  const stranger = new Copy(8, { keys: [...KEYS, keyOf(8).publicKey], vouches: [keyOf(8).publicKey] });
  const honest = [a, b].map((copy) => {
    const strict = new Copy(copy.number === 1 ? 3 : 2, { keys: KEYS });
    return strict;
  });
  await meet(a, honest[0]);
  await meet(a, honest[1]);
  await meet(a, stranger);
  stranger.tree.mkdir("mine");
  stranger.flush();
  for (const copy of honest) {
    const [mine] = await meet(copy, stranger);
    assertEquals(mine.ending, { kind: "done" });
    assert(/never let into/.test(mine.summary.refused[0].reason));
  }
  await goOn(honest[0], honest[1]);
});

Deno.test("others are heard although one author's records are refused", async () => {
  const { a, b, liar } = await members();
  b.tree.mkdir("honest");
  b.flush();
  await meet(b, liar);
  liar.forge(liar.signed(puts(new Uint8Array([9]))));
  const [mine] = await meet(a, liar);
  assertEquals(mine.summary.refused.map(({ author }) => author), [liar.self.author]);
  assertEquals(a.tree.tree(), ["f = x", "honest/"]);
  await goOn(a, b);
});

Deno.test("a chain that its author breaks is found out, with the author's own signature", async () => {
  const { a, b, liar } = await members();
  liar.tree.mkdir("one");
  liar.flush();
  await meet(a, liar);
  await meet(b, liar);
  liar.forge(liar.signed({ previous: new Uint8Array(32).fill(3) }));
  for (const honest of [a, b]) {
    const [mine, theirs] = await meet(honest, liar);
    const { author } = liar.self;
    const fork = { kind: "fork" as const, author, number: 1, isExact: false, lower: undefined };
    assertEquals(mine.ending, { ...fork, whose: "theirs", isProven: true });
    assertEquals(theirs.ending, { ...fork, whose: "mine", isProven: false });
  }
  await goOn(a, b);
});

Deno.test("an author that tells two copies different things is named when these meet", async () => {
  const { a, b, liar } = await members();
  const twin = liar.copied();
  for (let i = 0; i < 40; i++) liar.tree.mkdir(`same${i}`);
  liar.flush();
  await meet(liar, a);
  await meet(a, twin);
  const other = liar.copied();
  liar.tree.mkdir("for a");
  other.tree.mkdir("for b");
  for (const copy of [liar, other]) {
    copy.tree.mkdir("more");
    copy.flush();
  }
  await meet(liar, a);
  await meet(other, b);
  const before = [a.tree.tree(), b.tree.tree()];
  for (const pair of [[a, b], [b, a]]) {
    const lower: unknown[] = [];
    for (const session of await meet(pair[0], pair[1])) {
      const ending = session.ending;
      assert(ending?.kind === "fork");
      const { author, whose, number, isExact } = ending;
      assertEquals([author, whose, number, isExact], [liar.self.author, "other", 41, true]);
      lower.push(ending.lower);
    }
    // Whose tree stays, both say the same.
    assertEquals(lower.sort(), ["mine", "theirs"]);
  }
  assertEquals([a.tree.tree(), b.tree.tree()], before);
});

Deno.test("a copied home is found where both go on, from the right record on", async () => {
  const a = Copy.first(1);
  for (let i = 0; i < 100; i++) a.tree.mkdir(`d${i}`);
  a.flush();
  const copied = a.copied();
  // Nothing was written since.
  for (const session of await meet(a, copied)) {
    const fork = { kind: "fork", author: a.self.author, whose: "mine", number: 102 };
    assertEquals(session.ending, { ...fork, isExact: true, isProven: false, lower: undefined });
  }
  for (const copy of [a, copied]) {
    for (let i = 0; i < 60 + copy.journal.length % 3; i++) copy.tree.mkdir(`${copy === a ? "a" : "b"}${i}`);
    copy.flush();
  }
  const b = new Copy(2);
  await meet(a, b);
  const tree = b.tree.tree();
  const [mine, theirs] = await meet(copied, b);
  const fork = { kind: "fork", author: a.self.author, number: 102, isExact: true, isProven: true };
  const [one, other] = [mine.ending, theirs.ending];
  assert(one?.kind === "fork" && other?.kind === "fork");
  assertEquals(one, { ...fork, whose: "mine", lower: one.lower });
  assertEquals(other, { ...fork, whose: "theirs", lower: one.lower === "mine" ? "theirs" : "mine" });
  assertEquals(b.tree.tree(), tree);
  await goOn(a, b);
});

Deno.test("a fork of which the records are gone is named as far as it is known", async () => {
  const { a, b } = await members();
  a.registered = b.registered = [1, 2];
  const copied = a.copied();
  a.tree.mkdir("here");
  copied.tree.mkdir("there");
  copied.tree.mkdir("there too");
  a.flush();
  copied.flush();
  for (let i = 0; i < 2; i++) await meet(a, b);
  assert(b.prune() > 0);
  const [mine] = await meet(b, copied);
  assertEquals(mine.ending, {
    ...{ kind: "fork", author: a.self.author, whose: "theirs", number: 3 },
    ...{ isExact: false, isProven: false, lower: undefined },
  });
  await goOn(a, b);
});

Deno.test("a restored backup is told by its own signature that it is old", async () => {
  const { a, b } = await members();
  const backup = a.copied();
  a.tree.mkdir("since");
  a.tree.mkdir("then");
  a.flush();
  await meet(a, b);
  const tree = backup.tree.tree();
  const [mine, theirs] = await meet(backup, b);
  assertEquals(mine.ending, { kind: "older", whose: "mine", number: 4 });
  assertEquals(theirs.ending, { kind: "older", whose: "theirs", number: 4 });
  assertEquals(backup.tree.tree(), tree);
  await goOn(a, b);
});

Deno.test("a copy that says to have more than it has is named, and makes nobody believe to be old", async () => {
  const { a, b, liar } = await members();
  const claimed = new Map([
    [a.self.author, { number: 1_000_000, hash: new Uint8Array(32).fill(1) }],
    [authorOf(new Uint8Array(8).fill(9)), { number: 5, hash: new Uint8Array(32) }],
  ]);
  const { session } = await speakTo(a, liar, { claimed }, [{ kind: "records", records: [], isLast: true }]);
  assertEquals(session.summary.refused.map(({ number, reason }) => [number, /did not send/.test(reason)]), [
    [3, true],
    [1, true],
  ]);
  await goOn(a, b);
});

Deno.test("a copy that says to have less than it has hears again what it has, and nothing changes", async () => {
  class Forgetful extends Copy {
    isForgetful = false;
    override authors() {
      const authors = super.authors();
      if (!this.isForgetful) return authors;
      return new Copy(this.number).authors();
    }
  }
  const { a, b, liar } = await members((number) => new Forgetful(number));
  liar.isForgetful = true;
  const [mine] = await meet(a, liar);
  assertEquals(mine.summary.sent.records, 2);
  await goOn(a, b);
});

Deno.test("a hash that is not that of a record ends the session with the liar, and no other", async () => {
  const { a, b, liar } = await members();
  const claimed = new Map([[a.self.author, { number: 2, hash: new Uint8Array(32).fill(1) }]]);
  const { session, answers } = await speakTo(a, liar, { claimed }, [
    { kind: "probe", author: a.self.author, samples: [{ number: 2, hash: new Uint8Array(32).fill(1) }] },
  ]);
  const ending = session.ending;
  assert(ending?.kind === "fork" && !ending.isProven && ending.whose === "mine");
  assert(answers.some(({ kind }) => kind === "refuse"));
  await goOn(a, b);
});

Deno.test("a chunk that is not what its id says is refused", async () => {
  class Corrupt extends Copy {
    override chunk(id: Uint8Array) {
      const bytes = super.chunk(id)?.slice();
      if (bytes) bytes[bytes.length - 1] ^= 1;
      return bytes;
    }
  }
  const { a, b, liar } = await members((number) => new Corrupt(number));
  liar.tree.write("bad", "content");
  liar.flush();
  const [mine] = await meet(a, liar);
  const ending = mine.ending;
  assert(ending?.kind === "refused" && /bytes that are not its own/.test(ending.reason));
  assertEquals(a.tree.tree(), ["f = x"]);
  await goOn(a, b);
});

Deno.test("nobody says for another copy what that has", async () => {
  const { a, b, liar } = await members();
  await goOn(a, b);
  const before = b.statements().map(speakerOf).sort();
  const numbers = new Map([[a.self.author, 99]]);
  const forA = sign({ author: a.self.author, numbers, time: a.now + 1 }, keyOf(7));
  const unsigned = { ...forA, key: keyOf(1).publicKey };
  const first = await speakTo(b, liar, {}, [{ kind: "statements", statements: [forA], isLast: true }]);
  assertEquals(first.session.ending, undefined);
  const second = await speakTo(b, liar, {}, [{ kind: "statements", statements: [unsigned], isLast: true }]);
  assert(second.session.ending?.kind === "refused" && /not signed by it/.test(second.session.ending.reason));
  assertEquals(b.statements().map(speakerOf).sort(), before);
  await goOn(a, b);
});

Deno.test("chunks and records that nobody asked for are refused", async () => {
  const { a, b, liar } = await members();
  const chunk = { id: new Uint8Array(32), bytes: new Uint8Array(9) };
  const record = packRecord(a.journal[0].signed);
  const mine = packRecord(liar.signed({}));
  const wrong: [Message, RegExp][] = [
    [{ kind: "chunks", chunks: [chunk] }, /nobody asked/],
    [{ kind: "records", records: [record], isLast: false }, /after the last|nobody asked/],
    [{ kind: "records", records: [mine], isLast: false }, /after the last|nobody asked/],
    [{ kind: "statements", isLast: true, statements: [] }, /nobody asked/],
    [{ kind: "ack", count: 7 }, /7 records are acknowledged, and 0 were sent/],
  ];
  for (const [message, reason] of wrong) {
    const { session, answers } = await speakTo(a, liar, { isEqual: true }, [message as never]);
    const ending = session.ending;
    assert(ending?.kind === "refused" && ending.by === "us" && ending.code === "message", ending?.kind);
    assert(reason.test(ending.reason), ending.reason);
    assert(answers.some((answer) => answer.kind === "refuse" && answer.reason === ending.reason));
  }
  await goOn(a, b);
});

Deno.test("newer programs and other volumes are told so in words", async () => {
  const { a, b, liar } = await members();
  const [mine, theirs] = await meet(a, new Copy(3, { format: 4 }));
  assertEquals(mine.ending, {
    ...{ kind: "refused", by: "us", code: "format" },
    reason: "The other copy has format 4 of volumes, and this one 3: update this program",
  });
  assert(theirs.ending?.kind === "refused" && /update that program/.test(theirs.ending.reason));
  const { session } = await speakTo(a, liar, { protocol: PROTOCOL + 1 }, []);
  assertEquals(session.ending, {
    ...{ kind: "refused", by: "us", code: "protocol" },
    reason: "The other program speaks protocol 2 of copies, and this one 1: update this one",
  });
  const other = await speakTo(a, liar, { volume: new Uint8Array(16) }, []);
  assert(other.session.ending?.kind === "refused" && other.session.ending.code === "volume");
  await goOn(a, b);
});

Deno.test("who floods is stopped before it takes room", async () => {
  const { a, b, liar } = await members();
  const unknown = { id: new Uint8Array(32).fill(1), root: 0 };
  const large = liar.signed({ changes: new Map([[doc, new Uint8Array(900_000)]]) });
  const { author } = liar.self;
  const claimed = new Map([[author, { number: 1_000_000, hash: new Uint8Array(32) }]]);
  const statement = sign({ author, numbers: new Map(), time: 1 }, keyOf(7));
  const floods: [Message, Parameters<typeof speakTo>[2]][] = [
    [{ kind: "want", ids: Array.from({ length: 100 }, () => unknown.id) }, {}],
    [{ kind: "records", records: [packRecord(large)], isLast: false }, { claimed, isHeld: true }],
    [{ kind: "statements", statements: Array.from({ length: 2000 }, () => statement), isLast: false }, {}],
    [{ kind: "probe", author: a.self.author, samples: [] }, {}],
  ];
  for (const [message, hello] of floods) {
    // Who floods does not listen.
    const { session, count } = await speakTo(a, liar, { ...hello, isDeaf: true }, Array(1000).fill(message));
    assert(session.ending !== undefined, message.kind);
    assert(count < 20, `${count} messages of ${message.kind}`);
  }
  // So many authors that nobody knows are not refused one by one.
  const authors = Array.from(
    { length: 1000 },
    (_, i) => authorOf(new Uint8Array([1, 2, 3, 4, 5, 6, i >> 8, i & 255])),
  );
  const records = authors.map((author) =>
    packRecord(liar.signed({ author, seen: [], key: keyOf(99).publicKey }))
  );
  const strangers = new Map(authors.map((author) => [author, { number: 1, hash: new Uint8Array(32) }]));
  const { session, answers } = await speakTo(a, liar, { claimed: strangers }, [
    { kind: "records", records, isLast: true },
  ]);
  assert(session.ending?.kind === "refused");
  assert(answers.length < 300, `${answers.length}`);
  await goOn(a, b);
});

Deno.test("a content whose few lists name each other a billion times is walked through in a moment", () => {
  const chunked = new Chunked();
  const { descriptor, size } = chunked.content(new Uint8Array(1), false, { sec: 0, nsec: 0 });
  let piece: Piece = { id: descriptor.slice(1), depth: 0, size };
  for (let depth = 1; depth <= 30; depth++) piece = chunked.list([piece, piece, piece], depth);
  const walk = new ChunkWalk({
    hasChunk: (id) => chunked.chunks.has(new TextDecoder().decode(id)),
    piecesOf: (list) => chunked.piecesOf({ ...list, size: 3 ** list.depth % 2 ** 32 }),
  }, [piece]);
  assertEquals(walk.next(10), []);
});

Deno.test("a list that is none, and a chunk that two contents share, leave contents absent", () => {
  const chunked = new Chunked();
  const leaf = chunked.content(new Uint8Array(1), false, { sec: 0, nsec: 0 }).descriptor.slice(1);
  const missing = { id: new Uint8Array(32).fill(65), depth: 0, size: 8 };
  const shared = chunked.list([missing, missing], 1);
  const store = {
    hasChunk: (id: Uint8Array) => chunked.chunks.has(new TextDecoder().decode(id)),
    piecesOf: (list: Piece) => chunked.piecesOf(list),
  };
  const roots = [
    { id: leaf, depth: 1, size: 1 },
    chunked.list([shared, { id: leaf, depth: 0, size: 1 }], 2),
    shared,
  ];
  const walk = new ChunkWalk(store, roots);
  const needed = walk.next(10);
  for (const { root } of needed) walk.giveUp(root);
  assertEquals([...walk.givenUp].sort(), [0, 1, 2]);
});

Deno.test("whatever becomes of the bits of messages, nothing wrong is taken", async () => {
  const first = Number(Deno.env.get("LUX9_SEED") || 1);
  const count = Number(Deno.env.get("LUX9_SCHEDULES") || 150);
  for (let seed = first; seed < first + count; seed++) {
    const random = randomFrom(seed);
    const a = Copy.first(1);
    a.tree.write("f", "one two three four five");
    a.tree.mkdir("d");
    a.flush();
    const b = new Copy(2);
    b.tree.mkdir("e");
    b.flush();
    let left = 1 + random(3);
    const flip = (underWay: Uint8Array[], message: Uint8Array) => {
      if (left > 0 && random(3) === 0) {
        left--;
        if (random(4) === 0) message = message.slice(0, random(message.length));
        else message[random(message.length)] ^= 1 << random(8);
      }
      underWay.push(message);
    };
    const sessions = [new Session(a), new Session(b)] as const;
    await carry(sessions, { carry: flip });
    for (const { ending } of sessions) {
      const failed = ending?.kind === "refused" && ending.by === "us" && ending.code === "failed";
      if (failed) throw new Error(`Seed ${seed}`, { cause: ending.thrown });
    }
    await goOn(a, b);
    await goOn(b, a);
  }
});

Deno.test("messages of noise are refused, and of any length", async () => {
  const { a, b } = await members();
  const random = randomFrom(1);
  const noise = [
    new Uint8Array(0),
    new Uint8Array(MESSAGE_BYTES_MAX + 1).fill(3),
    new Uint8Array(MESSAGE_BYTES_MAX),
  ];
  for (let i = 0; i < 300; i++) noise.push(new Uint8Array(random(200)).map(() => random(256)));
  for (const message of noise) {
    const session = new Session(a);
    await session.receive(message);
    assert(session.ending?.kind === "refused", session.ending?.kind);
    const answer = unpackMessage(await session.next() as Uint8Array);
    assertEquals(answer.kind, "refuse");
    assertEquals(await session.next(), undefined);
  }
  await goOn(a, b);
});

interface Words {
  /** Authors that the liar says to have something else of than it has. */
  readonly claimed?: Hello["vector"];
  readonly protocol?: number;
  readonly volume?: Uint8Array;
  /** It knows all that the honest one knows, and says so. */
  readonly isEqual?: boolean;
  /** It never hears what is said to it. */
  readonly isDeaf?: boolean;
  /** The honest one's storage takes its time. */
  readonly isHeld?: boolean;
}

/** Says hello to an honest copy, and then these messages as long as it listens. `count`: how many it took. */
async function speakTo(
  honest: Copy,
  liar: Copy,
  words: Words,
  messages: readonly Exclude<Message, Stranger>[],
) {
  const store = words.isHeld ? new Held(honest) : honest;
  const session = new Session(store);
  const answers: Message[] = [unpackMessage(await session.next() as Uint8Array)];
  const { volume, author, key, name, format } = liar.self;
  const heads = Array.from(
    honest.authors().entries(),
    ([author, { number, hash }]) => [author, { number, hash }] as const,
  );
  const statements = words.isEqual ? digestOf(honest.statements()) : digestOf(liar.statements());
  await session.receive(packMessage({
    ...{ kind: "hello", protocol: PROTOCOL, format, author, key, name, statements },
    volume: words.volume ?? volume,
    vector: new Map([...heads, ...words.claimed ?? []]),
    ...words.protocol ? { protocol: words.protocol } : {},
  }));
  let count = 0;
  for (const message of messages) {
    if (session.ending) break;
    await session.receive(packMessage(message));
    count++;
    for (let answer; !words.isDeaf && (answer = await session.next());) answers.push(unpackMessage(answer));
  }
  for (let answer; (answer = await session.next());) answers.push(unpackMessage(answer));
  return { session, answers, count };
}

/** A copy that has the lists of all contents still to come: what is sent to it waits. */
class Held extends Copy {
  constructor(readonly honest: Copy) {
    super(honest.number);
  }

  override lacking(): readonly Piece[] {
    return [{ id: new Uint8Array(32).fill(66), depth: 0, size: 1 }];
  }

  override authors() {
    return this.honest.authors();
  }
}
