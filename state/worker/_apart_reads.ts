import assert from "node:assert/strict";
import type { NodeRow } from "../store/mod.ts";
import type { Peer, Unmet } from "../sync/mod.ts";
import { Malformed } from "../tree/mod.ts";
import type { Random } from "../tree/simulation.ts";
import { carry, type Log } from "./_apart_meetings.ts";
import { named } from "./_copies.ts";
import type { PoweredCopy } from "./_powered_copy.ts";
import type { Contents } from "./_shell.ts";

/** Somebody waits for that. */
export interface Part {
  readonly row: NodeRow;
  readonly start: number;
  readonly end: number;
  readonly withLists: boolean;
}

/** A connection between two copies by which contents come; all that one says the other one hears, unless it is bad. */
interface Link {
  readonly ends: readonly [End, End];
  readonly isBad: boolean;
  isOpen: boolean;
  /** It breaks after so many messages. */
  messagesLeft: number;
}

interface End {
  readonly number: number;
  readonly peer: Peer;
  /** What was said to it. */
  readonly underWay: Uint8Array[];
  mayHaveNews: boolean;
}

export interface ReadsOptions {
  /** Those that there are at this moment. */
  readonly copies: readonly PoweredCopy[];
  readonly log: Log;
  readonly isOnDemand: boolean;
  /** Copies that this one could ask. */
  around(number: number): readonly number[];
}

/** As in `state/volume/on_demand.ts`: what is written takes so much around it. */
const AROUND_BYTES = 1024 * 1024;

/** Contents that come to a copy when somebody reads them there or writes to them. */
export class Reads {
  readonly #options: ReadsOptions;
  /** Contents that somebody restored where they are not: whoever had them may have let go of them. */
  readonly unsure = new Set<string>();
  /** Those that there are at this moment. */
  readonly #links = new Set<Link>();
  #last = 0;

  constructor(options: ReadsOptions) {
    this.#options = options;
  }

  /** As clients of a copy see them. */
  of(number: number, random: Random): Contents {
    const { copies, isOnDemand } = this.#options;
    const copy = copies[number];
    return {
      hasLarge: isOnDemand,
      // In the middle of an exchange it may show a version whose bytes are nowhere, until a later one comes.
      text: (row) =>
        isOnDemand ? this.text(number, row) : copy.lacking(row).length > 0 ? undefined : copy.textOf(row),
      restored: (row) => {
        if (isOnDemand && copy.lacking(row).length > 0) this.unsure.add(named(row));
      },
      bring: async (row, start, end) => {
        if (!isOnDemand) return true;
        const from = Math.max(0, Math.min(start, row.size) - AROUND_BYTES);
        return await this.bring(
          number,
          [{ row, start: from, end: end + AROUND_BYTES, withLists: true }],
          random,
        );
      },
    };
  }

  /** What a file has, wherever that is: nothing if it is nowhere, undefined if it could be on a copy that is off. */
  text(number: number, row: NodeRow): string | undefined {
    const { copies } = this.#options;
    const on = [copies[number], ...copies].filter(({ disk }) => !disk.isOff);
    const having = on.find((copy) => copy.lacking(row).length === 0);
    if (having) return having.textOf(row);
    return copies.some(({ disk }) => disk.isOff) ? undefined : "";
  }

