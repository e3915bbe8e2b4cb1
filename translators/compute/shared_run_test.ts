import { deepStrictEqual, rejects, strictEqual, throws } from "node:assert/strict";
import { Errno, NineError } from "../../9p/mod.ts";
import { Result, ResultCache } from "../cache/mod.ts";
import { SharedRun } from "./shared_run.ts";

const ABOUT = { hash: "0".repeat(64), size: 5, fuel: 0, wallUs: 0, memoryBytes: 0 };

async function withCache(test: (cache: ResultCache) => Promise<void>): Promise<void> {
  const folder = await Deno.makeTempDir();
  try {
    await test(new ResultCache(folder, { besideBytesMax: 1000 }));
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

Deno.test("SharedRun has failed where its result is gone before anybody could read it", () =>
  withCache(async (cache) => {
    const gone = new Result("key", ABOUT, "/nowhere/that/is");
    const run = new SharedRun(cache.spool("ann"), () => Promise.resolve(gone));
    run.hold("ann");
    await run.ended;
    throws(() => run.result, { code: "EIO" });
    strictEqual(run.isRunning, false);
  }));

Deno.test("SharedRun has ended without a rejection however its run ended", () =>
  withCache(async (cache) => {
    const failed = () => Promise.reject(new NineError("EIO", "The module failed"));
    const run = new SharedRun(cache.spool("ann"), failed);
    await run.ended;
    await run.more();
    await rejects(async () => await run.result, { code: "EIO" });
  }));

Deno.test("SharedRun tells who reads why a run failed, also where the file has gone before that is known", () =>
  withCache(async (cache) => {
    const { promise, reject } = Promise.withResolvers<Result>();
    let progress = (_bytes: number) => {};
    const run = new SharedRun(cache.spool("ann"), (_signal, _askers, onProgress) => {
      progress = onProgress;
      return promise;
    });
    run.hold("ann");
    // The Worker has removed it, and its answer is under way.
    progress(100);
    strictEqual(run.read(0, new Uint8Array(10)), undefined);
    reject(new NineError("EFBIG", "The module wrote too much"));
    await run.ended;
    throws(() => run.read(0, new Uint8Array(10)), { code: "EFBIG" });
  }));

Deno.test("SharedRun ends a run at the start of a long output for which there is no room", () =>
  withCache(async (cache) => {
    const before = cache.spool("ann");
    before.grow(600);
    const reasons: number[] = [];
    for (const user of ["ann", "bob"]) {
      let go = (_bytes: number) => {};
      const run = new SharedRun(cache.spool(user), (signal, _askers, onProgress) => {
        go = onProgress;
        const { promise, reject } = Promise.withResolvers<Result>();
        signal.addEventListener("abort", () => reject(signal.reason));
        return promise;
      });
      run.hold(user);
      go(100);
      if (user === "bob") run.release(user);
      await run.ended;
      await rejects(async () => await run.result, (thrown: NineError) => reasons.push(thrown.errno) > 0);
    }
    deepStrictEqual(reasons, [Errno.ENOSPC, Errno.EINTR]);
  }));
