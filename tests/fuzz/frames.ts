/**
 * Sends mutated frames to a server in this process: it must not crash or hang, its memory must stay bounded, its replies
 * must be well formed, and another client must not notice anything.
 *
 *     deno run -A tests/fuzz/frames.ts --count 10000000
 *     deno run -A tests/fuzz/frames.ts --seed 42 --through socket
 */
import assert from "node:assert/strict";
import { parseArgs } from "node:util";
import {
  Connection,
  type Duplex,
  type Engine,
  type FileServer,
  type Listener,
  parseAddress,
} from "../../9p/mod.ts";
import { mem } from "../../servers/mem/mod.ts";
import { Client } from "../conformance/client.ts";
import { serve, type Served } from "../conformance/in_process.ts";
import { later } from "../conformance/later.ts";
import { withProbes } from "../conformance/probes.ts";
import { frameOf, Wire } from "../conformance/wire.ts";
import { Frames } from "./mutate.ts";
import { anySeed, Random } from "./random.ts";
import { BARRIER_TAG, Replies } from "./replies.ts";

export interface FramesOptions {
  readonly seed: number;
  readonly count: number;
  /** Straight into the engine's connections, or through a unix socket as a client does. */
  readonly through: "engine" | "socket";
  /** Every call to the file server is answered later. */
  readonly isLater?: boolean;
  readonly log?: (line: string) => void;
}

/** What nobody's mutated frame can hit by chance: the tree of the client that must not notice anything. */
const CLEAN = "the clean client's tree";
/** A tree fills up with what the frames make in it: after so many, the next server begins. */
const FRAMES_PER_SERVER = 250_000;
const FRAMES_PER_CONNECTION = 4000;
const FRAMES_PER_BATCH = 100;
/** Resident memory may grow by so much over a whole run; V8's own heap breathes by some hundred MB. */
const GROWTH_BYTES_MAX = 600 * 1024 * 1024;
/** Nothing that can be answered takes longer. */
const ANSWER_MS = 10_000;

const BARRIER = frameOf("9P2000", "Tflush", BARRIER_TAG, { oldtag: BARRIER_TAG });

type Server = FileServer<object, unknown>;

/** Sends `count` frames, and says how many replies came. */
export async function fuzzFrames(
  options: FramesOptions,
): Promise<{ frames: number; replies: number; closes: number }> {
  const random = new Random(options.seed);
  const total = { frames: 0, replies: 0, closes: 0 };
  let rssFirst = 0;
  while (total.frames < options.count) {
    const round = new Round(await start(options.isLater ?? false), random, options.through);
    try {
      await round.run(Math.min(FRAMES_PER_SERVER, options.count - total.frames));
      await round.leavesNothing();
    } catch (thrown) {
      throw new Error(`--seed ${options.seed}, after ${total.frames + round.frames} frames`, {
        cause: thrown,
      });
    } finally {
      await round.close();
    }
    total.frames += round.frames;
    total.replies += round.replies;
    total.closes += round.closes;
    const { rss } = Deno.memoryUsage();
    rssFirst ||= rss;
    options.log?.(
      `${total.frames} frames, ${total.replies} replies, ${total.closes} closes, ${
        Math.round(rss / 2 ** 20)
      } MiB`,
    );
    assert.ok(
      rss - rssFirst < GROWTH_BYTES_MAX,
      `memory grew by ${rss - rssFirst} bytes, --seed ${options.seed}`,
    );
  }
  return total;
}

/** Two trees on one engine: one for the frames, one for the clean client. */
async function start(isLater: boolean): Promise<Served> {
  const dirty = withProbes(mem({ bytesMax: 64 * 1024 * 1024 }) as unknown as Server);
  const clean = mem() as unknown as Server;
  const both: Server = {
    ...dirty,
    attach: (aname, call) => aname === CLEAN ? clean.attach("", call) : dirty.attach(aname, call),
  };
  return await serve(isLater ? later(both) : both);
}

