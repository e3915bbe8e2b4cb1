/** Copies of one volume that work apart, die, and meet: what `copies_apart_test.ts` runs. */
import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { join } from "node:path";
import { S } from "../../9p/mod.ts";
import { SimulatedDisk } from "../disk/mod.ts";
import { unpackRecord } from "../record/mod.ts";
import { type Head, Session, type SessionLimits } from "../sync/mod.ts";
import { unpackMessage } from "../sync/messages.ts";
import { shrunk } from "../sync/_simulation.ts";
import type { Author } from "../tree/mod.ts";
import { type Random, randomFrom } from "../tree/simulation.ts";
import { DATABASE, GUARD, LOG, PACKS } from "../volume/mod.ts";
import { type Neglect, PoweredCopy, SteppingClock, type Wiring } from "./_powered_copy.ts";
import { PoweredDisk } from "./_powered_disk.ts";
import { operate } from "./_shell.ts";
import { Words } from "./_words.ts";

type Log = (line: string) => void;

/** What happens: each step decides by its own number alone what it does, so that others can be left out. */
export interface Schedule {
  readonly copies: number;
  readonly steps: readonly number[];
}

export function scheduleOf(seed: number): Schedule {
  const random = randomFrom(seed);
  const copies = 2 + [0, 0, 0, 1, 1, 2, 3][random(7)];
  return { copies, steps: Array.from({ length: 4 + random(26) }, () => random(2 ** 31)) };
}

/** Small ones, so that a session has several of everything. */
const LIMITS: Partial<SessionLimits>[] = [
  {},
  { fillBytes: 500, windowBytes: 1500, batchBytes: 800 },
  { fillBytes: 1, windowBytes: 1, batchBytes: 1 },
];
/** Messages that one session has at most. */
const MESSAGES_MAX = 5000;

export interface Tested {
  readonly neglects?: Neglect;
  readonly log?: Log;
}

/**
 * Two to five copies with their databases, packs and logs of operations: clients work on them, sessions run between them and break, processes are killed and power is lost.
 * Throws where something is not kept that was durable or promised, where afterwards, in quiet, copies differ, where one shows another tree than its documents, or where
 * something that was written is nowhere though nobody who saw it removed it.
 */
export async function simulate(schedule: Schedule, { neglects, log = () => {} }: Tested = {}): Promise<void> {
  const world = await World.open(schedule.copies, log, neglects);
  try {
    for (const step of schedule.steps) await world.step(randomFrom(step));
    await world.settle();
  } finally {
    world.close();
  }
}

/** A side of a session, and what was heard there. */
interface Side {
  readonly number: number;
  readonly session: Session;
  readonly heard: Uint8Array[];
  /** Records that came, in order. */
  readonly records: { readonly author: Author; readonly head: Head }[];
}

class World {
  readonly copies: PoweredCopy[] = [];
  readonly #clock = new SteppingClock();
  readonly #folder: string;
  readonly #words = new Words();
  readonly #log: Log;
  /** Copies meet only those of the same group. */
  #groups: number[];
  #steps = 0;
  #heard: { readonly to: number; readonly messages: readonly Uint8Array[] }[] = [];

  private constructor(count: number, folder: string, log: Log) {
    this.#folder = folder;
    this.#log = log;
    this.#groups = Array(count).fill(0);
  }

