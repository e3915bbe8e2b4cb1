/**
 * Kills a node at random moments under a load, and compares what is there with what was answered.
 *
 *     deno task crash --count 500
 *     deno task crash --seed 42 --count 20
 */
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { verify } from "../../state/worker/mod.ts";
import { anySeed, Random } from "../fuzz/random.ts";
import { CrashWorker, doneBy } from "./worker.ts";

const LAUNCHER = fileURLToPath(new URL("../../lux9", import.meta.url));
const START_MS_MAX = 20_000;
const CLIENTS = 3;
/** Verifying takes longer the more a volume's history holds. */
const KILLS_A_VOLUME = 25;
/** How long the load lasts, at most. */
const LOAD_MS_MAX = 1000;
/** One kill in so many comes while the node starts, one in so many is none but a polite stop. */
const EARLY_ONCE = 6;
const CLEAN_ONCE = 12;

export interface CrashOptions {
  readonly seed: number;
  readonly count: number;
  readonly log?: (line: string) => void;
}

export interface CrashOutcome {
  readonly answered: number;
  /** How often each operation was tried. */
  readonly done: ReadonlyMap<string, number>;
}

/** Throws what was lost or broken, with the seed and the kill. */
export async function crash({ seed, count, log = () => {} }: CrashOptions): Promise<CrashOutcome> {
  const random = new Random(seed);
  const done = new Map<string, number>();
  const outcome = { answered: 0, done };
  for (let kills = 0; kills < count;) {
    const those = Math.min(KILLS_A_VOLUME, count - kills);
    const workers = await crashVolume(random, those).catch((thrown) => {
      throw new Error(`--seed ${seed}, after ${kills} kills of other volumes`, { cause: thrown });
    });
    kills += those;
    for (const { answered } of workers) outcome.answered += answered;
    for (const [operation, times] of doneBy(workers)) done.set(operation, (done.get(operation) ?? 0) + times);
    log(`${kills} kills, ${outcome.answered} changes answered, none lost`);
  }
  return outcome;
}

/** The same, with a new volume. Returns the clients. */
async function crashVolume(random: Random, count: number): Promise<CrashWorker[]> {
  const home = await Deno.makeTempDir({ prefix: "lux9-crash-" });
  await Deno.chmod(home, 0o700);
  await Deno.writeTextFile(join(home, "lux9.yaml"), "mounts:\n  - {at: /data, volume: data}\n");
  const volume = join(home, "volumes", "data");
  const address = `unix!${join(home, "run", "9p")}`;
  const workers = Array.from(
    { length: CLIENTS },
    (_, i) => new CrashWorker(address, "data", `client-${i}`, new Random(random.below(2 ** 31))),
  );
  let kill = 0;
  let node: Deno.ChildProcess | undefined;
  try {
    for (; kill < count; kill++) {
      if (kill > 0 && random.once(EARLY_ONCE)) {
        node = spawn(home);
        await sleep(random.below(1000));
        await end(node, "SIGKILL");
        isClean(volume);
      }
      node = spawn(home);
      await listens(join(home, "run", "9p"));
      for (const worker of workers) {
        await worker.connect();
        await worker.check();
      }
      const running = Promise.all(workers.map((worker) => worker.run()));
      running.catch(() => {});
      await Promise.race([running, sleep(20 + random.below(LOAD_MS_MAX))]);
      await end(node, random.once(CLEAN_ONCE) ? "SIGTERM" : "SIGKILL");
      await running;
      isClean(volume);
    }
    node = spawn(home);
    await listens(join(home, "run", "9p"));
    for (const worker of workers) {
      await worker.connect();
      await worker.check();
      worker.close();
    }
    await end(node, "SIGTERM");
    isClean(volume);
    await Deno.remove(home, { recursive: true });
    return workers;
  } catch (thrown) {
    if (node !== undefined) await end(node, "SIGKILL");
    throw new Error(`Kill ${kill} of this volume; the home is in ${home}`, { cause: thrown });
  }
}

function isClean(volume: string): void {
  const { problems } = verify(volume);
  if (problems.length > 0) throw new Error(`verify found:\n${problems.join("\n")}`);
}

function spawn(home: string): Deno.ChildProcess {
  const args = ["up", "--home", home];
  return new Deno.Command(LAUNCHER, { args, stdin: "null", stdout: "null", stderr: "inherit" }).spawn();
}

async function end(node: Deno.ChildProcess, signal: Deno.Signal): Promise<void> {
  try {
    node.kill(signal);
  } catch { /* It has ended already. */ }
  await node.status;
}

async function listens(path: string): Promise<void> {
  const until = performance.now() + START_MS_MAX;
  for (;;) {
    try {
      return (await Deno.connect({ transport: "unix", path })).close();
    } catch (thrown) {
      if (performance.now() > until) {
        throw new Error(`The node did not come up within ${START_MS_MAX} ms: ${thrown}`);
      }
      await sleep(10);
    }
  }
}

const sleep = (ms: number) => new Promise((wake) => setTimeout(wake, ms));

if (import.meta.main) {
  const { values } = parseArgs({
    args: Deno.args,
    options: { count: { type: "string", default: "500" }, seed: { type: "string" } },
  });
  const seed = values.seed === undefined ? anySeed() : Number(values.seed);
  console.log(`--seed ${seed} --count ${values.count}`);
  const begin = performance.now();
  const { answered, done } = await crash({ seed, count: Number(values.count), log: console.log });
  const seconds = ((performance.now() - begin) / 1000).toFixed(0);
  console.log(`${values.count} kills in ${seconds} s: ${answered} changes answered, none lost, no file torn`);
  console.log([...done].map(([operation, times]) => `${operation} ${times}`).join(", "));
}
