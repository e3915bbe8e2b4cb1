import assert from "node:assert/strict";
import { join } from "node:path";
import { Keeper } from "./keeper.ts";
import { DATABASE, VolumeStore } from "../volume/mod.ts";
import { DatabaseGuard } from "../guard/mod.ts";
import { realDisk } from "../disk/mod.ts";
import { verify } from "./mod.ts";

const time = { sec: 1_700_000_000, nsec: 0 };
const OPTIONS = { owned: { uid: "me", gid: "us" }, checkpointOperations: 50_000 };

function copy(from: string, to: string): void {
  Deno.mkdirSync(to);
  for (const { name, isDirectory } of Deno.readDirSync(from)) {
    if (isDirectory) copy(join(from, name), join(to, name));
    else Deno.copyFileSync(join(from, name), join(to, name));
  }
}

/** Opens the volume, makes a directory, and says under which name of the store that was. */
async function incarnationOf(folder: string, name: string): Promise<unknown> {
  const store = await VolumeStore.open(folder);
  const { incarnation } = store.status();
  store.append({
    ...{ kind: "create", by: "me", time, ino: store.nextIno(), parent: 1, eid: store.nextEid(), name },
    ...{ mode: 0o40755, uid: "me", gid: "us", flags: 0, rdev: 0, target: "" },
  });
  await store.close();
  assert.deepEqual(verify(folder).problems, []);
  return incarnation;
}

Deno.test("a copy of a volume is a new incarnation from its first start on, and what moves stays what it is", async () => {
  const folder = await Deno.makeTempDir({ prefix: "lux9-incarnation-" });
  try {
    const [home, copied, moved] = ["home", "copied", "moved"].map((name) => join(folder, name));
    const first = await incarnationOf(home, "a");
    assert.equal(await incarnationOf(home, "b"), first);
    copy(home, copied);
    const other = await incarnationOf(copied, "c");
    assert.notEqual(other, first);
    // Both go on, each under its own name.
    assert.equal(await incarnationOf(copied, "d"), other);
    assert.equal(await incarnationOf(home, "c"), first);
    Deno.renameSync(home, moved);
    assert.equal(await incarnationOf(moved, "e"), first);
    // A backup that takes the place of what there was.
    Deno.renameSync(join(moved, DATABASE), join(moved, "kept"));
    Deno.copyFileSync(join(moved, "kept"), join(moved, DATABASE));
    Deno.removeSync(join(moved, "kept"));
    assert.notEqual(await incarnationOf(moved, "f"), first);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("a volume that lost what its database's log had is a new incarnation, as others may have seen that", async () => {
  const folder = await Deno.makeTempDir({ prefix: "lux9-incarnation-" });
  try {
    const home = join(folder, "home");
    const first = await incarnationOf(home, "a");
    const store = await VolumeStore.open(home, { gatherMs: 0 });
    for (const name of ["b", "c", "d"]) {
      store.append({
        ...{ kind: "create", by: "me", time, ino: store.nextIno(), parent: 1, eid: store.nextEid(), name },
        ...{ mode: 0o40755, uid: "me", gid: "us", flags: 0, rdev: 0, target: "" },
      });
      await store.caughtUp();
    }
    const killed = join(folder, "killed");
    copy(home, killed);
    await store.close();
    // In the place of the first, so that it is no copy.
    const wal = Deno.readFileSync(join(killed, `${DATABASE}-wal`));
    wal[5000] ^= 1;
    Deno.writeFileSync(join(home, `${DATABASE}-wal`), wal);
    const closed = Deno.readFileSync(join(killed, DATABASE));
    Deno.writeFileSync(join(home, DATABASE), closed);
    Deno.writeFileSync(join(home, "index.guard"), Deno.readFileSync(join(killed, "index.guard")));
    {
      using guard = new DatabaseGuard(realDisk(home));
      assert.match(guard.open(Infinity).join(), /index.sqlite-wal was good up to frame \d of/);
      using keeper = new Keeper(realDisk(home), home, OPTIONS, guard);
      keeper.recover(4);
    }
    assert.notEqual(await incarnationOf(home, "e"), first);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});
