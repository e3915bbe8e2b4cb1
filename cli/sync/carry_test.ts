import assert from "node:assert/strict";
import { VolumeStore } from "../../state/volume/mod.ts";
import { carry } from "./carry.ts";
import { storeEnd } from "./end.ts";

const HANG_MS = 10_000;

Deno.test("an exchange that one copy ends in the middle, as on a full disk, ends for both and says why", async () => {
  const folder = await Deno.makeTempDir({ prefix: "lux9-carry-" });
  try {
    const stores = await Promise.all(["a", "b"].map((name) => {
      Deno.mkdirSync(`${folder}/${name}`);
      return VolumeStore.open(`${folder}/${name}`);
    }));
    try {
      for (const which of [0, 1]) {
        const ends = [await storeEnd(stores[0]), await storeEnd(stores[1])];
        // A copy cannot tell a state to nobody, and so it ends before the other one has heard anything of it.
        const wishes = [{ do: "sync" }, { do: "clone" }] as const;
        const [own, other] = which === 0 ? wishes : wishes.toReversed();
        const told = await carry(ends[0], ends[1], [own, other], AbortSignal.timeout(HANG_MS));
        const failed = which === 0 ? told.other : told.own;
        assert.ok(failed && "failed" in failed, JSON.stringify(told));
        for (const end of ends) await end.close();
      }
    } finally {
      for (const store of stores) await store.close();
    }
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});
