import assert from "node:assert/strict";
import { type Call, O, S } from "../../9p/mod.ts";
import { join } from "node:path";
import { lockFolder } from "../../state/volume/mod.ts";
import { removeVolume, Volumes } from "./volumes.ts";

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

Deno.test("Volumes.server: those that are to be durable at clunk close a new file later, others at once", async () => {
  const home = await Deno.makeTempDir({ prefix: "lux9-volumes-" });
  const owned = { uid: "me", gid: "us" };
  const durableAtClunk = new Set(["safe"]);
  const volumes = new Volumes({ home, owned, retention: undefined, durableAtClunk, onTrouble: assert.fail });
  try {
    const user = { name: "me", groups: new Set(["us"]), standing: "owner" as const };
    const call: Call = { user, signal: new AbortController().signal };
    for (const name of ["safe", "fast"]) {
      const server = await volumes.server(name);
      const root = await server.attach("", call);
      const { node, handle } = await server.create!(
        root,
        "file",
        { mode: S.IFREG | 0o644, uid: "me" },
        O.WRONLY,
        call,
      );
      const closed = server.close!(node, handle, call);
      assert.equal(closed instanceof Promise, name === "safe");
      await closed;
    }
  } finally {
    await volumes.close();
    await Deno.remove(home, { recursive: true });
  }
});

Deno.test("removeVolume, Volumes.remove: what came of a clone goes, by a running node too, but not while the clone is made", async () => {
  const home = await Deno.makeTempDir({ prefix: "lux9-volumes-" });
  const cloning = join(home, "volumes", ".notes.cloning");
  const owned = { uid: "me", gid: "us" };
  const volumes = new Volumes({ home, owned, retention: undefined, onTrouble: assert.fail });
  try {
    for (const remove of [() => removeVolume(home, "notes"), () => volumes.remove("notes", assert.fail)]) {
      Deno.mkdirSync(join(cloning, "packs"), { recursive: true });
      const lock = lockFolder(cloning);
      await assert.rejects(async () => await remove(), /is being made/);
      lock.close();
      await remove();
      assert.deepEqual([...Deno.readDirSync(volumes.folder)], []);
      await assert.rejects(async () => await remove(), /has no volume "notes"/);
    }
  } finally {
    await volumes.close();
    await Deno.remove(home, { recursive: true });
  }
});
