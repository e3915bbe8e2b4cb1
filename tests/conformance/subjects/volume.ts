import assert from "node:assert/strict";
import type { FileServer } from "../../../9p/mod.ts";
import { volume, type VolumeOptions } from "../../../servers/volume/mod.ts";
import { VolumeStore, type VolumeStoreOptions } from "../../../state/volume/mod.ts";
import { verify } from "../../../state/worker/mod.ts";
import { serve } from "../in_process.ts";
import { PROBES, withProbes } from "../probes.ts";
import { ALL } from "../rule.ts";
import type { Started } from "../subject.ts";

/** A new volume in a temporary folder. */
export const startVolume = (): Promise<Started> => start("volume", {}, {});
/** The same, which hardly remembers anything, asks an index that is always just behind, and waits for it and at each clunk. */
export const startForgetfulVolume = (): Promise<Started> =>
  start("volume, forgetful", { gatherMs: 0, behindMax: 20, checkpointOperations: 10 }, {
    placesMax: 3,
    durable: "clunk",
  });

async function start(name: string, options: VolumeStoreOptions, more: VolumeOptions): Promise<Started> {
  const folder = await Deno.makeTempDir({ prefix: "lux9-conformance-volume-" });
  const store = await VolumeStore.open(folder, {
    ...options,
    onTrouble(message) {
      throw new Error(message);
    },
  });
  const served = await serve(withProbes(volume(store, more) as unknown as FileServer<object, unknown>));
  return {
    subject: {
      name,
      address: served.address,
      aname: "",
      dialects: ALL,
      uname: "root",
      uid: 0,
      writable: true,
      features: {
        blocking: { path: PROBES.blocks, access: "r" },
        deafFile: PROBES.deaf,
        controlFile: PROBES.control,
        unsyncableFile: PROBES.unsyncable,
        claims: { uname: "daemon", uid: 1 },
        strictAddress: served.strictAddress,
        plan9Flags: true,
        xattrs: true,
        symlinks: true,
        hardLinks: true,
        fifos: true,
        devices: true,
        noAuth: true,
        residue: served.residue,
      },
    },
    async close() {
      await served.close();
      await store.close();
      assert.deepEqual(verify(folder).problems, []);
      await Deno.remove(folder, { recursive: true });
    },
  };
}
