import { deepStrictEqual as assertEquals } from "node:assert/strict";
import { indexTree, type NodeId } from "../tree/mod.ts";
import { linesOf } from "../tree/_fixture.ts";
import { checkShape, compareWithDocuments, operate, randomFrom, Tokens } from "../tree/simulation.ts";
import { type Faults, meet } from "./_channel.ts";
import { Copy } from "./_copy.ts";
import { Session, type SessionLimits } from "./mod.ts";

type Random = ReturnType<typeof randomFrom>;
type Log = (line: string) => void;

/** What happens in a schedule: each step decides by its own number alone what it does, so that others can be left out. */
export interface Schedule {
  readonly copies: number;
  readonly steps: readonly number[];
}

export function scheduleOf(seed: number): Schedule {
  const random = randomFrom(seed);
  const copies = 2 + random(4);
  return { copies, steps: Array.from({ length: 5 + random(30) }, () => random(2 ** 31)) };
}

/** Small ones, so that a session has several of everything. */
const LIMITS: Partial<SessionLimits>[] = [
  {},
  { fillBytes: 200, windowBytes: 500, batchBytes: 300 },
  { fillBytes: 1, windowBytes: 1, batchBytes: 1 },
];

/**
 * Two to five copies that work apart and meet over a channel that breaks, loses, repeats and crashes. Throws where afterwards, in quiet, they do not show the same tree,
 * where one shows another one than its documents, or where something that was written and durable is nowhere though nobody who saw it removed it.
 */
export async function simulate({ copies: count, steps }: Schedule, log: Log = () => {}): Promise<void> {
  const world = new World(count, log);
  for (const copy of world.copies.slice(1)) await meet(copy, world.copies[0]);
  for (const step of steps) await world.step(randomFrom(step));
  await world.settle();
}

class World {
  readonly copies: readonly Copy[];
  readonly #tokens = new Tokens();
  /** Words that each copy wrote and that are not durable. */
  readonly #fresh: string[][];
  /** Messages that a copy was sent in some session. */
  readonly #heard: { readonly to: number; readonly messages: readonly Uint8Array[] }[] = [];
  readonly #log: Log;

  constructor(count: number, log: Log) {
    this.copies = Array.from({ length: count }, (_, i) => i === 0 ? Copy.first(1) : new Copy(i + 1));
    this.#fresh = this.copies.map(() => []);
    this.#log = log;
    this.copies[0].flush();
    for (const copy of this.copies) copy.registered = this.copies.map(({ number }) => number);
  }

  async step(random: Random): Promise<void> {
    const number = random(this.copies.length);
    const copy = this.copies[number];
    switch (random(16)) {
      case 0:
      case 1:
      case 2:
      case 3:
      case 4:
      case 5:
        return this.#work(number, random);
      case 6:
        this.#log(`${number + 1} lets go of ${copy.prune()} records`);
        return;
      case 7:
        this.#log(`${number + 1} lets go of what is dead`);
        copy.trim();
        return;
      case 8:
        return this.#crash(number);
      case 9:
        return await this.#repeat(random);
      default:
        return await this.#meet(number, random);
    }
  }

  /** In quiet all meet until nothing is left to say; then all must be the same. */
  async settle(): Promise<void> {
    const { copies } = this;
    for (const copy of copies) copy.flush();
    for (const round of ["gather", "spread"]) {
      for (const other of copies.slice(1)) await this.#quiet(copies[0], other, round);
    }
    for (const other of copies.slice(1)) {
      const [session] = await this.#quiet(other, copies[0], "find nothing to do");
      const { sent, received } = session.summary;
      assertEquals([sent.records, received.records, sent.chunks, received.chunks], [0, 0, 0, 0]);
    }
    const [first] = copies;
    for (const copy of copies) {
      compareWithDocuments(copy.tree);
      assertEquals(linesOf(indexTree(copy.tree.index), true), linesOf(indexTree(first.tree.index), true));
      assertEquals(vectorOf(copy), vectorOf(first));
    }
    assertEquals(first.tree.shown().problems, []);
    checkShape(first.tree);
    this.#tokens.check(first.tree);
  }

