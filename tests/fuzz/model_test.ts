import { startHost } from "../conformance/subjects/host.ts";
import { startLater, startMem } from "../conformance/subjects/mem.ts";
import { startForgetfulVolume, startVolume } from "../conformance/subjects/volume.ts";
import { fuzzModel } from "./model.ts";

const RUNS = [
  { name: "mem", start: startMem, count: 20_000 },
  { name: "later", start: startLater, count: 10_000 },
  { name: "host", start: startHost, count: 10_000 },
  { name: "volume", start: startVolume, count: 10_000 },
  { name: "forgetful volume", start: startForgetfulVolume, count: 20_000 },
];

for (const { name, start, count } of RUNS) {
  Deno.test(`fuzz: ${count} operations on ${name} agree with a model of a tree`, async () => {
    const seed = Number(Deno.env.get("LUX9_SEED") ?? 1);
    console.log(`--seed ${seed} --count ${count} --server ${name}`);
    await fuzzModel({ seed, count, start });
  });
}
