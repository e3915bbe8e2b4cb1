/** Copies of one volume that work apart, die, and meet: what `copies_apart_test.ts` runs. */
import { shrunk } from "../sync/_simulation.ts";
import { type Random, randomFrom } from "../tree/simulation.ts";
import type { Log } from "./_apart_meetings.ts";
import { settle } from "./_apart_settle.ts";
import { World } from "./_apart_world.ts";
import type { Neglect } from "./_powered_copy.ts";

/** What happens: each step decides by its own number alone what it does, so that others can be left out. */
export interface Schedule {
  readonly copies: number;
  readonly steps: readonly number[];
  /** Copies to which contents come when somebody reads them: never all, and mostly none. */
  readonly onDemand?: readonly number[];
}

export function scheduleOf(seed: number): Schedule {
  const random = randomFrom(seed);
  const copies = 2 + [0, 0, 0, 1, 1, 2, 3][random(7)];
  const steps = Array.from({ length: 4 + random(26) }, () => random(2 ** 31));
  return { copies, steps, onDemand: random(4) === 0 ? someOf(copies, random) : [] };
}

function someOf(copies: number, random: Random): number[] {
  const numbers = Array.from({ length: copies }, (_, number) => number);
  const count = 1 + random(copies - 1);
  while (numbers.length > count) numbers.splice(random(numbers.length), 1);
  return numbers;
}

export interface Tested {
  readonly neglects?: Neglect;
  readonly log?: Log;
}

/**
 * Two to five copies with their databases, packs and logs of operations: clients work on them, sessions run between them and break, processes are killed and power is lost. Contents of some come
 * when somebody reads them. Throws where something is not kept that was durable or promised, where afterwards, in quiet, copies differ, where one shows another tree than its documents, or where
 * something that was written is nowhere though nobody who saw it removed it.
 */
export async function simulate(schedule: Schedule, { neglects, log = () => {} }: Tested = {}): Promise<void> {
  const world = await World.open({ ...schedule, log, neglects });
  try {
    for (const step of schedule.steps) await world.step(randomFrom(step));
    await settle(world);
  } finally {
    world.close();
  }
}

/** Runs schedules; of the first that fails it finds few steps that fail as well, and says what happens in these. */
export async function simulateMany(
  first: number,
  count: number,
  { neglects, onDone = () => {} }: { neglects?: Neglect; onDone?: (seed: number) => void } = {},
): Promise<void> {
  for (let seed = first; seed < first + count; seed++) {
    const schedule = scheduleOf(seed);
    const thrown = await failure(schedule, { neglects });
    if (thrown) throw await explained(seed, schedule, thrown, { neglects });
    onDone(seed);
  }
}

async function explained(
  seed: number,
  { copies, steps, onDemand = [] }: Schedule,
  thrown: unknown,
  tested: Tested,
): Promise<Error> {
  const same = messageOf(thrown);
  const few = await shrunk(
    steps,
    async (steps) => messageOf(await failure({ copies, steps, onDemand }, tested)) === same,
  );
  const script: string[] = [];
  const last = await failure({ copies, steps: few, onDemand }, {
    ...tested,
    log: (line) => script.push(line),
  });
  const told = last as Error | undefined;
  const whose = onDemand.length > 0 ? ` (on demand: ${onDemand.map((number) => number + 1)})` : "";
  return new Error(
    `Seed ${seed}, ${copies} copies${whose}, steps ${few}:\n${script.join("\n")}\n${
      told?.message ?? "It passes now"
    }`,
    { cause: last },
  );
}

/** What fails, without what is another each time. */
function messageOf(thrown: unknown): string | undefined {
  if (thrown === undefined) return undefined;
  return String(thrown).split("\n")[0].replaceAll(/\d+|[0-9a-f]{8,}/g, "").slice(0, 60);
}

async function failure(schedule: Schedule, tested: Tested): Promise<unknown> {
  try {
    await simulate(schedule, tested);
    return undefined;
  } catch (thrown) {
    return thrown;
  }
}
