/** Nodes for the scenarios: `./lux9 up` as anybody starts it, on a home that is gone afterwards. */
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { openDescriptors, rssBytes } from "./process.ts";
import { connect, type ConnectOptions } from "./connect.ts";
import type { Client } from "../conformance/client.ts";

const LAUNCHER = fileURLToPath(new URL("../../lux9", import.meta.url));
/** A node that has said nothing by then will not. A busy machine starts it in a second. */
const START_MS = 15_000;

export interface NodeOptions {
  /** A home that is there already and stays; else a new one, which goes with the node. */
  readonly home?: string;
  /** What `lux9.yaml` says. */
  readonly yaml?: string;
  /** Words for one `--listen` each; `PORT` becomes a free port. */
  readonly listen?: readonly string[];
  readonly demo?: boolean;
  /** Words in front of the launcher, as `setpriv --reuid 1`. They must exec it: the node has their process id. */
  readonly before?: readonly string[];
  /** Who owns the home. */
  readonly uid?: number;
  /** What `/data` of a new home is, unless `yaml` says so: a folder of this machine, or the volume that others have. */
  readonly data?: "folder" | "volume";
  readonly env?: Readonly<Record<string, string>>;
}

export interface Ended {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** What `/status.json` says. */
export interface Status {
  readonly pid: number;
  readonly connections: number;
  readonly fids: number;
  readonly bytesInFlight: number;
  readonly rssBytes: number;
}

/** A line of `/log/errors`. */
export interface ErrorLine {
  readonly user: string;
  readonly request: string;
  readonly path?: string;
  readonly code: string;
  readonly reason: string;
}

export class TestNode implements AsyncDisposable {
  readonly #child: Deno.ChildProcess;
  readonly #stdout: Gathered;
  readonly #stderr: Gathered;
  /** Resolves when the process has ended. */
  readonly ended: Promise<Ended>;
  #isGone = false;

  private constructor(
    readonly home: string,
    readonly listens: readonly string[],
    readonly ownsHome: boolean,
    { before = [], demo, env }: NodeOptions,
  ) {
    const words = [
      "up",
      "--home",
      home,
      ...(demo ? ["--demo"] : []),
      ...listens.flatMap((listen) => ["--listen", listen]),
    ];
    const [command, ...args] = [...before, LAUNCHER, ...words];
    this.#child = new Deno.Command(command, { args, env, stdin: "null", stdout: "piped", stderr: "piped" })
      .spawn();
    this.#stdout = new Gathered(this.#child.stdout);
    this.#stderr = new Gathered(this.#child.stderr);
    this.ended = this.#end();
  }

  /** A node that serves. Throws what it said where it does not. */
  static async start(options: NodeOptions = {}): Promise<TestNode> {
    const node = await TestNode.#spawn(options);
    const ready = node.#stdout.has("serves your tree");
    const outcome = await within(START_MS, Promise.race([ready, node.ended]));
    if (outcome === true) return node;
    await node[Symbol.asyncDispose]();
    throw new Error(`The node did not start: ${JSON.stringify(outcome ?? node.#stderr.text)}`);
  }

  /** A node that is expected to give up at once: what it said. */
  static async refused(options: NodeOptions): Promise<Ended> {
    await using node = await TestNode.#spawn({ ...options, data: "volume" });
    const outcome = await within(START_MS, node.ended);
    if (!outcome) throw new Error(`The node started although it should not have: ${node.#stdout.text}`);
    return outcome;
  }

  static async #spawn(options: NodeOptions): Promise<TestNode> {
    const home = options.home ?? await makeHome(options.uid);
    if (options.data !== "volume") await makeDataFolder(home);
    if (options.yaml !== undefined) await Deno.writeTextFile(join(home, "lux9.yaml"), options.yaml);
    const listens = (options.listen ?? []).map((listen) => listen.replace("PORT", String(freePort())));
    return new TestNode(home, listens, options.home === undefined, options);
  }

