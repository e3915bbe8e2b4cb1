/**
 * The long form of the simulation of copies that work apart:
 *
 *     deno task simulate-copies --first 1 --count 100000
 *     deno task simulate-copies --first 4711 --count 1
 *
 * It says how far it is, so that it can go on from there, and with `--all` it goes on after a schedule that fails. With `--on-demand` it passes over those in which all copies have all contents.
 */
import { parseArgs } from "node:util";
import { scheduleOf, simulateMany } from "./_apart.ts";

const PROGRESS_MS = 60_000;

const { values } = parseArgs({
  options: {
    first: { type: "string", default: "1" },
    count: { type: "string", default: "100000" },
    "on-demand": { type: "boolean", default: false },
    all: { type: "boolean", default: false },
  },
});
const [first, count] = [Number(values.first), Number(values.count)];
if (!(first >= 0 && count > 0)) throw new Error("--first and --count are numbers of schedules");
const seeds = Array.from({ length: count }, (_, i) => first + i)
  .filter((seed) => !values["on-demand"] || scheduleOf(seed).onDemand?.length);
const start = performance.now();
let told = start;
let failed = 0;
let longestMs = 0;
for (const [i, seed] of seeds.entries()) {
  const began = performance.now();
  try {
    await simulateMany(seed, 1);
    longestMs = Math.max(longestMs, performance.now() - began);
  } catch (thrown) {
    failed++;
    console.log((thrown as Error).message);
    for (let at = (thrown as Error).cause; at instanceof Error; at = at.cause) console.log(at.stack);
    if (!values.all) Deno.exit(1);
  }
  const now = performance.now();
  if (now < told + PROGRESS_MS && i < seeds.length - 1) continue;
  told = now;
  const done = i + 1;
  const ms = ((now - start) / done).toFixed(1);
  console.log(
    `${done} of ${seeds.length} schedules, ${failed} failed, ${ms} ms each, at most ${
      longestMs.toFixed(0)
    }; ` +
      `next is --first ${seed + 1}`,
  );
}
Deno.exit(failed > 0 ? 1 : 0);
