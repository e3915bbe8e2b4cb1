/** Computed files through a whole node, next to stored ones: what a client of 9P2000.L over loopback TCP waits for. */
import { join } from "node:path";
import { load9p, type Place } from "../load9p.ts";
import { median } from "../report.ts";
import type { Subject } from "../subjects.ts";

/** Files for each kind of open in a round. */
const OPENS = 400;
/** How often each that is stored or cached is opened: a connection takes some 20 ms to find out how it is used. */
const AGAIN = 5;
const RECIPES = 1000;
const BIG_BYTES = 1024 * 1024;
const PAGE_BYTES = 4096;
const BLOCK_BYTES = 65_512;
/** By then results of the part before are written. */
const CALM_MS = 400;

/** Microseconds of one operation, or milliseconds of one listing. */
export interface Reads {
  readonly openUs: Trio;
  readonly peekUs: Trio;
  readonly read4kUs: Pair;
  readonly read64kUs: Pair;
  readonly listMs: { readonly stored: number; readonly cold: number; readonly warm: number };
}
interface Pair {
  readonly stored: number;
  readonly cached: number;
}
interface Trio extends Pair {
  readonly uncached: number;
}

export class ReadsBench {
  readonly #program: string;
  readonly #place: Place;
  #round = 0;

  /** `folder` is what the node serves as `/bench`. */
  constructor(program: string, node: Subject, readonly folder: string) {
    this.#program = program;
    this.#place = { address: `tcp!127.0.0.1!${node.port}`, aname: "/" };
  }

  async prepare(): Promise<void> {
    await Deno.writeFile(join(this.folder, "block"), new Uint8Array(BIG_BYTES).fill(97));
    const stored = join(this.folder, "stored");
    await Deno.mkdir(stored);
    // As many names as a folder with so many recipes shows.
    for (let i = 0; i < 2 * RECIPES; i++) Deno.writeTextFileSync(join(stored, nameOf(i)), `stored ${i}\n`);
  }

  async measureRound(isReversed: boolean): Promise<Reads> {
    const parts: (() => Promise<Partial<Reads>>)[] = [
      async () => ({ openUs: await this.#opens("open") }),
      async () => ({ peekUs: await this.#opens("peek") }),
      async () => ({ read4kUs: await this.#blocks(PAGE_BYTES) }),
      async () => ({ read64kUs: await this.#blocks(BLOCK_BYTES) }),
      async () => ({ listMs: await this.#listings() }),
    ];
    const reads: Partial<Reads> = {};
    for (const part of isReversed ? parts.reverse() : parts) Object.assign(reads, await part());
    return reads as Reads;
  }

  async #opens(op: "open" | "peek"): Promise<Trio> {
    const name = `in${++this.#round}`;
    await Deno.mkdir(join(this.folder, name));
    for (let i = 0; i < OPENS; i++) {
      Deno.writeTextFileSync(join(this.folder, name, nameOf(i)), `input ${this.#round} number ${i}\n`);
    }
    const stored = await this.#list(`bench/${name}/`, OPENS, AGAIN);
    const computed = await this.#list(`x/small/bench/${name}/`, OPENS, AGAIN);
    const p50 = async (list: string, opens: number) => {
      await calm();
      return (await this.#load(["-o", op, "-n", `${opens}`, "-F", list])).p50Us;
    };
    return {
      stored: await p50(stored, OPENS * AGAIN),
      uncached: await p50(computed, OPENS),
      cached: await p50(computed, OPENS * AGAIN),
    };
  }

  async #blocks(size: number): Promise<Pair> {
    const computed = "x/filter/bench/block";
    await this.#load(["-o", "peek", "-n", "1", computed], true);
    await calm();
    const p50 = async (path: string) =>
      (await this.#load(["-o", "read", "-s", `${size}`, "-t", "0.4", "-f", path])).p50Us;
    return { stored: await p50("bench/block"), cached: await p50(computed) };
  }

  /** A listing, then a walk and a getattr for each of its computed names, as `ls -l` does. */
  async #listings(): Promise<Reads["listMs"]> {
    const name = `recipes${++this.#round}`;
    const folder = join(this.folder, name);
    await Deno.mkdir(join(folder, "in"), { recursive: true });
    for (let i = 0; i < RECIPES; i++) {
      Deno.writeTextFileSync(join(folder, "in", nameOf(i)), `recipe ${this.#round} number ${i}\n`);
      Deno.writeTextFileSync(join(folder, `${nameOf(i)}.fn`), `from: in/${nameOf(i)}\npipe: small\n`);
    }
    await calm();
    const computed = await this.#list(`bench/${name}/`, RECIPES);
    const plain = await this.#list("bench/stored/", RECIPES);
    const ls = async (path: string, list: string) => {
      const listing = await this.#load(["-o", "ls", "-n", "1", "-f", path]);
      const stats = await this.#load(["-o", "wgc", "-n", `${RECIPES}`, "-F", list]);
      return listing.maxMs + 1000 * RECIPES / stats.opsPerSecond;
    };
    const cold = await ls(`bench/${name}`, computed);
    await this.#load(["-o", "peek", "-n", `${RECIPES}`, "-F", computed]);
    await calm();
    const warm = await ls(`bench/${name}`, computed);
    return { cold, warm, stored: await ls("bench/stored", plain) };
  }

  async #list(prefix: string, count: number, again = 1): Promise<string> {
    const file = join(this.folder, "list");
    const path = `${file}${prefix.replaceAll("/", "-")}`;
    await Deno.writeTextFile(
      path,
      Array.from({ length: count }, (_, i) => `${prefix}${nameOf(i)}\n`).join("").repeat(again),
    );
    return path;
  }

  #load(args: string[], hasPath = false) {
    const paths = hasPath ? args.splice(-1) : [];
    return load9p(this.#program, this.#place, args, undefined, paths);
  }
}

const nameOf = (i: number): string => `f${String(i).padStart(4, "0")}`;

async function calm(): Promise<void> {
  await new Promise((wake) => setTimeout(wake, CALM_MS));
}

export function medianOf(rounds: readonly Reads[], pick: (reads: Reads) => number): number {
  return median(rounds.map(pick));
}
