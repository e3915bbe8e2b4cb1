import { homeOf, socketOf } from "../home.ts";
import { fillDemo, installDemo } from "../node/demo.ts";
import { returnLargeBuffers, returnMemory } from "../node/memory.ts";
import { modulesFolder } from "../node/translators.ts";
import { type RunningNode, startNode } from "../node/node.ts";
import { prepareHome } from "../node/prepare_home.ts";
import { reach } from "../reach.ts";
import { VERSION } from "../version.ts";

export interface UpOptions {
  readonly home?: string;
  readonly listen?: readonly string[];
  readonly demo?: boolean;
}

/** Runs a node in the foreground until SIGINT or SIGTERM. */
export async function up(options: UpOptions): Promise<void> {
  returnLargeBuffers();
  const home = homeOf(options.home);
  prepareHome(home);
  const installed = options.demo ? installDemo(modulesFolder(home)) : [];
  const listen = options.listen ?? [];
  const restMs = restMsOf(Deno.env.get("LUX9_REST_MS"));
  const node = await startNode({ home, listen, version: VERSION, onRested: returnMemory, restMs });
  // Before anybody is told that it serves: it may be told to stop at once.
  const stopped = Promise.withResolvers<void>();
  let stopping: Promise<void> | undefined;
  for (const signal of ["SIGINT", "SIGTERM"] as const) {
    // A second signal hurries nothing: what is in flight is written and synced first.
    Deno.addSignalListener(signal, () => (stopping ??= node.stop()).then(stopped.resolve, stopped.reject));
  }
  try {
    if (options.demo) await demonstrate(home, installed.length);
    console.log(welcome(home, node));
  } catch (thrown) {
    // The node that the examples were for is about to go.
    if (stopping === undefined) throw thrown;
  }
  await stopped.promise;
  console.log("Stopped: everything is synced, and no socket is left");
  Deno.exit(0);
}

async function demonstrate(home: string, translators: number): Promise<void> {
  await using tree = await reach({ home });
  const made = await fillDemo(tree);
  console.log(`${made} example files are new in /data, ${translators} translators in /translators`);
  console.log("Try: lux9 cat /data/sensors/today.json, which is computed when it is read\n");
}

/** What to try next. */
function welcome(home: string, { addresses, data }: RunningNode): string {
  const socket = socketOf(home);
  const tcp = addresses.slice(1).map((address) => `  ${address}`);
  return [
    `lux9 ${VERSION} serves your tree`,
    ...addresses.map((address) => `  ${address}`),
    "",
    "Mount it, in another terminal:",
    "  mkdir -p ~/lux9 && lux9 mount ~/lux9              as it suits this machine, or by hand:",
    `  9pfuse 'unix!${socket}' ~/lux9`,
    `  sudo mount -t 9p -o trans=unix,version=9p2000.L,uname=$USER,access=any ${socket} ~/lux9`,
    "",
    "Without mounting:",
    "  lux9 ls /            lux9 put FILE /data/         lux9 tail /log/events",
    "",
    `${whereFilesAre(data)}Stop with ^C.`,
    ...(tcp.length > 0 ? [] : ["Other machines and guests: --listen 'tcp!127.0.0.1!5640,users=none'"]),
  ].join("\n");
}

function whereFilesAre(data: RunningNode["data"]): string {
  if (data === undefined) return "";
  if ("folder" in data) {
    return `Your files are in ${data.folder}; lux9 volume import says how to have them in a volume, with history. `;
  }
  return `Your files are in the volume ${data.volume}, which keeps what they were: lux9 snapshot, lux9 history. `;
}

/** What the environment says; undefined where it says nothing that is a number. */
function restMsOf(said: string | undefined): number | undefined {
  return said !== undefined && /^\d{1,9}$/.test(said) ? Number(said) : undefined;
}
