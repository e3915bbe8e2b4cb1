/**
 * Load on a whole node: `deno task soak [--operations N] [--minutes N] [--connections N] [--fids N] [--entries N]`.
 *
 * 1,000 connections at once; 100,000 fids on one of them; a directory of 100,000 files listed completely while it
 * changes; 20 million mixed operations, for 10 minutes at least, with the growth of resident memory after warm-up in MB
 * a minute. One line for each with what was measured; the code is 1 where one does not hold. For a short check give
 * smaller numbers, and --minutes 0.
 */
import { join } from "node:path";
import { parseArgs } from "node:util";
import { fileURLToPath } from "node:url";
import { manyConnections } from "./load/connections.ts";
import { manyFids } from "./load/fids.ts";
import { changingDirectory } from "./load/listing.ts";
import { mixedOperations } from "./load/mixed.ts";
import type { Loaded, Verdict } from "./load/verdict.ts";
import { buildLoad9p } from "./load9p.ts";
import { startLux9 } from "./subjects.ts";

const { values } = parseArgs({
  options: {
    operations: { type: "string", default: "20000000" },
    minutes: { type: "string", default: "10" },
    connections: { type: "string", default: "1000" },
    fids: { type: "string", default: "100000" },
    entries: { type: "string", default: "100000" },
  },
});

const root = fileURLToPath(new URL("..", import.meta.url));

const parts: readonly ((loaded: Loaded) => Promise<Verdict>)[] = [
  (loaded) => manyConnections(loaded, Number(values.connections)),
  (loaded) => manyFids(loaded, Number(values.fids)),
  (loaded) => changingDirectory(loaded, "mem", Number(values.entries)),
  (loaded) => changingDirectory(loaded, "host", Number(values.entries)),
  (loaded) =>
    mixedOperations(
      loaded,
      Number(values.operations),
      Number(values.minutes),
      join(root, ".lux9/bench/soak.json"),
    ),
];

await Deno.mkdir(join(root, ".lux9/bench"), { recursive: true });
const work = await Deno.makeTempDir({ dir: join(root, ".lux9/bench"), prefix: "load-" });
const folder = join(work, "tree");
await Deno.mkdir(folder);
const program = await buildLoad9p(join(root, ".lux9/bench"));
const node = await startLux9(folder, join(work, "home"));
let failed = 0;
try {
  for (const part of parts) {
    const { holds, says } = await part({ node, program, folder });
    console.log(`${holds ? "ok  " : "FAIL"} ${says}`);
    if (!holds) failed++;
  }
} finally {
  await node.stop();
  await Deno.remove(work, { recursive: true });
}
Deno.exit(failed > 0 ? 1 : 0);