class Round {
  frames = 0;
  replies = 0;
  closes = 0;
  #clean: CleanClient | undefined;

  constructor(readonly served: Served, readonly random: Random, readonly through: "engine" | "socket") {}

  async run(count: number): Promise<void> {
    this.#clean = await CleanClient.connect(this.served.address);
    while (this.frames < count) {
      await this.#connection(Math.min(FRAMES_PER_CONNECTION, count - this.frames));
      await this.#clean.check();
    }
  }

  /** One client's life: a session, and frames in batches, each with a question at its end that must be answered. */
  async #connection(count: number): Promise<void> {
    const frames = new Frames(this.random);
    const replies = new Replies();
    const line = this.through === "engine"
      ? engineLine(this.served.engine, replies)
      : await socketLine(this.served.address, replies);
    let isLying = false;
    const send = async (batch: { bytes: Uint8Array; isLie: boolean }[]) => {
      for (const { bytes, isLie } of batch) {
        isLying ||= isLie;
        replies.sent(bytes, isLying);
      }
      const { barriers } = replies;
      replies.sent(BARRIER, isLying);
      await line.send(joined([...batch.map(({ bytes }) => bytes), BARRIER]));
      const isAnswered = () => replies.barriers > barriers || line.isClosed() || replies.broken !== undefined;
      // After a lie the barrier may be swallowed as a part of something else.
      if (!isLying) await until(isAnswered, "a Tflush was not answered");
      frames.dialect = replies.dialect;
    };
    await send([{ bytes: frames.version(), isLie: false }, { bytes: frames.attach(), isLie: false }]);
    let sent = 0;
    let batchesLeftAfterLie = 3;
    while (sent < count && !line.isClosed() && !replies.broken && batchesLeftAfterLie > 0) {
      const batch = Array.from({ length: FRAMES_PER_BATCH }, () => frames.next());
      await send(batch);
      sent += batch.length;
      if (isLying) batchesLeftAfterLie--;
    }
    if (line.isClosed()) this.closes++;
    await line.close();
    if (replies.broken) throw replies.broken;
    this.frames += sent;
    this.replies += replies.count;
  }

  async leavesNothing(): Promise<void> {
    this.#clean?.close();
    const { served } = this;
    await until(() => served.residue().length === 0, () => `still held: ${served.residue().join(", ")}`);
  }

  async close(): Promise<void> {
    this.#clean?.close();
    await this.served.close();
  }
}

/** A way to the server. */
interface Line {
  /** Resolves when the server has taken the bytes, or the connection is closed. */
  send(bytes: Uint8Array): Promise<void>;
  isClosed(): boolean;
  close(): Promise<void>;
}

/** Hands bytes to a connection of the engine as its reads ask for them. */
function engineLine(engine: Engine, replies: Replies): Line {
  let pending: Uint8Array | undefined;
  let isClosed = false;
  let wakeReader = () => {};
  let wakeSender = () => {};
  const duplex: Duplex = {
    async read(into) {
      while (pending === undefined) {
        if (isClosed) return null;
        wakeSender();
        await new Promise<void>((wake) => wakeReader = wake);
      }
      const count = Math.min(into.byteLength, pending.byteLength);
      into.set(pending.subarray(0, count));
      pending = count < pending.byteLength ? pending.subarray(count) : undefined;
      return count;
    },
    write(bytes) {
      replies.take(bytes);
      return Promise.resolve(bytes.byteLength);
    },
    close() {
      isClosed = true;
      wakeReader();
      wakeSender();
    },
  };
  const listener: Listener = {
    address: "in memory",
    strict: false,
    identify: (name) => ({ name: name || "root", groups: new Set(["root"]), standing: "owner" }),
  };
  const running = new Connection(engine, listener, duplex).run();
  return {
    async send(bytes) {
      pending = bytes;
      const taken = new Promise<void>((wake) => wakeSender = wake);
      wakeReader();
      if (!isClosed) await within(taken, "the server stopped reading");
    },
    isClosed: () => isClosed,
    async close() {
      duplex.close();
      await within(running, "the connection did not end");
    },
  };
}

