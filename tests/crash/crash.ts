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
import { CrashWorker } from "./worker.ts";

const LAUNCHER = fileURLToPath(new URL("../../lux9", import.meta.url));
const START_MS_MAX = 20_000;
const CLIENTS = 3;
/** How long the load lasts, at most. */
const LOAD_MS_MAX = 700;
/** One kill in so many comes while the node starts, one in so many is none but a polite stop. */
const EARLY_ONCE = 6;
const CLEAN_ONCE = 12;

export interface CrashOptions {
  readonly seed: number;
  readonly count: number;
  readonly log?: (line: string) => void;
}

/** Throws what was lost or broken, with the seed and the kill. */
export async function crash({ seed, count, log = () => {} }: CrashOptions): Promise<{ answered: number }> {
  const random = new Random(seed);
  const home = await Deno.makeTempDir({ prefix: "lux9-crash-" });
  await Deno.chmod(home, 0o700);
  await Deno.writeTextFile(join(home, "lux9.yaml"), "mounts:\n  - {at: /data, volume: data}\n");
  const volume = join(home, "volumes", "data");
  const address = `unix!${join(home, "run", "9p")}`;
  const workers = Array.from(
    { length: CLIENTS },
    (_, i) => new CrashWorker(address, "/data", `client-${i}`, new Random(random.below(2 ** 31))),
  );
  const answered = () => workers.reduce((sum, { answered }) => sum + answered, 0);
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
      const running = workers.map((worker) => worker.run());
      const running_ = Promise.all(running);
      running_.catch(() => {});
      await Promise.race([running_, sleep(20 + random.below(LOAD_MS_MAX))]);
      await end(node, random.once(CLEAN_ONCE) ? "SIGTERM" : "SIGKILL");
      await running_;
      isClean(volume);
      if ((kill + 1) % 10 === 0) log(`${kill + 1} kills, ${answered()} changes answered, none lost`);
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
    return { answered: answered() };
  } catch (thrown) {
    if (node !== undefined) await end(node, "SIGKILL");
    throw new Error(`--seed ${seed}, kill ${kill}; the home is in ${home}`, { cause: thrown });
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
  const { answered } = await crash({ seed, count: Number(values.count), log: console.log });
  const seconds = ((performance.now() - begin) / 1000).toFixed(0);
  console.log(`${values.count} kills in ${seconds} s: ${answered} changes answered, none lost, no file torn`);
}
