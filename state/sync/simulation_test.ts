import { deepStrictEqual as assertEquals } from "node:assert/strict";
import { shrunk, simulateMany } from "./_simulation.ts";

const first = Number(Deno.env.get("LUX9_SEED") || 1);
const count = Number(Deno.env.get("LUX9_SCHEDULES") || 100);

Deno.test(`copies that meet over a bad connection show one tree: ${count} schedules from seed ${first}`, async () => {
  await simulateMany(first, count);
});

Deno.test("of the steps that fail together, few are left", async () => {
  const fails = (steps: readonly number[]) => Promise.resolve(steps.includes(3) && steps.includes(17));
  assertEquals(await shrunk(Array.from({ length: 40 }, (_, i) => i), fails), [3, 17]);
});