  async #quiet(one: Copy, other: Copy, why: string): Promise<[Session, Session]> {
    const sessions = await meet(one, other);
    const endings = sessions.map(({ ending, summary: { refused } }) => ({ ...ending, refused }));
    const done = { kind: "done", refused: [] };
    assertEquals(endings, [done, done], `${one.number} and ${other.number} meet and ${why}`);
    return sessions;
  }

  #work(number: number, random: Random): void {
    const copy = this.copies[number];
    const { tree } = copy;
    const pick = <T>(things: readonly T[]): T => things[random(things.length)];
    for (let commits = 1 + random(3); commits > 0; commits--) {
      const count = random(4) === 0 ? 1 + random(4) : 1;
      tree.batching = count > 1;
      const written = new Set<NodeId>();
      for (let i = 0; i < count; i++) {
        const line = operate(tree, random, pick, this.#tokens, written);
        if (!line) continue;
        this.#fresh[number].push(...line.match(/t\d+t/g) ?? []);
        this.#log(`${number + 1}: ${line}`);
      }
      tree.batching = false;
      tree.commit();
    }
    if (random(4) > 0) this.#flush(number);
  }

  #flush(number: number): void {
    this.copies[number].flush();
    this.#fresh[number].length = 0;
  }

  #crash(number: number): void {
    const copy = this.copies[number];
    if (copy.durable === copy.journal.length) this.#fresh[number].length = 0;
    for (const token of this.#fresh[number].splice(0)) this.#tokens.unmade(token);
    copy.restart();
    this.#log(`${number + 1} crashes and starts again`);
    compareWithDocuments(copy.tree);
  }

  async #meet(number: number, random: Random): Promise<void> {
    const other = (number + 1 + random(this.copies.length - 1)) % this.copies.length;
    const heard: Uint8Array[][] = [[], []];
    const isCut = random(2) === 0;
    const faults: Faults = {
      ...isCut ? { cutAfter: random(20) } : {},
      ...random(4) === 0 ? { carry: carelessly(random) } : {},
      limits: LIMITS[random(LIMITS.length)],
      random,
      hear: (to, message) => heard[to].push(message),
    };
    const pair = [number, other];
    const sessions = await meet(this.copies[number], this.copies[other], faults);
    for (const [i, each] of pair.entries()) {
      this.#heard.push({ to: each, messages: heard[i] });
      // Whatever came made all before it durable, too.
      if (this.copies[each].durable === this.copies[each].journal.length) this.#fresh[each].length = 0;
    }
    const endings = sessions.map(({ ending }) => ending?.kind);
    this.#log(`${number + 1} meets ${other + 1}: ${endings}`);
    for (const session of sessions) {
      const { ending } = session;
      if (ending?.kind !== "done" && ending?.kind !== "cut" && !faults.carry) {
        throw new Error(`A session ended with ${JSON.stringify(ending)}`);
      }
      if (!isCut && !faults.carry) assertEquals(ending?.kind, "done");
      if (ending?.kind === "refused" && ending.code !== "message" || ending?.kind === "fork") {
        throw new Error(`A session ended with ${JSON.stringify(ending)}`, {
          cause: (ending as { thrown?: unknown }).thrown,
        });
      }
    }
    if (random(8) === 0) this.#crash(pair[random(2)]);
  }

  /** What a copy heard once comes again. */
  async #repeat(random: Random): Promise<void> {
    if (this.#heard.length === 0) return;
    const { to, messages } = this.#heard[random(this.#heard.length)];
    const session = new Session(this.copies[to]);
    for (const message of messages) {
      await session.next();
      await session.receive(message);
    }
    await session.cut();
    this.#log(`${to + 1} hears again what it heard before: ${session.ending?.kind}`);
    if (session.ending?.kind === "refused" && session.ending.code === "failed") {
      throw new Error("A repeated session failed", { cause: session.ending.thrown });
    }
    if (this.copies[to].durable === this.copies[to].journal.length) this.#fresh[to].length = 0;
  }
}

/** Loses a message, sends it twice, or before another one. */
export function carelessly(random: Random): NonNullable<Faults["carry"]> {
  return (underWay, message) => {
    switch (random(8)) {
      case 0:
        return;
      case 1:
        underWay.push(message, message);
        return;
      case 2:
        underWay.splice(random(underWay.length + 1), 0, message);
        return;
      default:
        underWay.push(message);
    }
  };
}

function vectorOf(copy: Copy): string[] {
  return Array.from(copy.authors().entries(), ([author, { number, hash }]) => `${author} ${number} ${hash}`)
    .sort();
}

/** Runs schedules; of the first that fails it finds few steps that fail as well, and says what happens in these. */
export async function simulateMany(first: number, count: number): Promise<void> {
  for (let seed = first; seed < first + count; seed++) {
    const schedule = scheduleOf(seed);
    if (!(await failure(schedule))) continue;
    const { copies } = schedule;
    const steps = await shrunk(
      schedule.steps,
      async (steps) => (await failure({ copies, steps })) !== undefined,
    );
    const script: string[] = [];
    const thrown = await failure({ copies, steps }, (line) => script.push(line));
    throw new Error(`Seed ${seed}, ${copies} copies, steps ${steps}:\n${script.join("\n")}`, {
      cause: thrown,
    });
  }
}

async function failure(schedule: Schedule, log?: Log): Promise<unknown> {
  try {
    await simulate(schedule, log);
    return undefined;
  } catch (thrown) {
    return thrown;
  }
}

/**
 * Few of the steps that still fail: leaves out ever smaller parts, as Zeller's delta debugging does.
 * https://www.st.cs.uni-saarland.de/papers/tse2002/tse2002.pdf
 */
export async function shrunk<T>(
  steps: readonly T[],
  fails: (steps: readonly T[]) => Promise<boolean>,
): Promise<readonly T[]> {
  for (let size = Math.ceil(steps.length / 2); size > 0;) {
    let isShorter = false;
    for (let at = 0; at < steps.length;) {
      const fewer = [...steps.slice(0, at), ...steps.slice(at + size)];
      if (fewer.length < steps.length && await fails(fewer)) {
        steps = fewer;
        isShorter = true;
      } else at += size;
    }
    if (!isShorter || size > 1) size = size === 1 ? 0 : Math.ceil(size / 2);
  }
  return steps;
}
