import assert from "node:assert/strict";
import { S } from "../../9p/mod.ts";
import { VolumeStore } from "../volume/mod.ts";
import { verify } from "./mod.ts";

const ROOT_INO = 1;
const time = { sec: 1_700_000_000, nsec: 0 };

Deno.test("a document that is counted within a transaction loads again: what a key is set to twice is one put", async () => {
  const folder = await Deno.makeTempDir({ prefix: "lux9-busy-" });
  try {
    // All of it is one transaction.
    const store = await VolumeStore.open(folder, { gatherMs: 1e9 });
    const create = (parent: number, name: string, mode: number) => {
      const ino = store.nextIno();
      store.append({
        ...{ kind: "create", by: "me", time, ino, parent, eid: store.nextEid(), name, mode },
        ...{ uid: "me", gid: "us", flags: 0, rdev: 0, target: "" },
      });
      return ino;
    };
    const mark = create(ROOT_INO, "mark", S.IFREG | 0o644);
    await store.caughtUp();
    const set = (value: number) =>
      store.append({
        kind: "xattr",
        by: "me",
        time,
        ino: mark,
        name: "user.a",
        value: new Uint8Array([value]),
      });
    for (let i = 0; i < 3; i++) {
      set(i);
      for (let k = 0; k < 300; k++) create(ROOT_INO, `${i} ${k}`, S.IFREG | 0o644);
    }
    await store.caughtUp();
    await store.close();
    assert.deepEqual(verify(folder).problems, []);
    const again = await VolumeStore.open(folder);
    again.append({ kind: "xattr", by: "me", time, ino: mark, name: "user.b", value: new Uint8Array([9]) });
    await again.caughtUp();
    await again.close();
    assert.deepEqual(verify(folder).problems, []);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});
