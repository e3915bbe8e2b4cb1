/**
 * The long runs: ten million mutated frames and a million random operations, as much again by the other ways in, and the
 * tests beside the code that take a seed, with other seeds than their own.
 *
 *     deno run -A tests/fuzz/long.ts [--seed S]
 */
import { parseArgs } from "node:util";
import { startHost } from "../conformance/subjects/host.ts";
import { startLater, startMem } from "../conformance/subjects/mem.ts";
import { startTreeMem } from "../conformance/subjects/tree.ts";
import { fuzzFrames } from "./frames.ts";
import { fuzzModel } from "./model.ts";
import { anySeed } from "./random.ts";

const FRAMES = [
  { through: "engine", isLater: false, count: 10_000_000 },
  { through: "engine", isLater: true, count: 2_000_000 },
  { through: "socket", isLater: false, count: 1_000_000 },
] as const;

const OPERATIONS = [
  { server: "mem", start: startMem, count: 1_000_000 },
  { server: "later", start: startLater, count: 200_000 },
  { server: "tree", start: startTreeMem, count: 200_000 },
  { server: "host", start: startHost, count: 200_000 },
];

const SEEDED_TESTS = [
  "9p/wire/codec_test.ts",
  "9p/server/locks_test.ts",
  "servers/host/descriptors_test.ts",
  "servers/volume/restore_random_test.ts",
  "state/log/recovery_test.ts",
  "state/chunks/cut_test.ts",
  "state/chunks/store_test.ts",
  "translators/wasi/hostile_test.ts",
  "translators/gallery/native_test.ts",
];
const SEEDS = 20;

const { values } = parseArgs({ args: Deno.args, options: { seed: { type: "string" } } });
const seed = values.seed === undefined ? anySeed() : Number(values.seed);
console.log(`--seed ${seed}`);

/** Each part takes minutes: it is announced, so that whoever ends the run from outside sees what it was at. */
async function timed(what: string, work: () => Promise<string>): Promise<void> {
  console.log(`${what} …`);
  const begin = performance.now();
  const outcome = await work();
  const seconds = ((performance.now() - begin) / 1000).toFixed(0);
  console.log(
    `${what}: ${outcome}, ${seconds} s, ${Math.round(Deno.memoryUsage().rss / 2 ** 20)} MiB resident`,
  );
}

for (const { through, isLater, count } of FRAMES) {
  await timed(`${count} frames through the ${through}${isLater ? ", answering later" : ""}`, async () => {
    const { replies, closes } = await fuzzFrames({ seed, count, through, isLater });
    return `${replies} replies, ${closes} connections closed by the server`;
  });
}
for (const { server, start, count } of OPERATIONS) {
  await timed(`${count} operations on ${server}`, async () => {
    await fuzzModel({ seed, count, start, log: (line) => console.log(`  ${line}`) });
    return "agree with the model";
  });
}
await timed(`${SEEDS} seeds for the tests that take one`, async () => {
  for (let i = 1; i <= SEEDS; i++) {
    const env = { LUX9_SEED: `${seed % 0x7fff_0000 + i}` };
    const args = ["test", "-A", "--no-check", "--quiet", ...SEEDED_TESTS];
    const { success, stdout } = await new Deno.Command(Deno.execPath(), { args, env, stderr: "inherit" })
      .output();
    if (success) continue;
    console.log(new TextDecoder().decode(stdout));
    throw new Error(`A test failed with LUX9_SEED=${env.LUX9_SEED}`);
  }
  return "agree with what they are compared with";
});
