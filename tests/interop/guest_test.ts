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

/** What runs on a volume as well, for 20 seconds at most. All of it: `./lux9 task interop volume`. */
const ON_A_VOLUME = [
  "cp_a",
  "sed_in_place",
  "rename_over_open",
  "unlink_while_open",
  "truncate_and_grow",
  "modes",
  "symlinks",
  "hard_links",
  "fifo",
  "special_bits",
  "sticky_folder",
  "several_users",
  "owners",
  "extended_attributes",
  "appended_from_two_clients",
].join(" ");

const isNode = Deno.env.get("LUX9_TEST_ADDR") === undefined;
const missing = await guestMissing();

for (const version of DIALECTS) {
  interopTest(
    `Linux mounts ${version}: flows of real programs`,
    missing ?? serverMissing(version),
    async () => {
      const only = Deno.env.get("LUX9_TEST_FLOW");
      // Once, since below the volume's server the dialects are one.
      const volumeAt = isNode && version === "9p2000.L" ? "/volume" : undefined;
      await using server = await testServer({ volumeAt });
      const result = await flowsInGuest({
        way: version,
        size: SHORT,
        mounts: twoMounts(server, version),
        folder: server.folder,
        only,
        again: volumeAt && { folder: volumeAt, only: only ?? ON_A_VOLUME },
        timeoutMs: GUEST_MS_MAX,
      });
      if (result.failed > 0) throw new Error(`${result.failed} flows failed\n${result.failures}`);
    },
  );
}
