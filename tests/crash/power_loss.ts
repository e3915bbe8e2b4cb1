/**
 * Records a volume under a load and shows the store what a loss of power could have left of it at random moments.
 *
 *     deno task power-loss --count 2000
 *     deno task power-loss --seed 42 --count 100
 *     deno task power-loss --again FOLDER --step 1234 --seed 5
 *
 * A run is recorded by strace, as real time has it, so a seed does not bring the same again. What failed is kept, and
 * `--again` shows one moment of it as often as wanted.
 */
import { join } from "node:path";
import { parseArgs } from "node:util";
import { anySeed, Random } from "../fuzz/random.ts";
import { cannotRecord, recordRun } from "./record_run.ts";
import { RecordedRun } from "./recorded_run.ts";
import type { Step } from "./trace.ts";

const MOMENTS_A_RUN = 20;
const IMAGES_A_MOMENT = 2;
/** A volume begins anew after so many runs. */
const RUNS_A_VOLUME = 6;

export interface PowerLossOptions {
  readonly seed: number;
  /** How many images to show to the store. */
  readonly count: number;
  /** At how many moments of a run the power goes; 20. The next run begins with what one of them left. */
  readonly momentsARun?: number;
  readonly log?: (line: string) => void;
}

export interface PowerLossOutcome {
  images: number;
  moments: number;
  runs: number;
  /** Changes in recorded runs, and steps of their traces. */
  changes: number;
  steps: number;
  /** Images that lacked something that was answered, and how long ago that was at most. */
  lossy: number;
  lostMs: number;
}

/** Throws what was lost or broken, with the moment. */
export async function powerLoss(options: PowerLossOptions): Promise<PowerLossOutcome> {
  const { seed, count, momentsARun = MOMENTS_A_RUN, log = () => {} } = options;
  const random = new Random(seed);
  const top = await Deno.realPath(await Deno.makeTempDir({ prefix: "lux9-loss-" }));
  const outcome = { images: 0, moments: 0, runs: 0, changes: 0, steps: 0, lossy: 0, lostMs: 0 };
  let base = join(top, "new");
  await Deno.mkdir(base);
  while (outcome.images < count) {
    const folder = join(top, `run-${outcome.runs}`);
    await recordRun(folder, base, random);
    const run = new RecordedRun(folder);
    outcome.runs++;
    outcome.steps += run.steps.length;
    outcome.changes += run.changes;
    const left = Math.min(momentsARun, Math.ceil((count - outcome.images) / IMAGES_A_MOMENT));
    const moments = Array.from({ length: left }, () => momentIn(run.steps, random)).sort((a, b) => a - b);
    const next = random.below(moments.length);
    for (const [which, moment] of moments.entries()) {
      run.goTo(moment);
      outcome.moments++;
      const seeds = Array.from({ length: IMAGES_A_MOMENT }, () => random.below(2 ** 31));
      for (const seed of seeds) {
        const lostMs = await run.check(seed);
        outcome.images++;
        if (lostMs > 0) outcome.lossy++;
        outcome.lostMs = Math.max(outcome.lostMs, lostMs);
      }
      if (which === next) run.disk.writeTo(base = join(top, `left-${outcome.runs}`), seeds[0]);
    }
    await Deno.remove(folder, { recursive: true });
    if (outcome.runs % RUNS_A_VOLUME === 0) {
      await Deno.remove(base, { recursive: true });
      await Deno.mkdir(base);
    }
    log(said(outcome));
  }
  await Deno.remove(top, { recursive: true });
  return outcome;
}

/** Half of all moments are next to something other than a write. */
function momentIn(steps: readonly Step[], random: Random): number {
  const any = random.below(steps.length + 1);
  if (random.once(2)) return any;
  const found = steps.findIndex(({ kind }, i) => i >= any && kind !== "write" && kind !== "mark");
  return found < 0 ? any : Math.min(steps.length, found + random.below(3));
}

function said({ images, moments, runs, changes, steps, lossy, lostMs }: PowerLossOutcome): string {
  return `${images} images of ${moments} moments in ${runs} runs (${changes} changes, ${steps} system calls): ` +
    `${lossy} lacked changes that were not synced, at most ${lostMs.toFixed(0)} ms old; none lacked others`;
}

if (import.meta.main) {
  const { values } = parseArgs({
    args: Deno.args,
    options: {
      count: { type: "string", default: "1000" },
      seed: { type: "string" },
      again: { type: "string" },
      step: { type: "string" },
    },
  });
  const reason = cannotRecord();
  if (reason !== undefined) throw new Error(reason);
  const seed = values.seed === undefined ? anySeed() : Number(values.seed);
  if (values.again !== undefined) {
    const run = new RecordedRun(values.again);
    run.goTo(Number(values.step));
    console.log(`The oldest change that is lost is ${await run.check(seed)} ms old`);
  } else {
    console.log(`--seed ${seed} --count ${values.count}`);
    await powerLoss({ seed, count: Number(values.count), log: console.log });
  }
  Deno.exit(0);
}
