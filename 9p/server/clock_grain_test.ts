import { strictEqual } from "node:assert/strict";
import { ageMs, GRAIN_MS, isRacy } from "./clock_grain.ts";

const times = (mtimeMs: number, ctimeMs: number) => ({
  mtimeSec: Math.floor(mtimeMs / 1000),
  mtimeNsec: (mtimeMs % 1000) * 1e6,
  ctimeSec: Math.floor(ctimeMs / 1000),
  ctimeNsec: (ctimeMs % 1000) * 1e6,
});

Deno.test("ageMs goes by the later of the two times", () => {
  strictEqual(ageMs(times(5_000, 9_950), 10_000), 50);
  strictEqual(ageMs(times(9_950, 5_000), 10_000), 50);
  strictEqual(ageMs(times(11_000, 5_000), 10_000), -1000);
});

Deno.test("isRacy within the clock's grain, and where times are set to the future", () => {
  strictEqual(isRacy(GRAIN_MS), false);
  strictEqual(isRacy(GRAIN_MS - 1), true);
  strictEqual(isRacy(-1000), true);
});