  static async open(count: number, log: Log, neglects?: Neglect): Promise<World> {
    const begun = template ??= await makeTemplate();
    const world = new World(count, Deno.makeTempDirSync({ prefix: "lux9-apart-", dir: fastest() }), log);
    try {
      for (let number = 0; number < count; number++) {
        world.copies.push(await copyTo(begun, join(world.#folder, String(number)), number, neglects));
      }
    } catch (thrown) {
      world.close();
      throw thrown;
    }
    return world;
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
        return await this.#repeat(random);
      case 10: {
        const groups = 1 + random(2);
        this.#groups = this.copies.map(() => random(groups));
        return this.#log(`groups are ${this.#groups}`);
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
        for (let i = 0; i < count; i++) {
          const first = copy.last + 1;
          const done = this.#words.begin(number, first);
          const line = await operate({ copy, random, used, done, isAlone: count === 1 });
          done.last = Math.max(copy.last, first);
          if (line) this.#log(`${number + 1}${count > 1 ? "+" : ""}: ${line}`);
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
    this.#words.lost(number, this.copies[number].last);
    const how = lossSeed === undefined ? "is killed" : "loses power";
    this.#log(`${number + 1} ${how}${wasOff ? " within that" : ""} and starts again`);
    const isChecked = random(8) === 0;
    if (!isChecked || this.copies[number].disk.isOff) return;
    this.copies[number].disk.callsLeft = Infinity;
    this.copies[number].check();
  }

  #keepHouse(number: number, random: Random): Promise<void> {
    const copy = this.copies[number];
    return this.#powered(number, async () => {
      await copy.catchUp();
      if (random(3) === 0) {
        this.#log(`${number + 1}: sync (the database)`);
        return copy.checkpoint();
      }
      this.#log(`${number + 1}: volume gc`);
      copy.collect();
    });
  }

  async #meet(number: number, random: Random): Promise<void> {
    const others = this.copies.map((_, i) => i).filter((other) =>
      other !== number && this.#groups[other] === this.#groups[number]
    );
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
      };
      return this.#session(pair, how, randomFrom(random(2 ** 31)));
    });
    await Promise.all(meetings);
  }

  /** Lets two copies meet; what their sessions say to have, they have to keep. */
  async #session(pair: readonly number[], how: How, random: Random): Promise<[Side, Side]> {
    const sides = pair.map((number): Side => ({
      ...{ number, heard: [], records: [] },
      session: new Session(this.copies[number].store(), how.limits),
    })) as [Side, Side];
    const names = pair.map((number) => number + 1).join(" and ");
    await this.#carry(sides, how, random);
    const endings = sides.map(({ session: { ending } }) => ending?.kind);
    const isOff = pair.some((number) => this.copies[number].disk.isOff);
    this.#log(`${names} meet: ${endings}${how.isCareless ? ", over a bad connection" : ""}`);
    for (const { number, heard, session } of sides) {
      this.#heard.push({ to: number, messages: heard });
      const { ending } = session;
      if (ending?.kind === "done" || ending?.kind === "cut" || isOff) continue;
      if (how.isCareless && ending?.kind === "refused" && ending.code === "message") continue;
      throw new Error(`A session of ${names} ended with ${JSON.stringify(ending)}`, {
        cause: (ending as { thrown?: unknown })?.thrown,
      });
    }
    return sides;
  }

  async #carry(sides: [Side, Side], how: How, random: Random): Promise<void> {
    const { cutAfter, isCareless, isBusy } = how;
    const underWay: [Uint8Array[], Uint8Array[]] = [[], []];
    const isQuiet = [false, false];
    let delivered = 0;
    for (let turn = 0; delivered < cutAfter; turn++) {
      assert.ok(turn < MESSAGES_MAX, "A session does not end");
      const choices = [0, 1, 2, 3].filter((choice) =>
        choice < 2 ? !isQuiet[choice] : underWay[choice - 2].length > 0
      );
      if (choices.length === 0) break;
      const choice = choices[random(choices.length)];
      if (choice < 2) {
        const { session, number } = sides[choice];
        const message = await session.next();
        if (message === undefined) isQuiet[choice] = true;
        else if (!this.copies[number].disk.isOff) {
          this.#promise(sides[choice], message);
          carry(underWay[1 - choice], message, isCareless ? random : undefined);
        }
        continue;
      }
      const to = choice - 2;
      const { session, heard, number } = sides[to];
      const message = underWay[to].shift() as Uint8Array;
      heard.push(message);
      note(sides[to], message);
      await session.receive(message);
      delivered++;
      isQuiet[to] = false;
      if (sides.some(({ number }) => this.copies[number].disk.isOff)) break;
      // Clients go on meanwhile.
      if (isBusy && random(6) === 0) await this.#work(number, random);
    }
    for (const { session } of sides) await session.cut();
  }

  /** What a message says that is to be so for good. */
  #promise({ number, records, session }: Side, bytes: Uint8Array): void {
    const { promised } = this.copies[number];
    const promise = (author: Author, head: Head) => {
      if ((promised.get(author)?.number ?? 0) < head.number) promised.set(author, head);
    };
    const message = unpackMessage(bytes);
    if (message.kind === "hello") { for (const [author, head] of message.vector) promise(author, head); }
    if (message.kind === "ack") {
      const { refused } = session.summary;
      // Of whom one is refused, no other is taken in this session.
      for (const { author, head } of records.slice(0, message.count)) {
        if (!refused.some((each) => each.author === author)) promise(author, head);
      }
    }
    if (message.kind !== "records") return;
    for (const each of message.records) {
      const { record: { author, number }, hash } = unpackRecord(each);
      promise(author, { number, hash });
    }
  }

  /** What a copy heard once comes again. */
  async #repeat(random: Random): Promise<void> {
    if (this.#heard.length === 0) return;
    const { to, messages } = this.#heard[random(this.#heard.length)];
    const session = new Session(this.copies[to].store());
    const side: Side = { number: to, session, heard: [], records: [] };
    const hear = async () => {
      for (const message of messages) {
        const said = await session.next();
        if (this.copies[to].disk.isOff) return;
        if (said) this.#promise(side, said);
        note(side, message);
        await session.receive(message);
      }
    };
    await hear();
    await session.cut();
    this.#log(`${to + 1} hears again what it heard before: ${session.ending?.kind}`);
    if (this.copies[to].disk.isOff) return;
    const { ending } = session;
    if (ending?.kind === "refused" && ending.code === "failed") {
      throw new Error("A repeated session failed", { cause: ending.thrown });
    }
  }

  /** In quiet all meet until nothing is left to say; then all must be the same. */
  async settle(): Promise<void> {
    const { copies } = this;
    const checksAll = this.#steps % 8 === 0;
    this.#log("all meet");
    for (const copy of copies) {
      copy.disk.callsLeft = Infinity;
      await copy.catchUp();
      copy.letGo();
      await copy.catchUp();
    }
    for (let round = 0; round < 2; round++) {
      for (let other = 1; other < copies.length; other++) await this.#quiet([0, other]);
    }
    for (let other = 1; other < copies.length; other++) {
      for (const { session: { summary: { sent, received, absent } } } of await this.#quiet([other, 0])) {
        assert.deepEqual(
          [sent.records, received.records, sent.chunks, received.chunks, absent],
          [0, 0, 0, 0, 0],
          "Copies that have met find nothing to do",
        );
      }
    }
    const [first, ...others] = copies.map((copy) => ({ copy, dump: copy.dump(), vector: vectorOf(copy) }));
    for (const { copy, dump, vector } of others) {
      assert.deepEqual(dump, first.dump, `${copies.indexOf(copy) + 1} shows what 1 shows`);
      assert.deepEqual(vector, first.vector);
    }
    // It takes a fifth of all time where it looks at each.
    const verified = [...copies.keys()].filter((i) => checksAll || i === this.#steps % copies.length);
    for (const i of verified) copies[i].check();
    checkShape(first.copy);
    this.#words.check(first.dump);
  }

  async #quiet(pair: readonly number[]): Promise<[Side, Side]> {
    const how = { cutAfter: Infinity, isCareless: false, isBusy: false, limits: {} };
    const sides = await this.#session(pair, how, randomFrom(1));
    for (const { session: { ending, summary: { refused } } } of sides) {
      assert.deepEqual(
        [ending?.kind, refused],
        ["done", []],
        `${pair.map((each) => each + 1)} meet in quiet`,
      );
    }
    return sides;
  }
}

