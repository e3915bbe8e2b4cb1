/** Runs the flows of computed files on a node of its own, with data made for it. */
import { type DataSize, writeData } from "./flows/computed_data.ts";
import { flowsHere, flowsInGuest, type FlowsResult, SHORT } from "./flows/flows.ts";
import type { Version } from "./guest/mod.ts";
import { oneMount } from "./mounts.ts";
import { mountFuse } from "./ninepfuse.ts";
import { startNode } from "./server.ts";

export interface ComputedRun {
  size: DataSize;
  /** The name of one flow, to run it alone. */
  only?: string;
  timeoutMs: number;
  onLine?: (line: string) => void;
}

const DATA = "computed";

export async function computedHere({ size, ...request }: ComputedRun): Promise<FlowsResult> {
  await using server = await startNode({ users: "trust", computes: true });
  await writeData(`${server.hostFolder}/${DATA}`, size);
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
  { size, version, ...request }: ComputedRun & { version: Version },
): Promise<FlowsResult> {
  await using server = await startNode({ users: "trust", computes: true });
  await writeData(`${server.hostFolder}/${DATA}`, size);
  return await flowsInGuest({
    ...request,
    way: version,
    size: SHORT,
    mounts: [oneMount(server, version)],
    folder: server.folder,
    computed: { data: `${server.folder}/${DATA}` },
  });
}
