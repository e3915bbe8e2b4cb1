import type { VolumeStoreOptions } from "../../state/volume/mod.ts";

/** Clients that work at the same time, each in a folder of its own. */
export const CLIENTS = 2;

export function clientName(client: number): string {
  return `client-${client}`;
}

/** A store that does within seconds what others do within days: segments that go, checkpoints, waiting for the index. */
export const SMALL: VolumeStoreOptions = {
  segmentBytes: 1 << 18,
  checkpointOperations: 100,
  gatherMs: 20,
  behindMax: 200,
};
