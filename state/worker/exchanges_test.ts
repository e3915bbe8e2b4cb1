import assert from "node:assert/strict";
import { FRAME, FrameReader, type FromWorker, packFrame } from "../volume/mod.ts";
import { Exchanges, type ExchangesOptions } from "./exchanges.ts";

Deno.test("as many conflicts as there are are told, in frames that whoever reads them takes", async () => {
  const conflicts = Array.from({ length: 30_000 }, (_, i) => ({
    ...{ path: `/folder/${i}.conflict`.padEnd(200, "x"), of: `/folder/${i}`, lost: "contents" as const },
    ...{ by: "somebody", sec: 1_700_000_000, size: i },
  }));
  const posted: FromWorker[] = [];
  const ended = Promise.withResolvers<void>();
  const post = (message: FromWorker) => {
    posted.push(message);
    if (message.kind === "exchangeEnded") ended.resolve();
  };
  // Nothing else is asked of the copy.
  const exchanges = new Exchanges({ conflicts: () => conflicts, post } as unknown as ExchangesOptions);
  const payload = new TextEncoder().encode(JSON.stringify({ do: "conflicts" }));
  exchanges.frame({ kind: "exchange", id: 1, frame: { kind: FRAME.word, payload } });
  await ended.promise;
  const reader = new FrameReader();
  const told = posted.flatMap((message) =>
    message.kind === "exchange" ? [...reader.add(packFrame(message.frame))] : []
  )
    .flatMap(({ payload }) => JSON.parse(new TextDecoder().decode(payload)).conflicts);
  assert.deepEqual(told, conflicts);
});
