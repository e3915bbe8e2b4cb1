import assert from "node:assert/strict";
import { join } from "node:path";
import { Volumes } from "./volumes.ts";

Deno.test("Volumes.names: folders with other names, such as lost+found, are no volumes", async () => {
  const home = await Deno.makeTempDir({ prefix: "lux9-volumes-" });
  try {
    const owned = { uid: "me", gid: "us" };
    const volumes = new Volumes({ home, owned, retention: undefined, onTrouble: () => {} });
    assert.deepEqual(volumes.names(), []);
    for (const name of ["notes", "lost+found", ".removed-notes-1", "a b", "data"]) {
      Deno.mkdirSync(join(home, "volumes", name), { recursive: true });
    }
    Deno.writeTextFileSync(join(home, "volumes", "file"), "");
    assert.deepEqual(volumes.names(), ["data", "notes"]);
  } finally {
    await Deno.remove(home, { recursive: true });
  }
});
