/** Files that are computed, through 9pfuse and through the Linux kernel: the flows on little data. */
import { computedHere, computedInGuest } from "./computed.ts";
import { jqMissing, SMALL } from "./flows/computed_data.ts";
import type { FlowsResult } from "./flows/flows.ts";
import { guestMissing } from "./guest/mod.ts";
import { interopTest } from "./interop_test_case.ts";
import { ninepfuseMissing } from "./ninepfuse.ts";
import { computingMissing } from "./server.ts";

const COMPUTED_MS_MAX = 240_000;

const missing = computingMissing();
const noJq = jqMissing();
if (missing === undefined && noJq !== undefined) {
  console.log(`SKIP what jq prints is not compared with: ${noJq}`);
}

const request = { size: SMALL, only: Deno.env.get("LUX9_TEST_FLOW"), timeoutMs: COMPUTED_MS_MAX };

interopTest("9pfuse: flows with computed files", missing ?? ninepfuseMissing(), async () => {
  mustPass(await computedHere(request));
});

interopTest("Linux 9p2000.L: flows with computed files", missing ?? await guestMissing(), async () => {
  mustPass(await computedInGuest({ ...request, version: "9p2000.L" }));
});

function mustPass({ failed, failures }: FlowsResult): void {
  if (failed > 0) throw new Error(`${failed} flows failed\n${failures}`);
}
