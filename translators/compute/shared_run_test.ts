import { rejects, strictEqual, throws } from "node:assert/strict";
import { NineError } from "../../9p/mod.ts";
import { Result } from "../cache/mod.ts";
import { SharedRun } from "./shared_run.ts";

const ABOUT = { hash: "0".repeat(64), size: 5, fuel: 0, wallUs: 0, memoryBytes: 0 };

Deno.test("SharedRun has failed where its result is gone before anybody could read it", async () => {
  const gone = new Result("key", ABOUT, "/nowhere/that/is");
  const run = new SharedRun("", "ann", () => Promise.resolve(gone));
  run.hold("ann");
  await run.ended;
  throws(() => run.result, { code: "EIO" });
  strictEqual(run.isRunning, false);
});

Deno.test("SharedRun has ended without a rejection however its run ended", async () => {
  const run = new SharedRun("", "ann", () => Promise.reject(new NineError("EIO", "The module failed")));
  await run.ended;
  await run.more();
  await rejects(async () => await run.result, { code: "EIO" });
});
