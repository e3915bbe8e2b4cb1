/** Runs the flows of computed files on a node of its own, with data made for it. */
import { mustRun } from "./command.ts";
import { type DataSize, writeData } from "./flows/computed_data.ts";
import { flowsHere, flowsInGuest, type FlowsResult, SHORT } from "./flows/flows.ts";
import type { Version } from "./guest/mod.ts";
import { oneMount } from "./mounts.ts";
import { mountFuse } from "./ninepfuse.ts";
import { LAUNCHER, startNode, type TestServer } from "./server.ts";

export interface ComputedRun {
  size: DataSize;
  /** What is in `/data`, a folder of this machine unless it is a volume. */
  volumeAt?: "/data";
  /** The name of one flow, to run it alone. */
  only?: string;
  timeoutMs: number;
  onLine?: (line: string) => void;
}

const DATA = "computed";
const PUT_MS_MAX = 300_000;

export async function computedHere({ size, volumeAt, ...request }: ComputedRun): Promise<FlowsResult> {
  await using server = await startNode({ users: "trust", computes: true, volumeAt });
  await putData(server, size);
  await using mount = await mountFuse(server.address);
  return await flowsHere({
    ...request,
    way: "9pfuse",
    size: SHORT,
    root: mount.directory,
    folder: `${mount.directory}${server.folder}`,
    computed: { data: `${server.folder}/${DATA}` },
  });
}

/** In the guest, without a cache. */
export async function computedInGuest(
  { size, version, volumeAt, ...request }: ComputedRun & { version: Version },
): Promise<FlowsResult> {
  await using server = await startNode({ users: "trust", computes: true, volumeAt });
  await putData(server, size);
  return await flowsInGuest({
    ...request,
    way: version,
    size: SHORT,
    mounts: [oneMount(server, version)],
    folder: server.folder,
    computed: { data: `${server.folder}/${DATA}` },
  });
}

async function putData({ hostFolder, socket, folder }: TestServer, size: DataSize): Promise<void> {
  if (hostFolder !== undefined) return await writeData(`${hostFolder}/${DATA}`, size);
  const made = await Deno.makeTempDir({ prefix: "lux9-computed-" });
  try {
    await writeData(`${made}/${DATA}`, size);
    const words = ["put", "--addr", `unix!${socket}`, "-r", `${made}/${DATA}`, folder];
    await mustRun(LAUNCHER, words, { timeoutMs: PUT_MS_MAX });
  } finally {
    await Deno.remove(made, { recursive: true });
  }
}
