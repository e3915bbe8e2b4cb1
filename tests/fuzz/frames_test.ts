import { type FramesOptions, fuzzFrames } from "./frames.ts";

const RUNS: Pick<FramesOptions, "through" | "isLater" | "count">[] = [
  { through: "engine", isLater: false, count: 120_000 },
  { through: "engine", isLater: true, count: 50_000 },
  { through: "socket", isLater: false, count: 30_000 },
];

for (const { through, isLater, count } of RUNS) {
  const how = `${through}${isLater ? ", answering later" : ""}`;
  Deno.test(`fuzz: ${count} mutated frames through the ${how}`, async () => {
    const seed = Number(Deno.env.get("LUX9_SEED") ?? 1);
    console.log(`--seed ${seed} --count ${count} --through ${through}${isLater ? " --later" : ""}`);
    await fuzzFrames({ through, isLater, count, seed });
  });
}
