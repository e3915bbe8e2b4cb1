import { simulateMany } from "./simulation.ts";

const first = Number(Deno.env.get("LUX9_SEED") || 1);
const count = Number(Deno.env.get("LUX9_SCHEDULES") || 200);

Deno.test(`copies that work apart and meet show one tree: ${count} schedules from seed ${first}`, () => {
  simulateMany(first, count);
});
