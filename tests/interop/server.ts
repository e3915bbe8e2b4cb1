/**
 * The server under test: a node of this project, started for the test, or whatever LUX9_TEST_ADDR names.
 *
 * With LUX9_TEST_ADDR (`tcp!127.0.0.1!5660`) go
 * - LUX9_TEST_ANAME: what clients attach to; nothing unless given
 * - LUX9_TEST_FOLDER: the folder in that tree which may be written; the root unless given
 * - LUX9_TEST_HOST_FOLDER: where that folder is on this machine, for tests that look at both sides
 * - LUX9_TEST_DIALECTS: those it speaks, such as `9p2000.L`; all unless given
 */
import { GALLERY } from "../../translators/gallery/mod.ts";
import { install, whyNot } from "../translators/computing_node.ts";
import { guard } from "./guard.ts";
import { PROJECT_ROOT } from "./guest/cache.ts";
import type { Version } from "./guest/mod.ts";

export interface TestServer extends AsyncDisposable {
  host: string;
  port: number;
  /** The address as a Plan 9 dial string. */
  address: string;
  aname: string;
  /** The folder in the tree which may be written, such as `/data`; "" is the root. */
  folder: string;
  /** Where that folder is on this machine, if it is, which that of a volume is not. */
  hostFolder: string | undefined;
  /** A node's unix socket. */
  socket: string | undefined;
}

export interface NodeOptions {
  /** The node's home; a temporary one, removed with the node, unless told. */
  home?: string;
  /** What the listener makes of users. */
  users?: "owner" | "none" | "trust";
  /** Whether it has the modules of the gallery. */
  computes?: boolean;
  /** Where it has a volume, such as `/data`, which is a folder of this machine unless told. */
  volumeAt?: string;
}

const START_MS_MAX = 30_000;
const STOP_MS_MAX = 10_000;
export const LAUNCHER = `${PROJECT_ROOT}/lux9`;

const DIALECTS_ALL: readonly Version[] = ["9p2000", "9p2000.u", "9p2000.L"];

/** Why there is no server that speaks this dialect, or undefined. */
export function serverMissing(dialect: Version): string | undefined {
  const external = Deno.env.get("LUX9_TEST_ADDR") !== undefined;
  const named = Deno.env.get("LUX9_TEST_DIALECTS");
  const dialects = external && named !== undefined ? named.split(",") : DIALECTS_ALL;
  if (!dialects.some((name) => name === dialect)) return `the server does not speak ${dialect}`;
  if (external || isFile(LAUNCHER)) return undefined;
  return "there is neither a node to start nor LUX9_TEST_ADDR";
}

/** Why no server computes files here, or undefined. */
export function computingMissing(): string | undefined {
  return Deno.env.get("LUX9_TEST_ADDR") === undefined ? whyNot() : "only a node computes files";
}

/** The server that the environment names, else a node started for this test: `await using server = …`. */
export async function testServer(options: NodeOptions = {}): Promise<TestServer> {
  const address = Deno.env.get("LUX9_TEST_ADDR");
  if (address === undefined) return await startNode(options);
  const match = /^tcp!([^!]+)!(\d+)$/.exec(address);
  if (match === null) throw new Error(`LUX9_TEST_ADDR is ${address}, expected tcp!host!port`);
  return {
    host: match[1],
    port: Number(match[2]),
    address,
    aname: Deno.env.get("LUX9_TEST_ANAME") ?? "",
    folder: Deno.env.get("LUX9_TEST_FOLDER") ?? "",
    hostFolder: Deno.env.get("LUX9_TEST_HOST_FOLDER"),
    socket: undefined,
    [Symbol.asyncDispose]: () => Promise.resolve(),
  };
}

/** Starts `./lux9 up` on a free port of the loopback and waits until it answers. */
export async function startNode(options: NodeOptions = {}): Promise<TestServer> {
  const home = options.home ?? await Deno.makeTempDir({ prefix: "lux9-node-" });
  if (options.computes) await install(home, GALLERY);
  const { volumeAt } = options;
  if (volumeAt !== "/data") await Deno.mkdir(`${home}/data`, { recursive: true });
  if (volumeAt !== undefined) {
    await Deno.writeTextFile(`${home}/lux9.yaml`, `mounts: [{at: ${volumeAt}, volume: test}]\n`);
  }
  const port = freePort();
  const address = `tcp!127.0.0.1!${port}`;
  const child = new Deno.Command(LAUNCHER, {
    args: ["up", "--home", home, "--listen", `${address},users=${options.users ?? "trust"}`],
    cwd: PROJECT_ROOT,
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  const said = Promise.all([new Response(child.stdout).text(), new Response(child.stderr).text()]);
  const temporary = options.home === undefined ? home : "";
  const guarded = guard('kill "$1"; sleep 2; rm -rf "$2"', `${child.pid}`, temporary);
  let ended = false;
  const status = child.status.then((value) => {
    ended = true;
    return value;
  });

  const stop = async () => {
    if (!ended) child.kill("SIGTERM");
    // A node that does not stop when it is told to is a fault, but no reason to leave it running.
    let forced = false;
    const timer = setTimeout(() => {
      forced = true;
      child.kill("SIGKILL");
    }, STOP_MS_MAX);
    const { code } = await status;
    clearTimeout(timer);
    await guarded[Symbol.asyncDispose]();
    const [stdout, stderr] = await said;
    if (options.home === undefined) await Deno.remove(home, { recursive: true });
    if (forced) throw new Error(`The node did not stop within ${STOP_MS_MAX} ms of SIGTERM\n${stderr}`);
    if (code !== 0) throw new Error(`The node ended with code ${code}\n${stdout}\n${stderr}`);
  };

  const deadline = performance.now() + START_MS_MAX;
  while (!await answers(port)) {
    if (!ended && performance.now() < deadline) {
      await new Promise((resolve) => setTimeout(resolve, 50));
      continue;
    }
    await stop().catch(() => undefined);
    throw new Error(`The node did not come up\n${(await said).join("\n")}`);
  }
  return {
    host: "127.0.0.1",
    port,
    address,
    aname: "",
    folder: "/data",
    hostFolder: volumeAt === "/data" ? undefined : `${home}/data`,
    socket: `${home}/run/9p`,
    [Symbol.asyncDispose]: stop,
  };
}

export function freePort(): number {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = listener.addr as Deno.NetAddr;
  listener.close();
  return port;
}

async function answers(port: number): Promise<boolean> {
  try {
    (await Deno.connect({ hostname: "127.0.0.1", port })).close();
    return true;
  } catch {
    return false;
  }
}

function isFile(path: string): boolean {
  try {
    return Deno.statSync(path).isFile;
  } catch {
    return false;
  }
}