  get pid(): number {
    return this.#child.pid;
  }
  get stdout(): string {
    return this.#stdout.text;
  }
  get stderr(): string {
    return this.#stderr.text;
  }
  get socket(): string {
    return `unix!${join(this.home, "run", "9p")}`;
  }
  /** The address of the n-th `--listen`. */
  address(n = 0): string {
    return this.listens[n].split(",")[0];
  }
  /** Where the files of `/data` are, if it is a folder. */
  data(...names: string[]): string {
    return join(this.home, "data", ...names);
  }

  /** An attached client, by the node's own socket unless another address is given. */
  connect(options: ConnectOptions = {}): Promise<Client> {
    return connect(options.address ?? this.socket, options);
  }

  /** Runs `act` with a client of the owner, which is closed afterwards. */
  async asOwner<T>(act: (client: Client) => Promise<T>): Promise<T> {
    const client = await this.connect();
    try {
      return await act(client);
    } finally {
      client.wire.close();
    }
  }

  status(): Promise<Status> {
    return this.asOwner(async (client) => JSON.parse(await client.get(client.root, "status.json")));
  }
  async errors(): Promise<ErrorLine[]> {
    return jsonLines(await this.asOwner((client) => client.get(client.root, "log", "errors")));
  }

  rssBytes(): number {
    return rssBytes(this.pid);
  }
  descriptors(): number {
    return openDescriptors(this.pid);
  }

  signal(signal: Deno.Signal): void {
    this.#child.kill(signal);
  }

  /** Sends the signal and waits for the end; says how long that took. */
  async stop(signal: Deno.Signal = "SIGTERM"): Promise<Ended & { readonly ms: number }> {
    const started = performance.now();
    this.signal(signal);
    const ended = await this.ended;
    return { ...ended, ms: performance.now() - started };
  }

  async #end(): Promise<Ended> {
    const [{ code }] = await Promise.all([this.#child.status, this.#stdout.whole, this.#stderr.whole]);
    this.#isGone = true;
    return { code, stdout: this.#stdout.text, stderr: this.#stderr.text };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (!this.#isGone) this.#child.kill("SIGKILL");
    await this.ended;
    if (this.ownsHome) await Deno.remove(this.home, { recursive: true });
  }
}

/** A home for a node, for others than root to enter. Its path is short: a unix socket's fits 107 bytes. */
export async function makeHome(uid?: number): Promise<string> {
  const home = await Deno.makeTempDir({ prefix: "lux9-" });
  if (uid !== undefined) await Deno.chown(home, uid, uid);
  return home;
}

/** Gives a home the folder that is `/data` then. It is that of whose the home is. */
export async function makeDataFolder(home: string): Promise<void> {
  const folder = join(home, "data");
  await Deno.mkdir(folder, { recursive: true });
  const { uid, gid } = await Deno.stat(home);
  if (Deno.uid() === 0) await Deno.chown(folder, uid, gid);
}

/** A port that nobody listens on at the moment. */
export function freePort(): number {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  return (listener.addr as Deno.NetAddr).port;
}

export function jsonLines<T>(text: string): T[] {
  return text.split("\n").filter((line) => line !== "").map((line) => JSON.parse(line));
}

/** What a promise gives, or undefined when it takes too long. */
export async function within<T>(ms: number, promise: Promise<T>): Promise<T | undefined> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<undefined>((resolve) => timer = setTimeout(() => resolve(undefined), ms));
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}

/** The output of a process, as it comes. */
class Gathered {
  text = "";
  readonly whole: Promise<void>;
  #waiting: (() => void)[] = [];

  constructor(stream: ReadableStream<Uint8Array<ArrayBuffer>>) {
    this.whole = this.#gather(stream);
  }

  async #gather(stream: ReadableStream<Uint8Array<ArrayBuffer>>): Promise<void> {
    for await (const text of stream.pipeThrough(new TextDecoderStream())) {
      this.text += text;
      for (const wake of this.#waiting.splice(0)) wake();
    }
  }

  /** Resolves once the text is there. */
  async has(wanted: string): Promise<true> {
    while (!this.text.includes(wanted)) await new Promise<void>((wake) => this.#waiting.push(wake));
    return true;
  }
}