interface How {
  readonly cutAfter: number;
  readonly isCareless: boolean;
  readonly isBusy: boolean;
  readonly limits: Partial<SessionLimits>;
}

/** Without `random` as it should be; with it, a message may be lost, come twice, or before another one. */
function carry(underWay: Uint8Array[], message: Uint8Array, random: Random | undefined): void {
  switch (random?.(8)) {
    case 0:
      return;
    case 1:
      underWay.push(message, message);
      return;
    case 2:
      underWay.splice(random!(underWay.length + 1), 0, message);
      return;
    default:
      underWay.push(message);
  }
}

function note({ records }: Side, bytes: Uint8Array): void {
  const message = unpackMessage(bytes);
  if (message.kind !== "records") return;
  for (const each of message.records) {
    const { record: { author, number }, hash } = unpackRecord(each);
    records.push({ author, head: { number, hash } });
  }
}

function vectorOf(copy: PoweredCopy): string[] {
  return Array.from(
    copy.store().authors().entries(),
    ([author, { number, hash }]) => `${author} ${number} ${Buffer.from(hash).toString("hex")}`,
  ).sort();
}

/** Directories are in one place; names are names. */
function checkShape(copy: PoweredCopy): void {
  const places = new Map<number, string>();
  for (const { path, row: { ino, mode } } of copy.entries()) {
    assert.doesNotMatch(path, /conflict[^/]*conflict|\.fn$|restoring/);
    if ((mode & S.IFMT) !== S.IFDIR) continue;
    assert.ok(!places.has(ino), `${path} is ${places.get(ino)}, too`);
    places.set(ino, path);
  }
}

