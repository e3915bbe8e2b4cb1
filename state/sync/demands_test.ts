import { deepStrictEqual as assertEquals, ok as assert, throws } from "node:assert/strict";
import { meet } from "./_channel.ts";
import { Copy } from "./_copy.ts";
import { nameOf } from "./_chunked.ts";
import {
  type Demand,
  Demands,
  type DemandStore,
  packMessage,
  type Piece,
  type Stored,
  type Unmet,
} from "./mod.ts";

const TEXT = "some words that take a few chunks and lists, so that they come one after the other";

/** A copy to which contents come when they are read, unless a merge may need them. */
class OnDemandCopy extends Copy implements DemandStore {
  isOnDemand = true;

  putsOff({ isNeeded }: Stored): boolean {
    return this.isOnDemand && !isNeeded;
  }

  override lacking(): readonly Piece[] {
    return this.isOnDemand ? [] : super.lacking();
  }

  /** All of it, whatever is demanded: chunks here have some bytes. */
  *lackingOf({ descriptor }: Pick<Demand, "descriptor">): Generator<Piece> {
    for (const piece of this.absent.values()) {
      if (nameOf(descriptor).endsWith(nameOf(piece.id))) yield* this.#below(piece);
    }
  }

  *#below(piece: Piece): Generator<Piece> {
    if (!this.hasChunk(piece.id)) return yield piece;
    if (piece.depth > 0) { for (const each of this.piecesOf(piece)) yield* this.#below(each); }
  }

  demand(path: string): Demand {
    const [row] = [...this.tree.index.nodes()].filter(({ content }) => content?.size === path.length);
    return { descriptor: row.content!.descriptor, start: 0, end: path.length, withLists: false };
  }
}

async function fixture(): Promise<[Copy, OnDemandCopy]> {
  const [a, b] = [Copy.first(1), new OnDemandCopy(2)];
  a.tree.write("f", TEXT);
  a.tree.write("g.md", "a\n", true);
  a.flush();
  const [, session] = await meet(a, b);
  assertEquals([session.ending?.kind, session.summary.putOff, session.summary.absent], ["done", 1, 0]);
  return [a, b];
}

/** Says to each other what two sides have to say, until both are silent; how many messages that took. */
function talk(one: ReturnType<Demands["meet"]>, other: ReturnType<Demands["meet"]>): number {
  for (let count = 0;; count++) {
    const [there, back] = [one.next(), other.next()];
    if (there) other.receive(there);
    if (back) one.receive(back);
    if (!there && !back) return count;
  }
}

const whole = (copy: Copy): DemandStore => ({
  chunk: (id) => copy.chunk(id),
  putChunk: (id, bytes) => copy.putChunk(id, bytes),
  lackingOf: () => [],
});

Deno.test("a session puts contents off that no merge needs; they come when the copy is to be whole", async () => {
  const [a, b] = await fixture();
  const { content } = [...b.tree.index.nodes()].find(({ content }) => content?.size === TEXT.length)!;
  assertEquals(b.chunked.read(content!), undefined);
  assertEquals(b.tree.read("g.md"), "a\n");
  // Both write the text, and merge it alike.
  b.tree.write("g.md", "a\nb\n", true);
  b.flush();
  a.tree.write("g.md", "0\na\n", true);
  a.flush();
  await meet(a, b);
  assertEquals(b.tree.tree(), a.tree.tree());
  b.isOnDemand = false;
  const [, session] = await meet(a, b);
  assert(session.summary.received.chunks > 8);
  assert(b.chunked.read(content!) !== undefined);
  assertEquals((await meet(a, b))[1].summary.received.chunks, 0);
});

Deno.test("what somebody waits for is asked of the copy that is there, lists first, each chunk once, and he is answered when all is here", async () => {
  const [a, b] = await fixture();
  const answers: [number, Unmet | undefined][] = [];
  const mine = new Demands(b, (id, unmet) => answers.push([id, unmet]));
  mine.add(1, b.demand(TEXT));
  assertEquals(answers.splice(0), [[1, "nobody"]]);
  let news = 0;
  const here = mine.meet(() => news++);
  const there = new Demands(whole(a), () => {}).meet(() => {});
  mine.add(2, b.demand(TEXT));
  mine.add(3, b.demand(TEXT));
  mine.add(4, b.demand(TEXT));
  mine.remove(4);
  assertEquals(news, 1, "they wait for one and the same");
  assert(talk(here, there) >= 3);
  assertEquals(answers.splice(0), [[2, undefined], [3, undefined]]);
  mine.add(5, b.demand(TEXT));
  assertEquals(answers, [[5, undefined]], "it is here");
});

Deno.test("a chunk that one copy has not got is asked of another; where none has it, or all go, whoever waits is told", async () => {
  const [a, b] = await fixture();
  const answers: (Unmet | undefined)[] = [];
  const mine = new Demands(b, (_, unmet) => answers.push(unmet));
  const meets = (copy: Copy) => [mine.meet(() => {}), new Demands(whole(copy), () => {}).meet(() => {})];
  const [poor, poorThere] = meets(new Copy(3));
  mine.add(1, b.demand(TEXT));
  talk(poor, poorThere);
  assertEquals(answers.splice(0), ["nowhere"]);
  const [rich, richThere] = meets(a);
  mine.add(2, b.demand(TEXT));
  while (talk(poor, poorThere) + talk(rich, richThere) > 0);
  assertEquals(answers.splice(0), [undefined]);

  const [c] = [new OnDemandCopy(4)];
  await meet(a, c);
  const others = new Demands(c, (_, unmet) => answers.push(unmet));
  const silent = others.meet(() => {});
  others.add(1, c.demand(TEXT));
  assertEquals(answers, []);
  silent.leave();
  assertEquals(answers, ["nobody"]);
});

Deno.test("chunks that nobody asked for, that are others than they are said to be, and other messages end it", async () => {
  const [, b] = await fixture();
  const mine = new Demands(b, () => {});
  const here = mine.meet(() => {});
  const id = new Uint8Array(32);
  throws(
    () => here.receive(packMessage({ kind: "chunks", chunks: [{ id, bytes: undefined }] })),
    /nobody asked/,
  );
  mine.add(1, b.demand(TEXT));
  const [{ id: wanted }] = b.lackingOf(b.demand(TEXT));
  const lie = packMessage({ kind: "chunks", chunks: [{ id: wanted, bytes: new Uint8Array(9) }] });
  throws(() => here.receive(lie), /not its own/);
  throws(() => here.receive(packMessage({ kind: "ack", count: 1 })), /ack came/);
  const want = packMessage({ kind: "want", ids: Array.from({ length: 128 }, () => id) });
  for (let i = 0; i < 2; i++) here.receive(want);
  throws(() => here.receive(want), /are wanted/);
});
