import { join } from "node:path";
import { type Random, randomFrom } from "../tree/simulation.ts";
import type { SessionLimits } from "../sync/mod.ts";
import { type Log, Meetings } from "./_apart_meetings.ts";
import { type Part, Reads } from "./_apart_reads.ts";
import { copyTo, fastest, templates } from "./_apart_template.ts";
import type { ContentsChoice } from "./exchange_words.ts";
import type { Neglect, PoweredCopy } from "./_powered_copy.ts";
import { operate } from "./_shell.ts";
import { Words } from "./_words.ts";

/** Small ones, so that a session has several of everything. */
const LIMITS: Partial<SessionLimits>[] = [
  {},
  { fillBytes: 500, windowBytes: 1500, batchBytes: 800 },
  { fillBytes: 1, windowBytes: 1, batchBytes: 1 },
];

export interface WorldOptions {
  readonly copies: number;
  readonly onDemand?: readonly number[];
  readonly log: Log;
  readonly neglects?: Neglect;
}

/** Copies of one volume, and what happens to them step by step. */
export class World {
  readonly copies: PoweredCopy[] = [];
  readonly words = new Words();
  readonly meetings: Meetings;
  readonly reads: Reads;
  readonly log: Log;
  /** Whether contents of some come when they are read; which ones these are may change. */
  readonly isOnDemand: boolean;
  readonly #folder: string;
  /** Copies meet only those of the same group. */
  #groups: number[];
  #steps = 0;

  private constructor({ copies: count, onDemand = [], log }: WorldOptions) {
    this.#folder = Deno.makeTempDirSync({ prefix: "lux9-apart-", dir: fastest() });
    this.log = log;
    this.isOnDemand = onDemand.length > 0;
    this.#groups = Array(count).fill(0);
    const { copies, isOnDemand } = this;
    this.meetings = new Meetings({
      ...{ copies, log },
      work: (number, random) => {
        const what = this.isOnDemand ? random(5) : 0;
        return what < 3
          ? this.#work(number, random)
          : what < 4
          ? this.#read(number, random)
          : this.#keepHouse(number, random);
      },
    });
    this.reads = new Reads({ ...{ copies, log, isOnDemand }, around: (number) => this.#around(number) });
  }

  static async open(options: WorldOptions): Promise<World> {
    const { copies, onDemand = [], neglects } = options;
    const { whole, onDemand: empty } = await templates();
    const world = new World(options);
    try {
      for (let number = 0; number < copies; number++) {
        const begun = onDemand.includes(number) ? empty : whole;
        world.copies.push(await copyTo(begun, join(world.#folder, String(number)), number, neglects));
      }
    } catch (thrown) {
      world.close();
      throw thrown;
    }
    return world;
  }

  get steps(): number {
    return this.#steps;
  }

  /** All meet whom they like. */
  join(): void {
    this.#groups.fill(0);
  }

  /** Starts a copy once more that was without power again before it had started, and did not notice. */
  async start(number: number): Promise<void> {
    const copy = this.copies[number];
    if (!copy.disk.isOff) return;
    this.copies[number] = await copy.restart();
    this.words.lost(number, this.copies[number].last);
  }

  close(): void {
    for (const copy of this.copies) copy.abandon();
    Deno.removeSync(this.#folder, { recursive: true });
  }

  async step(random: Random): Promise<void> {
    this.#steps++;
    const number = random(this.copies.length);
    for (const copy of this.copies) copy.wiring.clock.step(random(3) === 0 ? 1 + random(100) : 1);
    const isArmed = random(10) === 0;
    // It dies somewhere within the step, if that does so much.
    if (isArmed) this.copies[number].disk.callsLeft = random(random(2) ? 20 : 120);
    await this.#act(number, random);
    for (const [number, copy] of this.copies.entries()) {
      if (copy.disk.isOff) await this.#die(number, random);
      else copy.disk.callsLeft = Infinity;
    }
  }

  async #act(number: number, random: Random): Promise<void> {
    if (this.isOnDemand && random(5) === 0) return await this.#read(number, random);
    switch (random(16)) {
      case 0:
      case 1:
      case 2:
      case 3:
      case 4:
      case 5:
      case 6:
        return await this.#work(number, random);
      case 7:
        return await this.#die(number, random);
      case 8:
        return await this.#keepHouse(number, random);
      case 9:
        return await this.meetings.repeat(random);
      case 10: {
        const groups = 1 + random(2);
        this.#groups = this.copies.map(() => random(groups));
        return this.log(`groups are ${this.#groups}`);
      }
      default:
        return await this.#meet(number, random);
    }
  }

  /** Does what throws, unless that is because the power went. */
  async #powered(number: number, act: () => Promise<void> | void): Promise<void> {
    try {
      await act();
    } catch (thrown) {
      if (!this.copies[number].disk.isOff) throw thrown;
    }
  }

  #work(number: number, random: Random): Promise<void> {
    const copy = this.copies[number];
    const work = async () => {
      for (let times = 1 + random(3); times > 0; times--) {
        await copy.catchUp();
        const count = random(4) === 0 ? 2 + random(3) : 1;
        const used: string[] = [];
        const contents = this.reads.of(number, random);
        for (let i = 0; i < count; i++) {
          const first = copy.last + 1;
          const done = this.words.begin(number, first);
          const line = await operate({ copy, random, used, done, isAlone: count === 1, contents });
          done.last = Math.max(copy.last, first);
          if (line) this.log(`${number + 1}${count > 1 ? "+" : ""}: ${line}`);
        }
        if (random(5) > 0) await copy.catchUp();
        else if (random(2)) await copy.sync();
      }
    };
    return this.#powered(number, () => copy.inTurn(work));
  }

  async #die(number: number, random: Random): Promise<void> {
    const copy = this.copies[number];
    const wasOff = copy.disk.isOff;
    const lossSeed = random(2) ? random(2 ** 31) : undefined;
    const callsLeft = random(6) === 0 ? random(40) : Infinity;
    this.copies[number] = await copy.restart(lossSeed, callsLeft);
    this.words.lost(number, this.copies[number].last);
    const how = lossSeed === undefined ? "is killed" : "loses power";
    this.log(`${number + 1} ${how}${wasOff ? " within that" : ""} and starts again`);
    const isChecked = random(8) === 0;
    if (!isChecked || this.copies[number].disk.isOff) return;
    this.copies[number].disk.callsLeft = Infinity;
    this.copies[number].check();
  }

  #keepHouse(number: number, random: Random): Promise<void> {
    const copy = this.copies[number];
    const keep = async () => {
      await copy.catchUp();
      if (random(3) === 0) {
        this.log(`${number + 1}: sync (the database)`);
        return copy.checkpoint();
      }
      this.log(`${number + 1}: volume gc`);
      copy.collect();
    };
    return this.#powered(number, () => copy.inTurn(keep));
  }

  async #meet(number: number, random: Random): Promise<void> {
    const others = this.#around(number);
    if (others.length === 0) return;
    const pairs = [[number, others[random(others.length)]]];
    // A second session of one of them, with whomever, at the same time.
    if (random(5) === 0) pairs.push([pairs[0][random(2)], others[random(others.length)]]);
    const meetings = pairs.filter(([a, b]) => a !== b).map((pair) => {
      const how = {
        cutAfter: random(2) ? random(25) : Infinity,
        isCareless: random(6) === 0,
        limits: LIMITS[random(LIMITS.length)],
        isBusy: random(4) === 0,
        contents: this.isOnDemand ? this.#choice(pair[0], random) : undefined,
      };
      return this.meetings.meet(pair, how, randomFrom(random(2 ** 31)));
    });
    await Promise.all(meetings);
  }

