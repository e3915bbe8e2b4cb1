import assert from "node:assert/strict";
import { FRAME, FrameReader, type FromWorker, packFrame } from "../volume/mod.ts";
import { asksForAll, tellAll } from "./all_conflicts.ts";
import type { Conflict } from "./conflicts.ts";
import type { Told } from "./exchange_words.ts";

const asked = (word: unknown) => {
  const payload = new TextEncoder().encode(JSON.stringify(word));
  return { kind: "exchange", id: 7, frame: { kind: FRAME.word, payload } } as const;
};

/** What is told, each piece of it in frames that whoever reads them takes. */
function told(messages: readonly FromWorker[]): Told[] {
  const reader = new FrameReader();
  return messages.flatMap((message) =>
    message.kind === "exchange" ? [...reader.add(packFrame(message.frame))] : []
  ).map(({ payload }) => JSON.parse(new TextDecoder().decode(payload)));
}

Deno.test("all conflicts are asked for by a word that says so, and by nothing else", () => {
  assert.ok(asksForAll(asked({ do: "conflicts", all: true })));
  for (
    const word of [{ do: "conflicts" }, { do: "conflicts", all: false }, { do: "sync", all: true }, 1, "x"]
  ) {
    assert.ok(!asksForAll(asked(word)), JSON.stringify(word));
  }
  const { frame, ...rest } = asked({ do: "conflicts", all: true });
  assert.ok(!asksForAll({ ...rest, frame: { ...frame, kind: FRAME.message } }));
});

Deno.test("all conflicts are told in pieces, none in one, and a failure is told as one", () => {
  const message = asked({ do: "conflicts", all: true });
  for (const count of [0, 1, 100, 101, 1000]) {
    const conflicts = Array.from({ length: count }, (_, i): Conflict => ({
      ...{ path: `/${i}`, of: `/of ${i}`, lost: "name", by: "somebody", sec: 1_700_000_000, size: i },
    }));
    const messages = [...tellAll(message, () => conflicts)];
    assert.deepEqual(messages.at(0), {
      kind: "exchangeTook",
      id: 7,
      bytes: message.frame.payload.byteLength,
    });
    assert.deepEqual(messages.at(-1), { kind: "exchangeEnded", id: 7 });
    const words = told(messages);
    assert.equal(words.length, Math.max(1, Math.ceil(count / 100)));
    assert.deepEqual(words.flatMap((word) => "conflicts" in word ? word.conflicts : []), conflicts);
  }
  const failed = [...tellAll(message, () => {
    throw new Error("Nothing can be read");
  })];
  assert.deepEqual(told(failed), [{ failed: "Nothing can be read" }]);
  assert.equal(failed.at(-1)?.kind, "exchangeEnded");
});
