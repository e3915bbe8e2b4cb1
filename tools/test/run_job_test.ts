import assert from "node:assert/strict";
import { casesOf } from "./junit.ts";
import { judge } from "./run_job.ts";

/** As `deno test --junit-path` writes it. */
const REPORT = `<?xml version="1.0" encoding="UTF-8"?>
<testsuites name="deno test" tests="9" failures="4" errors="0" time="0.027">
    <testsuite name="./a_test.ts" tests="9" disabled="2" errors="0" failures="4">
        <testcase name="Twalk answers ENOENT" classname="./a_test.ts" time="0.000" line="1" col="6">
        </testcase>
        <testcase name="needs 9pfuse" classname="./a_test.ts" time="0.000" line="2" col="6">
            <skipped/>
        </testcase>
        <testcase name="says &quot;a &gt; b&quot; &amp; more" classname="./a_test.ts" time="0.000" line="3" col="6">
            <failure message="Uncaught Error: no &lt;good&gt;">Error: no</failure>
        </testcase>
        <testcase name="rules" classname="./a_test.ts" time="0.002" line="4" col="6">
            <failure message="1 test step failed">1 test step failed.</failure>
        </testcase>
        <testcase name="kernel: 9P2000.L" classname="./a_test.ts" time="0.016" line="5" col="6">
        </testcase>
        <testcase name="rules &gt; R01" classname="./a_test.ts" time="0.000" line="4" col="89">
        </testcase>
        <testcase name="rules &gt; R02" classname="./a_test.ts" time="0.001" line="4" col="167">
            <failure message="1 test step failed">1 test step failed.</failure>
        </testcase>
        <testcase name="rules &gt; R02 &gt; deep" classname="./a_test.ts" time="0.000" line="4" col="202">
            <failure message="Uncaught Error: x">Error: x</failure>
        </testcase>
    </testsuite>
</testsuites>`;

Deno.test("casesOf reads results, names and messages", () => {
  const cases = casesOf(REPORT);
  assert.equal(cases.length, 8);
  assert.deepEqual(cases[2], {
    file: "a_test.ts",
    name: 'says "a > b" & more',
    result: "failed",
    message: "Uncaught Error: no <good>",
  });
});

Deno.test("judge counts steps instead of their test, and skips by reason", () => {
  const output =
    "running 5 tests from ./a_test.ts\nSKIP needs 9pfuse: not on PATH\nSKIP kernel: 9P2000.L: no qemu-system-x86_64: install it\n";
  assert.deepEqual(judge(casesOf(REPORT), ["a_test.ts"], output), {
    passed: 2,
    skips: ["needs 9pfuse: not on PATH", "kernel: 9P2000.L: no qemu-system-x86_64: install it"],
    failures: ['a_test.ts: says "a > b" & more', "a_test.ts: rules > R02 > deep"],
  });
});

Deno.test("judge knows the test of a step that was written in another file", () => {
  const cases = [
    { file: "a_test.ts", name: "page", result: "passed", message: "" },
    { file: "helper.ts", name: "page > one", result: "passed", message: "" },
    { file: "helper.ts", name: "page > two", result: "passed", message: "" },
  ] as const;
  const output = "running 1 test from ./a_test.ts\nSKIP two: no reason\n";
  assert.deepEqual(judge(cases, ["a_test.ts"], output), {
    passed: 1,
    skips: ["page > two: no reason"],
    failures: [],
  });
});

Deno.test("judge fails a file that ran no test, unless only some were asked for", () => {
  assert.deepEqual(judge([], ["b_test.ts"], "").failures, ["b_test.ts: ran no test"]);
  assert.deepEqual(judge([], ["b_test.ts"], "running 0 tests from ./b_test.ts\n").failures.length, 1);
  assert.deepEqual(judge([], ["b_test.ts"], "running 1 test from ./b_test.ts\n").failures, []);
  assert.deepEqual(judge([], ["b_test.ts"], "", true).failures, []);
});
