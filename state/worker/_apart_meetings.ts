import assert from "node:assert/strict";
import { unpackRecord } from "../record/mod.ts";
import { type Head, Session, type SessionLimits } from "../sync/mod.ts";
import { carelessly } from "../sync/_simulation.ts";
import { unpackMessage } from "../sync/messages.ts";
import type { Author } from "../tree/mod.ts";
import { type Random, randomFrom } from "../tree/simulation.ts";
import type { ContentsChoice } from "./exchange_words.ts";
import type { PoweredCopy } from "./_powered_copy.ts";

export type Log = (line: string) => void;

/** Messages that one session has at most. */
const MESSAGES_MAX = 5000;

export interface How {
  readonly cutAfter: number;
  readonly isCareless: boolean;
  readonly isBusy: boolean;
  readonly limits: Partial<SessionLimits>;
  /** What the first of the two does with contents from now on, if that is said. */
  readonly contents?: ContentsChoice;
}

const QUIET: How = { cutAfter: Infinity, isCareless: false, isBusy: false, limits: {} };

/** A side of a session, and what was heard there. */
export interface Side {
  readonly number: number;
  readonly session: Session;
  readonly heard: Uint8Array[];
  /** Records that came, in order. */
  readonly records: { readonly author: Author; readonly head: Head }[];
}

export interface MeetingsOptions {
  /** Those that there are at this moment. */
  readonly copies: readonly PoweredCopy[];
  readonly log: Log;
  /** What clients of a copy do while it meets another one. */
  work(number: number, random: Random): Promise<void>;
}

/** Sessions between copies; what they say in these to have, they have to keep. */
export class Meetings {
  readonly #options: MeetingsOptions;
  readonly #heard: { readonly to: number; readonly messages: readonly Uint8Array[] }[] = [];

  constructor(options: MeetingsOptions) {
    this.#options = options;
  }

  /** Lets two copies meet. Throws where that ends as no session should. */
  async meet(pair: readonly number[], how: How, random: Random): Promise<[Side, Side]> {
    const { copies, log } = this.#options;
    const sides = pair.map((number, i): Side => ({
      ...{ number, heard: [], records: [] },
      session: new Session(copies[number].store(i === 0 ? how.contents : undefined), how.limits),
    })) as [Side, Side];
    const names = pair.map((number) => number + 1).join(" and ");
    await this.#carry(sides, how, random);
    const endings = sides.map(({ session: { ending } }) => ending?.kind);
    const isOff = pair.some((number) => copies[number].disk.isOff);
    const contents = how.contents ? `, contents of ${pair[0] + 1} are ${how.contents}` : "";
    log(`${names} meet: ${endings}${how.isCareless ? ", over a bad connection" : ""}${contents}`);
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

  /** The same with nothing in between: all that one has the other one gets. */
  async quiet(pair: readonly number[], contents?: ContentsChoice): Promise<[Side, Side]> {
    const sides = await this.meet(pair, { ...QUIET, contents }, randomFrom(1));
    for (const { session: { ending, summary: { refused } } } of sides) {
      assert.deepEqual(
        [ending?.kind, refused],
        ["done", []],
        `${pair.map((each) => each + 1)} meet in quiet`,
      );
    }
    return sides;
  }

  /** What a copy heard once comes again. */
  async repeat(random: Random): Promise<void> {
    const { copies, log } = this.#options;
    if (this.#heard.length === 0) return;
    const { to, messages } = this.#heard[random(this.#heard.length)];
    const session = new Session(copies[to].store());
    const side: Side = { number: to, session, heard: [], records: [] };
    const hear = async () => {
      for (const message of messages) {
        const said = await session.next();
        if (copies[to].disk.isOff) return;
        if (said) this.#promise(side, said);
        note(side, message);
        await session.receive(message);
      }
    };
    await hear();
    await session.cut();
    log(`${to + 1} hears again what it heard before: ${session.ending?.kind}`);
    if (copies[to].disk.isOff) return;
    const { ending } = session;
    if (ending?.kind === "refused" && ending.code === "failed") {
      throw new Error("A repeated session failed", { cause: ending.thrown });
    }
  }

  async #carry(sides: [Side, Side], how: How, random: Random): Promise<void> {
    const { copies, work } = this.#options;
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
        else if (!copies[number].disk.isOff) {
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
      if (sides.some(({ number }) => copies[number].disk.isOff)) break;
      // Clients go on meanwhile.
      if (isBusy && random(6) === 0) await work(number, random);
    }
    for (const { session } of sides) await session.cut();
  }

  /** What a message says that is to be so for good. */
  #promise({ number, records, session }: Side, bytes: Uint8Array): void {
    const { promised } = this.#options.copies[number];
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
}

/** Without `random` as it should be; with it, a message may be lost, come twice, or before another one. */
export function carry(underWay: Uint8Array[], message: Uint8Array, random: Random | undefined): void {
  if (random) carelessly(random)(underWay, message);
  else underWay.push(message);
}

function note({ records }: Side, bytes: Uint8Array): void {
  const message = unpackMessage(bytes);
  if (message.kind !== "records") return;
  for (const each of message.records) {
    const { record: { author, number }, hash } = unpackRecord(each);
    records.push({ author, head: { number, hash } });
  }
}
