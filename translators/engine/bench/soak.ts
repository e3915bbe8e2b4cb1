/**
 * Many runs, watched: `deno run -A --v8-flags=--max-semi-space-size=1 translators/engine/bench/soak.ts [RUNS]`, 1,000,000
 * unless told otherwise. Fails if memory grows or descriptors are left. Every 97th run ends badly, every 1009th is
 * interrupted. Without the flag V8 lets the nursery of each isolate grow with time, by tens of MiB, which hides what is lost.
 */
import { CAT, command, LIMITS, testEngine } from "../_testing.ts";

const runs = Number(Deno.args[0] ?? 1_000_000);
const IN_FLIGHT = 8;
/** What memory may grow by from the first tenth on, bytes: what an allocator keeps, not what a run leaves. */
const GROWTH_MAX = 8 * 1024 * 1024;

await using test = testEngine();
const { engine, request } = test;
const cat = command(CAT);
const bad = command("unreachable");
const spin = command("(loop (br 0))");
const input = new TextEncoder().encode("the same as ever");
const start = performance.now();
let started = 0;
let wrong = 0;
const samples: { runs: number; rss: number; descriptors: number }[] = [];

async function worker(): Promise<void> {
  while (started < runs) {
    const i = started++;
    if (i % Math.ceil(runs / 20) === 0) look(i);
    const kind = i % 1009 === 1008 ? "deadline" : i % 97 === 96 ? "trap" : undefined;
    const module = kind === "deadline" ? spin : kind === "trap" ? bad : cat;
    const limits = kind === "deadline" ? { ...LIMITS, wallMs: 5 } : LIMITS;
    const { failure, output } = await engine.run(
      request(module, { limits, stdin: { kind: "bytes", bytes: input } }),
    );
    const isRight = kind === undefined
      ? failure === undefined && output.kind === "bytes" && output.bytes.length === input.length
      : failure?.reason === kind;
    if (!isRight && wrong++ < 5) console.log(`run ${i}: ${failure?.error.message ?? "another output"}`);
  }
}

function look(at: number): void {
  const rss = Deno.memoryUsage().rss;
  const descriptors = [...Deno.readDirSync("/proc/self/fd")].length;
  samples.push({ runs: at, rss, descriptors });
  console.log(
    `${String(at).padStart(9)} runs  ${(rss / 1024 ** 2).toFixed(1)} MiB  ${descriptors} descriptors`,
  );
}

await Promise.all(Array.from({ length: IN_FLIGHT }, worker));
look(runs);
const { replaced } = engine.status();
const first = samples[Math.ceil(samples.length / 10)];
const last = samples[samples.length - 1];
const growth = last.rss - first.rss;
const micros = (performance.now() - start) * 1000 / runs;
console.log(
  `${runs} runs, ${micros.toFixed(0)} µs each; memory ${growth >= 0 ? "+" : ""}${
    (growth / 1024 ** 2).toFixed(1)
  } MiB, descriptors ${last.descriptors - first.descriptors}, ${wrong} wrong, ${replaced} Workers replaced`,
);
if (growth > GROWTH_MAX || last.descriptors > first.descriptors || wrong > 0 || replaced > 0) {
  Deno.exitCode = 1;
}
