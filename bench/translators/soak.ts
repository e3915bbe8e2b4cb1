/**
 * Many runs, watched: `deno task soak-translators [--runs N] [--flaky N]`.
 *
 * 1,000,000 runs through a node, each of new work, with modules that fail and readers that give up: no growth of resident
 * memory in the second half, no descriptors left. 20,000 runs by an engine whose Workers die and hang: each is replaced,
 * and no run is lost. One line for each with what was measured; the code is 1 where one does not hold.
 */
import { join } from "node:path";
import { parseArgs } from "node:util";
import type { Verdict } from "../load/verdict.ts";
import { startLux9 } from "../subjects.ts";
import { manyRuns, modules } from "./many_runs.ts";
import { replacedWorkers } from "./replaced_workers.ts";

const { values } = parseArgs({
  options: { runs: { type: "string", default: "1000000" }, flaky: { type: "string", default: "20000" } },
});
// Short: the path of a unix socket fits 107 bytes.
const folder = await Deno.makeTempDir({ prefix: "lux9-soak-" });
let failed = 0;
try {
  const parts = [() => throughANode(Number(values.runs)), () => replacedWorkers(Number(values.flaky))];
  for (const part of parts) {
    const { holds, says } = await part();
    console.log(`${holds ? "ok  " : "FAIL"} ${says}`);
    if (!holds) failed++;
  }
} finally {
  await Deno.remove(folder, { recursive: true });
}
Deno.exit(failed > 0 ? 1 : 0);

async function throughANode(runs: number): Promise<Verdict> {
  const home = join(folder, "home");
  const tree = join(folder, "tree");
  await Deno.mkdir(tree);
  for (const [name, bytes] of Object.entries(modules())) {
    await Deno.mkdir(join(home, "translators", name), { recursive: true });
    await Deno.writeFile(join(home, "translators", name, "module.wasm"), bytes);
  }
  const node = await startLux9(tree, home);
  try {
    return await manyRuns({ pid: node.pid, address: `unix!${join(home, "run", "9p")}` }, runs);
  } finally {
    await node.stop();
  }
}
