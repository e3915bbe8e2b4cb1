/** What a member of the volume says who is not honest, to a copy with all that is stored. */
import assert from "node:assert/strict";
import { DatabaseSync } from "node:sqlite";
import { copyKey, hashOf, newCopyKey, packRecord, type SignedRecord } from "../record/mod.ts";
import { type Message, packMessage, unpackMessage } from "../sync/messages.ts";
import { authorBytes, authorOf } from "../tree/mod.ts";
import { DATABASE, FRAME, FrameReader, packFrame } from "../volume/mod.ts";
import type { Told, Wish } from "./exchange_words.ts";
import { Volume } from "./_tree.ts";

type Hello = Message & { kind: "hello" };
type Said = Parameters<typeof packMessage>[0];

/** Answers what the copy says, and gives what came of it. */
async function speak(
  volume: Volume,
  answer: (heard: Message) => readonly Said[],
  wish: Partial<Wish> = {},
): Promise<Told | undefined> {
  const exchange = await volume.store.exchange();
  const payload = new TextEncoder().encode(JSON.stringify({ do: "sync", ...wish }));
  await exchange.write(packFrame({ kind: FRAME.word, payload }));
  const reader = new FrameReader();
  let told: Told | undefined;
  for (;;) {
    const bytes = await exchange.read(65_536, new AbortController().signal);
    if (bytes.byteLength === 0) break;
    for (const { kind, payload } of reader.add(bytes)) {
      if (kind === FRAME.word) {
        told = JSON.parse(new TextDecoder().decode(payload));
        continue;
      }
      for (const message of answer(unpackMessage(payload))) {
        try {
          await exchange.write(packFrame({ kind: FRAME.message, payload: packMessage(message) }));
        } catch {
          // The copy has ended it.
        }
      }
    }
  }
  exchange.close();
  return told;
}

for (
  const [what, last] of [
    ["without a record", () => ({ kind: "records", records: [], isLast: true })],
    ["with a record that its author did not sign", (own, previous, number) => {
      const record = {
        ...{ author: own.author, number, previous, time: 1_700_000_000 },
        ...{ vouches: [], seen: [], changes: new Map() },
      };
      const hash = hashOf(record);
      const forged: SignedRecord = { record, hash, signature: copyKey(newCopyKey()).sign(hash) };
      return { kind: "records", records: [packRecord(forged)], isLast: true };
    }],
    ["by saying so", (own, _, number) => {
      return { kind: "refuse", code: "fork", author: own.author, number, reason: "Two copies have one name" };
    }],
  ] as readonly [string, (own: Hello, previous: Uint8Array, number: number) => Said][]
) {
  Deno.test(`nobody makes a copy give way ${what}: what it wrote keeps its name`, async () => {
    const folder = await Deno.makeTempDir({ prefix: "lux9-liar-" });
    try {
      await using volume = await Volume.open(folder);
      for (const name of ["one", "two", "three"]) await volume.put(name, name);
      const { incarnation } = volume.store.status();
      const tree = volume.tree();
      let own: Hello | undefined;
      let isFound = false;
      const told = await speak(volume, (heard) => {
        if (heard.kind === "hello") {
          own = heard;
          const vector = new Map(heard.vector);
          const { number } = vector.get(own.author)!;
          // Lower than any hash.
          vector.set(own.author, { number, hash: new Uint8Array(32) });
          const author = authorOf(new Uint8Array(8).fill(9));
          return [{ ...heard, author, key: new Uint8Array(32).fill(1), vector }];
        }
        if (heard.kind !== "probe" || isFound) return [];
        isFound = true;
        const { author, vector } = own!;
        const { number } = vector.get(author)!;
        using db = new DatabaseSync(`${folder}/${DATABASE}`, { readOnly: true });
        const { hash } = db.prepare("SELECT hash FROM journal WHERE author = ? AND number = ?")
          .get(authorBytes(author), number - 1) as { hash: Uint8Array };
        const samples = [{ number: number - 1, hash }, { number, hash: new Uint8Array(32) }];
        return [{ kind: "probe", author, samples }, last(own!, hash, number)];
      });
      assert.ok(isFound && told && "ended" in told && told.ended?.kind === "fork", JSON.stringify(told));
      assert.deepEqual([told.ended.isExact, told.ended.isProven, told.next], [true, false, undefined]);
      assert.equal(volume.store.status().incarnation, incarnation);
      assert.deepEqual(volume.tree(), tree);
    } finally {
      await Deno.remove(folder, { recursive: true });
    }
  });
}

Deno.test("only looking ends also where there is nothing to say, as the other side has what was refused before", async () => {
  const folder = await Deno.makeTempDir({ prefix: "lux9-liar-" });
  try {
    await using volume = await Volume.open(folder);
    await volume.put("file", "text");
    let timer: ReturnType<typeof setTimeout> | undefined;
    const told = await Promise.race([
      speak(volume, (heard) => {
        if (heard.kind !== "hello") return [];
        const author = authorOf(new Uint8Array(8).fill(9));
        const refused = [author, { number: 5, hash: new Uint8Array(32) }] as const;
        return [{ ...heard, author, vector: new Map([...heard.vector, refused]) }];
      }, { isDry: true }),
      new Promise<undefined>((done) => timer = setTimeout(() => done(undefined), 5000)),
    ]);
    clearTimeout(timer);
    assert.ok(told && "dry" in told, JSON.stringify(told));
    assert.deepEqual([told.dry.toSend, told.dry.toReceive], [0, 5]);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});
