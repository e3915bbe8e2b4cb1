import { crash } from "./crash.ts";

const KILLS = 15;

Deno.test(`crash: ${KILLS} kills under load lose nothing that was answered`, async () => {
  const seed = Number(Deno.env.get("LUX9_SEED") ?? 1);
  console.log(`--seed ${seed} --count ${KILLS}`);
  await crash({ seed, count: KILLS, log: console.log });
});