/** Memory, where there is a file system of that kind: what a disk would lose is simulated. */
function fastest(): string | undefined {
  try {
    return Deno.statSync("/dev/shm").isDirectory ? "/dev/shm" : undefined;
  } catch {
    return undefined;
  }
}

/** The volume that all schedules begin with, so that it is made once. */
interface Template {
  readonly database: Uint8Array;
  readonly files: readonly { readonly path: string; readonly bytes: Uint8Array }[];
}

let template: Template | undefined;

const FOLDERS = [LOG, PACKS];

async function makeTemplate(): Promise<Template> {
  const folder = Deno.makeTempDirSync({ prefix: "lux9-apart-", dir: fastest() });
  try {
    const simulated = new SimulatedDisk();
    const wiring = { clock: new SteppingClock(), folder, number: 9, draws: 0 };
    const copy = await PoweredCopy.open(wiring, new PoweredDisk(folder, simulated));
    copy.mkdir("a");
    copy.write("b", "begun\n");
    copy.write("d.md", "begun\n");
    await copy.catchUp();
    copy.write("a/c", "begun\n");
    await copy.catchUp();
    copy.keeper.share();
    copy.close();
    const database = Deno.readFileSync(join(folder, DATABASE));
    const files = [GUARD, ...FOLDERS].flatMap((below) =>
      below === GUARD ? [GUARD] : simulated.list(below).map((name) => `${below}/${name}`)
    )
      .map((path) => {
        const file = simulated.open(path);
        const bytes = new Uint8Array(file.size());
        file.pread(bytes, 0);
        return { path, bytes };
      });
    return { database, files };
  } finally {
    Deno.removeSync(folder, { recursive: true });
  }
}

function copyTo(
  { database, files }: Template,
  folder: string,
  number: number,
  neglects?: Neglect,
): Promise<PoweredCopy> {
  Deno.mkdirSync(folder);
  Deno.writeFileSync(join(folder, DATABASE), database);
  const disk = new SimulatedDisk({ seed: number });
  for (const below of FOLDERS) disk.makeFolder(below);
  for (const { path, bytes } of files) {
    const file = disk.open(path, { create: true });
    file.pwrite(bytes, 0);
    file.syncBlocking();
  }
  for (const below of ["", ...FOLDERS]) disk.syncFolderBlocking(below);
  const clock = new SteppingClock();
  clock.step(1000);
  clock.skewSec = [0, 0, -300, 2000, 7][number];
  const wiring: Wiring = { clock, folder, number, draws: 0, neglects };
  return PoweredCopy.open(wiring, new PoweredDisk(folder, disk, neglects));
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
  { copies, steps }: Schedule,
  thrown: unknown,
  tested: Tested,
): Promise<Error> {
  const same = messageOf(thrown);
  const few = await shrunk(
    steps,
    async (steps) => messageOf(await failure({ copies, steps }, tested)) === same,
  );
  const script: string[] = [];
  const last = await failure({ copies, steps: few }, { ...tested, log: (line) => script.push(line) });
  const told = last as Error | undefined;
  return new Error(
    `Seed ${seed}, ${copies} copies, steps ${few}:\n${script.join("\n")}\n${
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
