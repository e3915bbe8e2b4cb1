import assert from "node:assert/strict";
import { RULES } from "./rules.ts";
import { runRules } from "./runner.ts";
import type { Started } from "./subject.ts";

const RESIDUE_MS = 2000;

/** The whole suite as one Deno test with a step for each rule and dialect. */
export function conformance(name: string, start: () => Promise<Started>): void {
  Deno.test(`conformance: ${name}`, async (t) => {
    const started = await start();
    try {
      await runRules(RULES, started, {
        async onResult({ id, what, dialect, outcome, reason }) {
          await t.step({
            name: `${id} ${what} (${dialect})${outcome === "skip" ? `: skipped, ${reason}` : ""}`,
            ignore: outcome === "skip",
            fn: () => assert.equal(outcome, "pass", reason),
          });
        },
      });
      await t.step("nothing is left of all the clients", () => leavesNothing(started));
    } finally {
      await started.close();
    }
  });
}

async function leavesNothing({ subject }: Started): Promise<void> {
  const until = performance.now() + RESIDUE_MS;
  const residue = subject.features.residue ?? (() => []);
  while (residue().length > 0 && performance.now() < until) await new Promise((wake) => setTimeout(wake, 10));
  assert.deepEqual(residue(), []);
}