  /** What a copy does with contents from now on, where that is another thing than before; one has them all always. */
  #choice(number: number, random: Random): ContentsChoice | undefined {
    if (random(6) > 0) return undefined;
    if (this.copies[number].contents === "on-demand") return "whole";
    const isOther = this.copies.some((copy, i) => i !== number && copy.contents === "whole");
    return isOther ? "on-demand" : undefined;
  }

  /** Somebody reads on a copy what is not there, from some byte of each file to another one; what is shown, or was. */
  async #read(number: number, random: Random): Promise<void> {
    const copy = this.copies[number];
    await this.#powered(number, async () => {
      const snapshots = copy.index.past.snapshots();
      const seq = snapshots.length > 0 && random(4) === 0
        ? snapshots[random(snapshots.length)].seq
        : undefined;
      const lacking = copy.entries(seq).filter(({ row }) => copy.lacking(row).length > 0);
      if (lacking.length === 0) return;
      const read = Array.from({ length: 1 + random(3) }, () => lacking[random(lacking.length)]);
      const parts = read.map(({ row }): Part => {
        const start = random(2) * random(row.size);
        const end = random(2) ? row.size : start + 1 + random(row.size - start);
        return { row, start, end, withLists: random(3) === 0 };
      });
      const here = await this.reads.bring(number, parts, random, async (numbers) => {
        const other = numbers[random(numbers.length)];
        await (random(3) === 0 ? this.#keepHouse(other, random) : this.#work(other, random));
      });
      this.log(`${number + 1}: cat ${read.map(({ path }) => path)}${here ? "" : " (and it does not come)"}`);
    });
  }

  /** Those that it can meet. */
  #around(number: number): number[] {
    return [...this.copies.keys()].filter((other) =>
      other !== number && this.#groups[other] === this.#groups[number]
    );
  }
}
