import assert from "node:assert/strict";
import { RunClock } from "./clock.ts";

Deno.test("RunClock: the time of day stands still, the monotonic clock goes one step on at each look", () => {
  const clock = new RunClock({ realtimeNs: 5n, stepNs: 10n });
  assert.deepEqual([clock.realtimeNs(), clock.realtimeNs()], [5n, 5n]);
  assert.deepEqual([clock.monotonicNs(), clock.monotonicNs()], [10n, 20n]);
});

Deno.test("RunClock.advance moves both on, and another run sees the same again", () => {
  const looks = () => {
    const clock = new RunClock();
    const before = [clock.realtimeNs(), clock.monotonicNs()];
    clock.advance(1_000_000n);
    return [...before, clock.realtimeNs() - before[0], clock.monotonicNs()];
  };
  assert.deepEqual(looks().slice(1), [1000n, 1_000_000n, 1_002_000n]);
  assert.deepEqual(looks(), looks());
});
