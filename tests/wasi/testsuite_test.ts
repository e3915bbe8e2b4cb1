import assert from "node:assert/strict";
import { FOLDER_VARIABLE, runTestsuite, table } from "./testsuite.ts";

Deno.test("every test of the public WASI suite passes, on files in memory and on real ones", async (t) => {
  const folder = Deno.env.get(FOLDER_VARIABLE);
  if (folder === undefined) {
    console.log(
      `SKIP ${t.name}: ${FOLDER_VARIABLE} names no checkout of its branch prod/testsuite-base`,
    );
    return;
  }
  const outcomes = await runTestsuite(folder);
  const failed = outcomes.filter(({ problem }) => problem !== undefined);
  assert.equal(failed.length, 0, table(failed));
  // A folder that has lost most of its tests would pass as well.
  assert.ok(outcomes.length >= 200, `Only ${outcomes.length} runs`);
});
