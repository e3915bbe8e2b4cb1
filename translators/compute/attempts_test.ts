import { deepStrictEqual, strictEqual } from "node:assert/strict";
import { Attempts } from "./attempts.ts";

/** Begins `count`, each of which goes on until it is given up. */
function begin(attempts: Attempts, count: number) {
  const begun: number[] = [];
  const givenUp: number[] = [];
  const all = Array.from({ length: count }, (_, i) =>
    attempts.begin((signal) => {
      begun.push(i);
      return new Promise((_, reject) => {
        signal.addEventListener("abort", () => {
          givenUp.push(i);
          reject(signal.reason);
        });
      });
    }));
  return { begun, givenUp, all };
}

Deno.test("Attempts: few are under way at once, and those that wait begin in order, unless they are left", async () => {
  const { begun, givenUp, all } = begin(new Attempts(), 9);
  deepStrictEqual(begun, [0, 1, 2, 3]);
  all[4].leave();
  all[6].leave();
  await Promise.all(all.slice(0, 4).map(({ ended }) => ended));
  deepStrictEqual([begun, givenUp], [[0, 1, 2, 3, 5, 7, 8], [0, 1, 2, 3]]);
  await all[8].ended;
  strictEqual(givenUp.length, 7);
});

Deno.test("Attempts give way where nobody waits for them, and go on where somebody does", async () => {
  const attempts = new Attempts();
  const { givenUp, all } = begin(attempts, 3);
  all[1].leave();
  attempts.giveWay();
  await all[1].ended;
  deepStrictEqual(givenUp, [1]);
  await Promise.all([all[0].ended, all[2].ended]);
});
