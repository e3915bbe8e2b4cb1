/** The first ten thousand of a million runs, as `deno task soak-translators` does them: what they leave, and what gets lost. */
import { ok } from "node:assert/strict";
import { manyRuns, modules } from "../../bench/translators/many_runs.ts";
import { replacedWorkers } from "../../bench/translators/replaced_workers.ts";
import { computingNode, whyNot } from "./computing_node.ts";
import { put } from "./modules.ts";

function test(name: string, body: () => Promise<void>): void {
  const reason = whyNot();
  if (reason) console.log(`SKIP ${name}: ${reason}`);
  Deno.test({ name, ignore: reason !== undefined, fn: body });
}

test("many runs leave no descriptors, and each is answered as it should be", async () => {
  await using node = await computingNode([], {
    async prepare(home) {
      for (const [name, wasm] of Object.entries(modules())) await put(home, name, wasm);
    },
  });
  const { pid, socket } = node.node;
  const { holds, says } = await manyRuns({ pid, address: socket }, 5000, () => {});
  console.log(says);
  ok(holds, says);
});

test("Workers that die and hang are replaced, and no run is lost", async () => {
  const { holds, says } = await replacedWorkers(1200);
  console.log(says);
  ok(holds, says);
});
