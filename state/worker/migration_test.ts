import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { DatabaseSync } from "node:sqlite";
import { gunzipSync } from "node:zlib";
import { differences, FORMAT, formatOf, openDatabase } from "../store/mod.ts";
import { DATABASE, GUARD, VolumeStore } from "../volume/mod.ts";
import { verify } from "./mod.ts";

const ROOT_INO = 1;

/** A volume as a version of before the records of today wrote it: `docs/` with `notes.md` of two versions and `moved`, a symlink, a snapshot of the first. */
async function withOldVolume(act: (folder: string) => Promise<void>): Promise<void> {
  const folder = await Deno.makeTempDir({ prefix: "lux9-store-" });
  try {
    for (const name of ["index.guard", "index.sqlite", "log/0000000001", "packs/000001"]) {
      if (name.includes("/")) Deno.mkdirSync(`${folder}/${name.split("/")[0]}`);
      const packed = Deno.readFileSync(
        new URL(`_format_3/${name.replace("/", "_")}.gz`, import.meta.url),
      );
      Deno.writeFileSync(`${folder}/${name}`, gunzipSync(packed));
    }
    await act(folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

Deno.test("a volume of format 3 is brought to today's, with its history and snapshots, and goes on", async () => {
  await withOldVolume(async (folder) => {
    assert.match(verify(folder).problems[0], /has format 3/);
    const store = await VolumeStore.open(folder);
    const { index } = store;
    const docs = index.edge(ROOT_INO, "docs")!.ino;
    const notes = index.edge(docs, "notes.md")!.ino;
    const read = (ino: number, seq?: number) => {
      const row = seq === undefined ? index.node(ino)! : index.past.node(ino, seq)!;
      const bytes = new Uint8Array(row.size);
      if (row.content) store.openContent(row.content).read(0, bytes);
      return Buffer.from(bytes).toString();
    };
    assert.equal(read(notes), "second\n");
    assert.equal(read(notes, index.past.snapshot("then")!.seq), "first\n");
    assert.equal(read(index.edge(docs, "moved")!.ino).length, 100_000);
    assert.equal(index.edge(docs, "gone"), undefined);
    assert.equal(index.node(index.edge(ROOT_INO, "link")!.ino)!.target, "docs/notes.md");
    const time = { sec: 1_800_000_000, nsec: 0 };
    const ino = store.nextIno();
    const rest = { mode: 0o100644, uid: "me", gid: "us", flags: 0, rdev: 0, target: "" };
    const words = { ino, parent: docs, eid: store.nextEid(), name: "new" };
    store.append({ kind: "create", by: "me", time, ...words, ...rest });
    await store.caughtUp();
    const steps = differences(index.past, index.changes, {
      from: index.past.snapshot("then")!.seq,
      to: index.seq,
    });
    let step = steps.next();
    while (!step.done) step = steps.next();
    assert.ok(step.value.some(({ path }) => path === "/docs/new"));
    await store.collect();
    await store.close();
    assert.deepEqual(verify(folder).problems, []);
    const after = new DatabaseSync(`${folder}/${DATABASE}`, { readOnly: true });
    assert.equal(formatOf(after), FORMAT);
    after.close();
  });
});

Deno.test("an old volume is brought to today's in one step: one that was killed in it begins again", async () => {
  await withOldVolume(async (folder) => {
    // As after a kill between the new tables and the documents that are to be written anew.
    openDatabase(`${folder}/${DATABASE}`).close();
    Deno.removeSync(`${folder}/${GUARD}`);
    const store = await VolumeStore.open(folder);
    assert.ok(store.index.edge(ROOT_INO, "docs"));
    await store.close();
    assert.deepEqual(verify(folder).problems, []);
  });
});