async function socketLine(address: string, replies: Replies): Promise<Line> {
  const at = parseAddress(address);
  assert.ok(at.net === "unix");
  const conn = await Deno.connect({ transport: "unix", path: at.path });
  let isClosed = false;
  const reading = (async () => {
    const into = new Uint8Array(64 * 1024);
    try {
      while (true) {
        const count = await conn.read(into);
        if (count === null) break;
        replies.take(into.subarray(0, count));
      }
    } catch { /* A reset is an end like another. */ }
    isClosed = true;
  })();
  return {
    async send(bytes) {
      try {
        for (let at = 0; at < bytes.byteLength;) at += await conn.write(bytes.subarray(at));
      } catch { /* Closed by the server: the reading side notes it. */ }
    },
    isClosed: () => isClosed,
    async close() {
      try {
        conn.close();
      } catch { /* It was closed already. */ }
      await within(reading, "the socket did not end");
    },
  };
}

/** A client that does honest work in a tree of its own. */
class CleanClient {
  #round = 0;

  constructor(readonly client: Client) {}

  static async connect(address: string): Promise<CleanClient> {
    const wire = await Wire.dial(address);
    await wire.version(65536, "9P2000.L");
    const client = new Client(wire);
    await client.attach(client.root, CLEAN, "root", 0);
    return new CleanClient(client);
  }

  async check(): Promise<void> {
    const { client } = this;
    const name = `file ${this.#round++ % 5}`;
    const text = `round ${this.#round}`;
    await within(
      (async () => {
        if (await client.has(client.root, name)) await client.unlink(client.root, name);
        await client.put(client.root, name, text);
        assert.equal(await client.get(client.root, name), text);
        assert.ok((await client.names(client.root)).includes(name));
      })(),
      "the clean client got no answer",
    );
    assert.deepEqual(client.wire.violations, []);
  }

  close(): void {
    this.client.wire.close();
  }
}

function joined(parts: readonly Uint8Array[]): Uint8Array {
  const whole = new Uint8Array(parts.reduce((sum, { byteLength }) => sum + byteLength, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.byteLength;
  }
  return whole;
}

async function until(holds: () => boolean, what: string | (() => string)): Promise<void> {
  const end = performance.now() + ANSWER_MS;
  // Most often it comes within some microtasks.
  for (let i = 0; i < 20 && !holds(); i++) await undefined;
  while (!holds()) {
    if (performance.now() > end) throw new Error(typeof what === "string" ? what : what());
    await new Promise((wake) => setTimeout(wake, 0));
  }
}

async function within<T>(work: Promise<T>, what: string): Promise<T> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`${what} for ${ANSWER_MS} ms`)), ANSWER_MS);
  });
  try {
    return await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
  }
}

if (import.meta.main) {
  const { values } = parseArgs({
    args: Deno.args,
    options: {
      count: { type: "string", default: "200000" },
      seed: { type: "string" },
      through: { type: "string", default: "engine" },
      later: { type: "boolean", default: false },
    },
  });
  const seed = values.seed === undefined ? anySeed() : Number(values.seed);
  const through = values.through === "socket" ? "socket" : "engine";
  console.log(`--seed ${seed} --count ${values.count} --through ${through}${values.later ? " --later" : ""}`);
  const begin = performance.now();
  const options = {
    seed,
    count: Number(values.count),
    through,
    isLater: values.later,
    log: console.log,
  } as const;
  const { frames, replies, closes } = await fuzzFrames(options);
  const seconds = (performance.now() - begin) / 1000;
  console.log(
    `${frames} frames, ${replies} replies, ${closes} connections closed by the server, ` +
      `${seconds.toFixed(1)} s, ${Math.round(frames / seconds)} frames/s`,
  );
}
