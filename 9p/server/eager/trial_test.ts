import assert from "node:assert/strict";
import { Trial } from "./trial.ts";

/** Runs turns of so many ms each, without and with polling, for a time; the share of turns that polled. */
function shareOf(trial: Trial, plainMs: number, pollMs: number, ms: number): number {
  let polled = 0;
  let turns = 0;
  for (let now = 1000; now < 1000 + ms; turns++) {
    if (trial.polls) polled++;
    now += trial.polls ? pollMs : plainMs;
    trial.turn(now, 19);
  }
  return polled / turns;
}

Deno.test("Trial polls where turns are faster with it, and hardly ever where they are not", () => {
  assert(shareOf(new Trial(), 0.07, 0.025, 5000) > 0.9);
  assert(shareOf(new Trial(), 0.07, 0.068, 5000) < 0.1);
  assert(shareOf(new Trial(), 0.02, 0.2, 5000) < 0.05);
});

Deno.test("Trial.renew tries again soon, however often that failed before", () => {
  const trial = new Trial();
  shareOf(trial, 0.02, 0.2, 5000);
  trial.renew(1000);
  assert(shareOf(trial, 0.07, 0.025, 100) > 0.7);
});

Deno.test("Trial.restart takes a trial back that was not finished", () => {
  const trial = new Trial();
  let now = 0;
  while (!trial.polls) trial.turn(now += 1, 19);
  trial.restart(now);
  assert.equal(trial.polls, false);
});
