import { DatabaseSync } from "node:sqlite";
import { join } from "node:path";
import { parseAddress, Tree } from "../../../9p/mod.ts";
import { RawClient } from "../../raw.ts";
import { LAUNCHER, startNode, type Subject } from "../../subjects.ts";
import { residentMegabytes } from "../../load/verdict.ts";
import { type Figure, say } from "./figure.ts";

const VOLUME = "v";
const RESIDENT_MB_MAX = 600;
const START_MS_MAX = 3000;
const SAMPLE_MS = 250;

export interface Retention {
  readonly everything: number;
  readonly hourly: number;
  readonly daily: number;
}

/** What the store has on disk, bytes, and what is in it. */
export interface StoreSize {
  readonly database: number;
  readonly log: number;
  readonly packs: number;
  /** Of documents as they are saved and of changes since. */
  readonly documents: number;
  readonly changes: number;
  readonly records: number;
  /** Rows of files as they were. */
  readonly past: number;
}

/** A node with one volume, at `/v`. */
export class VolumeNode {
  /** The most resident memory since the last `watched`, MB. */
  #peak = 0;
  readonly #timer: ReturnType<typeof setInterval>;

  /** Processor time until the first answer, ms: on a machine that others use, what the start itself costs. */
  readonly #startCpuMs: number;

  private constructor(readonly home: string, readonly node: Subject) {
    this.#startCpuMs = cpuMs(node.pid);
    this.#timer = setInterval(() => this.#sample(), SAMPLE_MS);
  }

  static async start(home: string, retention?: Retention): Promise<VolumeNode> {
    const kept = retention === undefined ? "" : `retention: ${JSON.stringify(retention)}\n`;
    const config = `mounts:\n  - { at: /v, volume: ${VOLUME} }\n${kept}`;
    return new VolumeNode(home, await startNode(home, config, () => "/v"));
  }

  get folder(): string {
    return join(this.home, "volumes", VOLUME);
  }

  /** MB, now. */
  get resident(): number {
    return residentMegabytes(this.node.pid);
  }

  /** The most of them since this was asked last. */
  watched(): number {
    this.#sample();
    const peak = this.#peak;
    this.#peak = 0;
    return peak;
  }

  /** The memory as a line of the table. */
  memory(when: string): Figure {
    const [peak, now] = [this.watched(), this.resident];
    const { anonymous } = this;
    say(`resident memory ${when}: ${now.toFixed(0)} MB, at most ${peak.toFixed(0)} MB`);
    return {
      what: `resident memory ${when}`,
      measured: `${now.toFixed(0)} MB, ${anonymous.toFixed(0)} MB of it the node's own; at most ${
        peak.toFixed(0)
      } MB`,
      target: `≤ ${RESIDENT_MB_MAX} MB`,
      met: peak <= RESIDENT_MB_MAX,
    };
  }

  /** Memory that is not a file's, MB. */
  get anonymous(): number {
    const status = Deno.readTextFileSync(`/proc/${this.node.pid}/status`);
    return Number(/^RssAnon:\s+(\d+) kB$/m.exec(status)?.[1]) / 1024;
  }

  started(when: string): Figure {
    const { firstAnswerMs } = this.node;
    say(`start ${when}: ${firstAnswerMs.toFixed(0)} ms, ${this.#startCpuMs} ms of processor time`);
    return {
      what: `start to the first answer ${when}`,
      measured: `${firstAnswerMs.toFixed(0)} ms, ${this.#startCpuMs} ms of processor time`,
      target: `≤ ${START_MS_MAX} ms`,
      met: firstAnswerMs <= START_MS_MAX,
    };
  }

  raw(aname = "/v"): Promise<RawClient> {
    return RawClient.attach(this.node.port, aname);
  }

  tree(): Promise<Tree> {
    const address = parseAddress(`tcp!127.0.0.1!${this.node.port}`);
    return Tree.dial(address, { uname: "", nUname: Deno.uid() ?? 0 });
  }

  /** A command of the program for this node, with what is to be its input; its output. */
  async command(args: readonly string[], input?: AsyncIterable<Uint8Array>): Promise<string> {
    const child = new Deno.Command(LAUNCHER, {
      args: [...args, "--home", this.home],
      stdin: input === undefined ? "null" : "piped",
      stdout: "piped",
      stderr: "piped",
    }).spawn();
    const output = [child.stdout, child.stderr].map((stream) => new Response(stream).text());
    if (input !== undefined) await ReadableStream.from(input).pipeTo(child.stdin);
    const [{ success }, out, errors] = await Promise.all([child.status, ...output]);
    if (!success) throw new Error(`lux9 ${args.join(" ")}: ${errors}`);
    return out;
  }

  /** Waits until the index has everything. */
  async applied(): Promise<void> {
    for (;;) {
      const [{ waiting }] = JSON.parse(await this.command(["volume", "ls", "--json"]));
      if (waiting === 0) return;
      await new Promise((wake) => setTimeout(wake, 1000));
    }
  }

  size(): StoreSize {
    const bytes = (folder: string, prefix = "") =>
      [...Deno.readDirSync(join(this.folder, folder))].filter(({ name, isFile }) =>
        isFile && name.startsWith(prefix)
      ).reduce((sum, { name }) => sum + Deno.statSync(join(this.folder, folder, name)).size, 0);
    const db = new DatabaseSync(join(this.folder, "index.sqlite"), { readOnly: true });
    try {
      const rows = db.prepare(
        "SELECT (SELECT coalesce(sum(length(saved)), 0) FROM document) AS documents, " +
          "(SELECT coalesce(sum(length(bytes)), 0) FROM change) AS changes, " +
          "(SELECT count(*) FROM journal) AS records, (SELECT count(*) FROM node_past) AS past",
      ).get() as Pick<StoreSize, "documents" | "changes" | "records" | "past">;
      return { database: bytes("", "index."), log: bytes("log"), packs: bytes("packs"), ...rows };
    } finally {
      db.close();
    }
  }

  async stop(): Promise<void> {
    clearInterval(this.#timer);
    await this.node.stop();
  }

  #sample(): void {
    this.#peak = Math.max(this.#peak, this.resident);
  }
}

/** Processor time of a process so far. The kernel counts in hundredths of a second. */
function cpuMs(pid: number): number {
  const fields = Deno.readTextFileSync(`/proc/${pid}/stat`).split(") ")[1].split(" ");
  return (Number(fields[11]) + Number(fields[12])) * 10;
}
