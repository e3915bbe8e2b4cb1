/**
 * The Linux kernel as a client, in each dialect: the flows, with few files. The long form is long.ts.
 *
 * A failure prints what the flow did last; `LUX9_TEST_FLOW=name` runs that flow alone.
 */
import { flowsInGuest, SHORT } from "./flows/flows.ts";
import { guestMissing } from "./guest/mod.ts";
import { interopTest } from "./interop_test_case.ts";
import { DIALECTS, twoMounts } from "./mounts.ts";
import { serverMissing, testServer } from "./server.ts";

const GUEST_MS_MAX = 600_000;

const missing = await guestMissing();

for (const version of DIALECTS) {
  interopTest(
    `Linux mounts ${version}: flows of real programs`,
    missing ?? serverMissing(version),
    async () => {
      await using server = await testServer();
      const result = await flowsInGuest({
        way: version,
        size: SHORT,
        mounts: twoMounts(server, version),
        folder: server.folder,
        only: Deno.env.get("LUX9_TEST_FLOW"),
        timeoutMs: GUEST_MS_MAX,
      });
      if (result.failed > 0) throw new Error(`${result.failed} flows failed\n${result.failures}`);
    },
  );
}
