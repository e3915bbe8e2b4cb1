import assert from "node:assert/strict";
import { damage } from "./damage.ts";

const PLACES = 8;

Deno.test(`damage: of ${PLACES} places none gives a wrong answer, and a flipped bit costs at most what it is in`, async () => {
  const seed = Number(Deno.env.get("LUX9_SEED") ?? 1);
  console.log(`--seed ${seed} --count ${PLACES} --wounds bit`);
  const outcomes = await damage({ seed, count: PLACES, wounds: ["bit"], log: console.log });
  for (const [kind, counts] of outcomes) assert.equal(counts.get("refused"), undefined, kind);
});
