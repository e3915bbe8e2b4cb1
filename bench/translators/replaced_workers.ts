/** Runs on an engine whose Workers die and hang, watched. */
import { join } from "node:path";
import { CAT, command, LIMITS, testEngine } from "../../translators/engine/_testing.ts";
import type { Verdict } from "../load/verdict.ts";

const IN_FLIGHT = 8;
/** A Worker dies in the middle of every so manyth run. */
const DEATHS_EVERY = 500;
/** One that hangs is given up 5 s after its run's time. */
const HANGS = 2;
/** MB: what a Worker takes that is being replaced while the last look is taken. */
const GROWTH_MAX = 32;
const PROGRAM = new URL("../../translators/engine/_flaky_worker.ts", import.meta.url);

/** Every run whose Worker dies is run again by another one, so that none is lost; one that hangs is a deadline. */
export async function replacedWorkers(runs: number): Promise<Verdict> {
  await using test = testEngine({ workerProgram: PROGRAM });
  const { engine, request, folder } = test;
  const cat = command(CAT);
  const input = new TextEncoder().encode("the same as ever");
  const problems: string[] = [];
  const expected = { deaths: 0, hangs: 0 };
  let started = 0;
  let warmMegabytes = 0;
  const megabytes = () => Deno.memoryUsage().rss / 1024 ** 2;

  const one = async (name: string, wallMs: number = LIMITS.wallMs) => {
    const { failure, output } = await engine.run(request(cat, {
      args: [name],
      stdin: { kind: "bytes", bytes: input },
      limits: { ...LIMITS, wallMs },
    }));
    if (name === "hang") {
      if (failure?.reason !== "deadline") problems.push(`a hanging Worker gave ${failure?.error.message}`);
    } else if (failure) problems.push(failure.error.message);
    else if (output.kind !== "bytes" || output.bytes.length !== input.length) problems.push("another output");
  };
  const caller = async () => {
    while (started < runs) {
      const i = started++;
      if (i === runs >> 1) warmMegabytes = megabytes();
      if (i % Math.ceil(runs / HANGS) === 1) {
        expected.hangs++;
        await one("hang", 50);
      } else if (i % DEATHS_EVERY === 100) {
        expected.deaths++;
        await one(`die once ${join(folder, `death.${i}`)}`);
      } else await one("cat");
    }
  };
  await Promise.all(Array.from({ length: IN_FLIGHT }, caller));
  const grown = megabytes() - warmMegabytes;
  const { replaced } = engine.status();
  return {
    holds: problems.length === 0 && replaced === expected.deaths + expected.hangs && grown < GROWTH_MAX,
    says:
      `${runs} runs while ${expected.deaths} Workers died and ${expected.hangs} hung: ${replaced} replaced, ` +
      `${problems.length} runs lost${problems.length > 0 ? ` (${problems.slice(0, 3).join("; ")})` : ""}, ${
        grown.toFixed(1)
      } MB more in the second half`,
  };
}
