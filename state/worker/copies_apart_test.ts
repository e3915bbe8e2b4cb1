import assert from "node:assert/strict";
import { scheduleOf, simulate, simulateMany } from "./_apart.ts";
import type { Neglect } from "./_powered_copy.ts";

const first = Number(Deno.env.get("LUX9_SEED") || 1);
const count = Number(Deno.env.get("LUX9_SCHEDULES") || 20);

Deno.test(`copies that work, die and meet show one tree, and lose nothing: ${count} schedules from seed ${first}`, async () => {
  await simulateMany(first, count);
});

/** Schedules that failed once, made short. */
const FAILED: readonly (readonly [string, readonly number[], number?])[] = [
  [
    "a copy works in a directory that is one with another and was removed elsewhere",
    [342545187, 202902804, 1054148496, 1182115686, 2061765429, 1310355997, 294275912, 1510551894],
  ],
  [
    "a text comes record by record, and what it was in between is on no copy any more",
    [1299378423, 675077814, 917771052, 1267997528, 470656338, 868474161],
  ],
  [
    "a write is left to a name that another copy removes, which had not seen it",
    [2055928124, 2088207976, 516425412, 1987558803, 1258510375, 1192758466, 1875580744],
    3,
  ],
  [
    "a file was written to when of another copy's writes only the first was there, of which nothing is left",
    [868509047, 343482911, 645034740, 1305152529, 1014465868, 526759309, 208693917],
  ],
  [
    "one name of a file was given by both, and a snapshot without it is restored",
    [131942814, 814391618, 527495912, 179717291, 742492395, 342409896, 1066841530],
  ],
];

for (const [what, steps, copies = 2] of FAILED) {
  Deno.test(`copies show one tree, and lose nothing, where ${what}`, async () => {
    await simulate({ copies, steps });
  });
}

/** What is not done, what becomes of that, and the schedule from which on it is looked for. */
const NEGLECTED: readonly (readonly [Neglect, string, number?])[] = [
  ["log", "operations are applied before they are durable in the log"],
  ["database", "records are offered and acknowledged before the database is durable"],
  ["packs", "rows name chunks that are not durable"],
  ["chunks", "records are applied without the chunks that they need"],
  ["needed", "contents do not come before they are read, also where merges need them", 57],
];

for (const [neglects, what, first = 1] of NEGLECTED) {
  Deno.test(`a simulation of copies notices where ${what}`, async () => {
    for (let seed = first; seed < first + 100; seed++) {
      try {
        await simulate(scheduleOf(seed), { neglects });
      } catch {
        return;
      }
    }
    assert.fail("It never does");
  });
}