  /** Asks copies that are there for what is not here of some files. Whether all of it came. `meanwhile`: goes on between messages. */
  async bring(
    number: number,
    parts: readonly Part[],
    random: Random,
    meanwhile?: (numbers: readonly number[]) => Promise<void>,
  ): Promise<boolean> {
    const { copies, around } = this.#options;
    const copy = copies[number];
    const isHere = ({ row, start, end, withLists }: Part) =>
      copy.lacking(row, start, end, withLists).length === 0;
    const needed = parts.filter((part) => !isHere(part));
    if (needed.length === 0) return true;
    const others = [...around(number)];
    while (others.length > 1 + random(2)) others.splice(random(others.length), 1);
    const links = others.map((other) => link([copies[number], copies[other]], [number, other], random));
    for (const each of links) this.#links.add(each);
    const waiting = new Map<number, Part>();
    const unmet: Unmet[] = [];
    let hasChanged = false;
    const answer = (id: number, part: Part, why: Unmet | undefined) => {
      waiting.delete(id);
      copy.waiting.delete(id);
      if (copy.disk.isOff) return;
      copy.index.renew();
      if (why) return void unmet.push(why);
      assert.ok(isHere(part), `${number + 1} was told that ${named(part.row)} is here`);
      copy.textOf(part.row, part.start, Math.min(part.end, part.row.size));
    };
    for (const part of needed) {
      const { row: { content }, ...range } = part;
      const id = ++this.#last;
      waiting.set(id, part);
      copy.waiting.set(id, (why) => answer(id, part, why));
      copy.demands.add(id, { descriptor: content!, ...range });
    }
    const isOff = () => [number, ...others].some((each) => copies[each].disk.isOff);
    while (waiting.size > 0 && !isOff()) {
      const ways = links.filter(({ isOpen }) => isOpen).flatMap((link) => waysOf(link, copies, random));
      if (ways.length === 0) break;
      ways[random(ways.length)]();
      if (!meanwhile || random(10) > 0) continue;
      hasChanged = true;
      await meanwhile([number, ...others]);
    }
    for (const each of links) this.#links.delete(each);
    // What was asked over another connection is not asked over this one.
    const isOther = [...this.#links].some(({ ends }) => ends.some((end) => end.number === number));
    if (!isOther && !isOff() && links.every(({ isOpen, isBad }) => !isOpen || !isBad)) {
      assert.equal(
        waiting.size,
        0,
        `${number + 1} waits for contents of ${others.map((each) => each + 1)} for ever`,
      );
      const isAsWas = !hasChanged && links.every(({ isOpen }) => isOpen);
      if (unmet.length > 0 && isAsWas) this.#checkNowhere(others, needed, copy);
    }
    for (const id of waiting.keys()) {
      copy.demands.remove(id);
      copy.waiting.delete(id);
    }
    for (const each of links) leave(each, copies);
    if (copy.disk.isOff) return false;
    copy.index.renew();
    return parts.every(isHere);
  }

  /** None of those who were asked has all that did not come. */
  #checkNowhere(others: readonly number[], needed: readonly Part[], copy: PoweredCopy): void {
    const { copies } = this.#options;
    const lacking = needed.flatMap(({ row, start, end, withLists }) =>
      copy.lacking(row, start, end, withLists)
    );
    const isThere = (id: Uint8Array) =>
      others.some((other) => copies[other].keeper.copy.demandStore.chunk(id) !== undefined);
    assert.ok(others.length === 0 || !lacking.every(isThere), "What a copy has that was asked comes");
  }
}

function link(
  copies: readonly [PoweredCopy, PoweredCopy],
  numbers: readonly [number, number],
  random: Random,
): Link {
  const ends = [0, 1].map((i): End => {
    const end: { -readonly [key in keyof End]: End[key] } = {
      ...{ number: numbers[i], underWay: [], mayHaveNews: false },
      peer: copies[i].demands.meet(() => end.mayHaveNews = true),
    };
    return end;
  }) as [End, End];
  const messagesLeft = random(3) === 0 ? 1 + random(8) : Infinity;
  return { ends, isBad: random(4) === 0, isOpen: true, messagesLeft };
}

/** What can happen next on a connection. */
function waysOf(link: Link, copies: readonly PoweredCopy[], random: Random): (() => void)[] {
  return link.ends.flatMap((end, i) => {
    const ways: (() => void)[] = [];
    const { peer, underWay } = end;
    if (end.mayHaveNews) {
      ways.push(() => {
        const message = peer.next();
        if (message) carry(link.ends[1 - i].underWay, message, link.isBad ? random : undefined);
        else end.mayHaveNews = false;
      });
    }
    if (underWay.length > 0) {
      ways.push(() => {
        try {
          peer.receive(underWay.shift()!);
        } catch (thrown) {
          const isExpected = link.isBad && thrown instanceof Malformed || copies[end.number].disk.isOff;
          if (!isExpected) throw thrown;
          leave(link, copies);
        }
        if (--link.messagesLeft === 0) leave(link, copies);
      });
    }
    return ways;
  });
}

function leave(link: Link, copies: readonly PoweredCopy[]): void {
  if (!link.isOpen) return;
  link.isOpen = false;
  for (const { number, peer } of link.ends) {
    try {
      peer.leave();
    } catch (thrown) {
      if (!copies[number].disk.isOff) throw thrown;
    }
  }
}
