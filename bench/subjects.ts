/** The servers that are compared, each a process of its own on a loopback port. */
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { Place } from "./load9p.ts";
import { RawClient } from "./raw.ts";

export type Part = "host" | "mem" | "volume";

export interface Subject {
  readonly name: string;
  readonly pid: number;
  /** From starting the process to its first Rattach, ms. */
  readonly firstAnswerMs: number;
  readonly port: number;
  /** Where a part of the tree is. */
  place(tree: Part): Place;
  stop(): Promise<void>;
}

/** Debian's package puts it where ordinary users have no PATH to. */
const DIOD = "/usr/sbin/diod";

/** Undefined where it is not installed. */
export async function startDiod(folder: string): Promise<Subject | undefined> {
  if (!await Deno.stat(DIOD).catch(() => undefined)) return undefined;
  const port = freePort();
  const args = ["-f", "-n", "-l", `127.0.0.1:${port}`, "-e", folder, "-c", "/dev/null", "-L", "stderr"];
  // Memory has nothing to compare with but the same operation on cached files.
  return await start("diod", DIOD, args, port, () => folder);
}

/** The floor for one request at a time: what Deno and the loopback cost without a file server. */
export function startEcho(): Promise<Subject> {
  const port = freePort();
  const script = fileURLToPath(new URL("echo.ts", import.meta.url));
  return start("echo", Deno.execPath(), ["run", "-A", "--cached-only", script, `${port}`], port, () => "/");
}

const PLACES = { host: "/bench", mem: "/mem", volume: "/vol" };

/** The whole node, as `lux9 up` starts it; with a volume where one is to be measured. */
export async function startLux9(folder: string, home: string, hasVolume = false): Promise<Subject> {
  const mounts = [`at: /bench, host: ${JSON.stringify(folder)}`, "at: /mem, mem: {}"];
  if (hasVolume) mounts.push("at: /vol, volume: bench");
  const lines = mounts.map((mount) => `  - { ${mount} }\n`);
  return await startNode(home, `mounts:\n${lines.join("")}`, (tree) => PLACES[tree]);
}

/** A node with that `lux9.yaml`; it has started when the tree that `anameOf` names for "host" can be attached to. */
export async function startNode(
  home: string,
  config: string,
  anameOf: (tree: keyof typeof PLACES) => string,
): Promise<Subject> {
  const port = freePort();
  await Deno.mkdir(home, { recursive: true, mode: 0o700 });
  await Deno.writeTextFile(join(home, "lux9.yaml"), config);
  const args = ["up", "--home", home, "--listen", `tcp!127.0.0.1!${port},users=trust`];
  return await start("lux9", LAUNCHER, args, port, anameOf);
}

/** The engine with one server behind it: against `lux9`, it says what namespace and guard cost. */
export function startEngine(folder: string, tree: "host" | "mem"): Promise<Subject> {
  const port = freePort();
  const script = fileURLToPath(new URL("engine.ts", import.meta.url));
  const args = ["run", "-A", "--cached-only", script, `${port}`, tree, folder];
  return start(`engine-${tree}`, Deno.execPath(), args, port, () => "/");
}

async function start(
  name: string,
  program: string,
  args: string[],
  port: number,
  anameOf: (tree: Part) => string,
): Promise<Subject> {
  const begun = performance.now();
  const child = new Deno.Command(program, { args, stdin: "null", stdout: "piped", stderr: "piped" }).spawn();
  const output: string[] = [];
  gather(child.stdout, output);
  gather(child.stderr, output);
  let ended = false;
  child.status.then(() => ended = true);
  for (;;) {
    if (await answers(port, anameOf("host"))) break;
    if (ended || performance.now() - begun > START_MS_MAX) {
      if (!ended) child.kill("SIGKILL");
      throw new Error(`${name} did not start on port ${port}: ${output.join("")}`);
    }
    await new Promise((done) => setTimeout(done, 2));
  }
  const firstAnswerMs = performance.now() - begun;
  return {
    name,
    pid: child.pid,
    port,
    firstAnswerMs,
    place: (tree) => ({ address: `tcp!127.0.0.1!${port}`, aname: anameOf(tree) }),
    async stop() {
      if (!ended) child.kill("SIGTERM");
      const timer = setTimeout(() => child.kill("SIGKILL"), STOP_MS_MAX);
      await child.status;
      clearTimeout(timer);
    },
  };
}

/** The program itself, for what a benchmark does by command. */
export const LAUNCHER = fileURLToPath(new URL("../lux9", import.meta.url));
const START_MS_MAX = 60_000;
/** A volume puts its index in order when it is closed. */
const STOP_MS_MAX = 30_000;

/** Whether a Tversion and a Tattach are answered by what they should be. */
async function answers(port: number, aname: string): Promise<boolean> {
  try {
    const client = await RawClient.attach(port, aname);
    client.close();
    return true;
  } catch {
    return false;
  }
}

function freePort(): number {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  return listener.addr.port;
}

/** Keeps the pipe empty, and the last of it for an error's message. */
async function gather(stream: ReadableStream<Uint8Array>, output: string[]): Promise<void> {
  for await (const text of stream.pipeThrough(new TextDecoderStream())) {
    output.push(text);
    if (output.length > 50) output.shift();
  }
}
