/**
 * Does random things through the wire, in all dialects at once on one tree, and compares with a simple model of a tree.
 *
 *     deno run -A tests/fuzz/model.ts --count 1000000
 *     deno run -A tests/fuzz/model.ts --seed 42 --server host
 */
import { parseArgs } from "node:util";
import { Client } from "../conformance/client.ts";
import type { Started, Subject } from "../conformance/subject.ts";
import { startHost } from "../conformance/subjects/host.ts";
import { startLater, startMem } from "../conformance/subjects/mem.ts";
import { startTreeMem } from "../conformance/subjects/tree.ts";
import { startForgetfulVolume, startVolume } from "../conformance/subjects/volume.ts";
import { Wire } from "../conformance/wire.ts";
import { Actor, FIDS, Identities } from "./actor.ts";
import { anySeed, Random } from "./random.ts";
import { TreeModel } from "./tree_model.ts";

export interface ModelOptions {
  readonly seed: number;
  readonly count: number;
  readonly start: () => Promise<Started>;
  readonly log?: (line: string) => void;
}

/** One step in so many compares the whole tree, ends a session by a Tversion, or drops a connection. */
const COMPARE_ONCE = 1500;
const VERSION_ONCE = 2500;
const DROP_ONCE = 2500;
const DROP_MS_MAX = 10_000;
const LOG_EVERY = 100_000;

/** Throws where server and model differ, with the seed and the step. */
export async function fuzzModel({ seed, count, start, log }: ModelOptions): Promise<void> {
  const random = new Random(seed);
  const started = await start();
  const world = new World(started.subject, random);
  let step = 0;
  try {
    await world.begin();
    for (; step < count; step++) {
      await world.step();
      if (log && (step + 1) % LOG_EVERY === 0) {
        log(`${step + 1} steps, ${world.model.size} names in the tree`);
      }
    }
    await world.compare();
  } catch (thrown) {
    throw new Error(`--seed ${seed}, step ${step}, ${world.doing}`, { cause: thrown });
  } finally {
    world.close();
    await started.close();
  }
}

/** The clients, one of each dialect, and the tree that they share. */
class World {
  model = new TreeModel(0);
  readonly #identities = new Identities();
  readonly #actors: Actor[] = [];
  #last: Actor | undefined;

  constructor(readonly subject: Subject, readonly random: Random) {}

  get doing(): string {
    return this.#last?.doing ?? "at the beginning";
  }

  async begin(): Promise<void> {
    const client = await this.#connect("9P2000.L");
    for (const { name } of await client.list(client.root)) await client.removeTree(client.root, name);
    this.model = new TreeModel((await client.info(client.root)).mode);
    client.wire.close();
    for (const dialect of this.subject.dialects) this.#actors.push(await this.#actor(dialect));
  }

  async step(): Promise<void> {
    const at = this.random.below(this.#actors.length);
    const actor = this.#last = this.#actors[at];
    if (this.random.once(COMPARE_ONCE)) return await actor.compareTree();
    if (this.random.once(VERSION_ONCE)) {
      await actor.client.wire.version(65536, actor.client.dialect);
      actor.ended();
      return await this.#renew(at);
    }
    if (this.random.once(DROP_ONCE)) {
      actor.client.wire.close();
      actor.ended();
      // The server learns of it in its own time: another client's look at the tree would come too early.
      await this.#quiet();
      return await this.#renew(at);
    }
    await actor.step();
  }

  async compare(): Promise<void> {
    for (const actor of this.#actors) await actor.compareTree();
  }

  close(): void {
    for (const { client } of this.#actors) client.wire.close();
  }

  /** Waits until the server has let go of the connection that was dropped. */
  async #quiet(): Promise<void> {
    const residue = this.subject.features.residue ?? (() => []);
    const others = this.#actors.length - 1;
    const isOpen = () => residue().some((line) => Number(/^(\d+) connections$/.exec(line)?.[1]) > others);
    const until = performance.now() + DROP_MS_MAX;
    while (isOpen() && performance.now() < until) await new Promise((wake) => setTimeout(wake, 1));
  }

  async #renew(at: number): Promise<void> {
    const { dialect, wire } = this.#actors[at].client;
    wire.close();
    this.#actors[at] = await this.#actor(dialect);
  }

  async #actor(dialect: Subject["dialects"][number]): Promise<Actor> {
    return new Actor(await this.#connect(dialect), this.model, this.#identities, this.random);
  }

  async #connect(dialect: Subject["dialects"][number]): Promise<Client> {
    const { address, aname, uname, uid } = this.subject;
    const wire = await Wire.dial(address);
    await wire.version(65536, dialect);
    const client = new Client(wire, FIDS);
    await client.attach(client.root, aname, uname, uid);
    return client;
  }
}

const SERVERS: Record<string, () => Promise<Started>> = {
  mem: startMem,
  later: startLater,
  host: startHost,
  tree: startTreeMem,
  volume: startVolume,
  forgetful: startForgetfulVolume,
};

if (import.meta.main) {
  const { values } = parseArgs({
    args: Deno.args,
    options: {
      count: { type: "string", default: "20000" },
      seed: { type: "string" },
      server: { type: "string", default: "mem" },
    },
  });
  const seed = values.seed === undefined ? anySeed() : Number(values.seed);
  const start = SERVERS[values.server];
  if (!start) throw new Error(`--server ${values.server}: there are ${Object.keys(SERVERS).join(", ")}`);
  console.log(`--seed ${seed} --count ${values.count} --server ${values.server}`);
  const begin = performance.now();
  await fuzzModel({ seed, count: Number(values.count), start, log: console.log });
  const seconds = (performance.now() - begin) / 1000;
  console.log(`${values.count} operations agree, ${seconds.toFixed(1)} s`);
}
