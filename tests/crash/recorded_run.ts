import { join } from "node:path";
import { verify } from "../../state/worker/mod.ts";
import { Random } from "../fuzz/random.ts";
import { CutDisk } from "./cut_disk.ts";
import { Promises } from "./promises.ts";
import { linesOf } from "./record.ts";
import { statesPath } from "./record_run.ts";
import type { Recorded } from "./recorded.ts";
import { readTrace, type Step } from "./trace.ts";
import { clientName, CLIENTS, SMALL } from "./volume_load.ts";
import { startVolumeNode } from "./volume_node.ts";
import { CrashWorker } from "./worker.ts";

/** A change is to be durable a second after it was answered; a machine with much else to do lets processes wait for longer. */
const LATE_MS_MAX = 10_000;
/** What a store tells of after any loss of power. */
const LOST = [
  /^The log ended within operation \d+: \d+ bytes of it that were not durable yet are gone$/,
  /^index\.sqlite-wal was good up to frame \d+ of \d+: what it lacked came from the log of operations$/,
];

/** A recorded run, which is gone through step by step. */
export class RecordedRun {
  readonly steps: readonly Step[];
  readonly disk: CutDisk;
  readonly #promises = new Promises(CLIENTS);
  /** By client, what its folder is like in each state. */
  readonly #texts: string[][] = Array.from({ length: CLIENTS }, () => []);
  #step = 0;

  constructor(readonly folder: string) {
    const files = [...Deno.readDirSync(folder)].filter(({ name }) => name.startsWith("states-")).length;
    for (let i = 0; i < files; i++) {
      const { lines, states, troubles } = JSON.parse(
        Deno.readTextFileSync(statesPath(folder, i)),
      ) as Recorded;
      const damage = troubles.filter(isDamage);
      if (damage.length > 0) {
        throw new Error(`The recorded store in ${folder} told of ${damage.join("\n")}`);
      }
      for (const [client, of] of states.entries()) {
        this.#texts[client].push(...of.map((numbers) => numbers.map((number) => lines[number]).join("\n")));
      }
    }
    const options = { root: join(folder, "live"), marks: join(folder, "marks") };
    this.steps = [...readTrace(Deno.readFileSync(join(folder, "trace")), options)];
    this.disk = new CutDisk(join(folder, "base"));
  }

  /** How many changes were asked for. */
  get changes(): number {
    return this.#texts.reduce((sum, { length }) => sum + length, 0);
  }

  /** The power goes when so many steps are done. */
  goTo(moment: number): void {
    for (; this.#step < moment; this.#step++) {
      const step = this.steps[this.#step];
      this.disk.apply(step);
      if (step.kind === "mark") this.#promises.apply(step.text, step.ms);
    }
  }

  /** Starts the store on what is left. Says how old the oldest change is that is lost; throws where that was not to be. */
  async check(seed: number): Promise<number> {
    const image = join(this.folder, "image");
    try {
      this.disk.writeTo(image, seed);
      const lostMs = this.#compare(await whatIsIn(image, seed % 2 === 0));
      Deno.removeSync(image, { recursive: true });
      return lostMs;
    } catch (thrown) {
      const again = `--again ${this.folder} --step ${this.#step} --seed ${seed}`;
      throw new Error(`After step ${this.#step} of ${this.steps.length}: ${again}`, { cause: thrown });
    }
  }

  #compare(found: readonly (readonly string[])[]): number {
    const like = found.map((lines, client) => {
      const { durable, answered, begun } = this.#promises.range(client);
      const text = lines.join("\n");
      const all = this.#texts[client].flatMap((known, state) => known === text ? [state] : []);
      const allowed = all.filter((state) => state >= durable && state <= begun);
      if (allowed.length > 0) return allowed;
      throw new Error(
        `${clientName(client)} is in ${all.length > 0 ? `state ${all}` : "no state that it was in"}; ` +
          `durable was ${durable}, answered ${answered}, begun ${begun}.\n` +
          this.#difference(lines, client, answered) + this.#difference(lines, client, durable),
      );
    });
    const together = this.#promises.together(like);
    if (together === undefined) {
      throw new Error(`The clients are in states ${like.join(" and ")}, which do not go together`);
    }
    const nowMs = this.steps[Math.max(0, this.#step - 1)]?.ms ?? 0;
    const lostMs = Math.max(...together.map((state, client) => this.#promises.lostMs(client, state, nowMs)));
    if (lostMs > LATE_MS_MAX) throw new Error(`A change that is lost was answered ${lostMs} ms before`);
    return lostMs;
  }

  #difference(lines: readonly string[], client: number, state: number): string {
    const expected = this.#texts[client][state].split("\n");
    const beside = (those: readonly string[], others: readonly string[]) =>
      those.filter((line) => !others.includes(line)).join("\n");
    return `In state ${state}, and not there:\n${beside(expected, lines)}\n` +
      `There, and not in state ${state}:\n${beside(lines, expected)}\n`;
  }
}

/** Whether it is more than that something was lost which was not synced. */
function isDamage(trouble: string): boolean {
  return !LOST.some((lost) => lost.test(trouble));
}

/** What the clients see in a volume, which is then left by `isAbandoned` or closed, and verified. */
async function whatIsIn(folder: string, isAbandoned: boolean): Promise<string[][]> {
  const node = await startVolumeNode(folder, SMALL);
  const found: string[][] = [];
  try {
    for (let i = 0; i < CLIENTS; i++) {
      const worker = new CrashWorker(node.address, "data", clientName(i), new Random(0));
      await worker.connect();
      found.push(linesOf(await worker.look()));
      worker.close();
    }
  } finally {
    await (isAbandoned ? node.abandon() : node.close());
  }
  const problems = [...node.troubles.filter(isDamage), ...verify(folder).problems];
  if (problems.length > 0) throw new Error(`The store tells of:\n${problems.join("\n")}`);
  return found;
}
