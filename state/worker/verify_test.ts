import assert from "node:assert/strict";
import { DatabaseSync } from "node:sqlite";
import { readingDisk } from "../disk/mod.ts";
import { edgeSum, packNode, SqliteTreeIndex, unpackNode, xattrSum } from "../store/mod.ts";
import type { NodeId } from "../tree/mod.ts";
import { DATABASE, LOG } from "../volume/mod.ts";
import { Volume } from "./_tree.ts";
import { receiveClone } from "./clone.ts";
import { verify, wrongRows } from "./verify.ts";

type Change = (db: DatabaseSync, inos: { readonly moved: number; readonly stayed: number }) => void;

/** A volume with a file in each of two directories, one of which was moved there; `wrongIn` says what is wrong after somebody changed its database, with checksums that match. */
async function withChanges(act: (wrongIn: (change: Change) => string) => void): Promise<void> {
  const folder = await Deno.makeTempDir({ prefix: "lux9-verify-" });
  try {
    let inos: Parameters<Change>[1];
    {
      await using volume = await Volume.open(folder);
      for (const name of ["d", "e"]) await volume.mkdir(name);
      for (const name of ["d/moved", "e/stayed"]) await volume.put(name, "text\n");
      await volume.mv("d/moved", "e/moved");
      const { index } = volume.store;
      const e = index.edge(1, "e")!.ino;
      inos = { moved: index.edge(e, "moved")!.ino, stayed: index.edge(e, "stayed")!.ino };
    }
    const path = `${folder}/${DATABASE}`;
    const sound = Deno.readFileSync(path);
    assert.deepEqual(wrongRows(folder), []);
    act((change) => {
      Deno.writeFileSync(path, sound);
      const db = new DatabaseSync(path);
      change(db, inos);
      db.close();
      return wrongRows(folder).join("\n");
    });
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

function setRow(db: DatabaseSync, ino: number, change: Partial<ReturnType<typeof unpackNode>>): void {
  const { data } = db.prepare("SELECT data FROM node WHERE ino = ?").get(ino) as { data: Uint8Array };
  db.prepare("UPDATE node SET data = ? WHERE ino = ?").run(
    packNode({ ...unpackNode(ino, data), ...change }),
    ino,
  );
}

Deno.test("whatever the index says otherwise than the documents is found, of files in one document and in several", () =>
  withChanges((wrongIn) => {
    for (const which of ["stayed", "moved"] as const) {
      for (const change of [{ mode: 0o100600 }, { uid: "them" }, { mtime: { sec: 1, nsec: 2 } }]) {
        const wrong = wrongIn((db, inos) => setRow(db, inos[which], change));
        assert.match(wrong, /^File \d+ has .* in the documents and .* in the index$/);
      }
      assert.match(
        wrongIn((db, inos) => setRow(db, inos[which], { content: new Uint8Array(3), size: 5 })),
        /has contents .* in the documents/,
      );
      assert.match(
        wrongIn((db, inos) => {
          const value = new Uint8Array([1]);
          db.prepare("INSERT INTO xattr(ino, name, value, since, sum) VALUES(?, 'user.x', ?, 1, ?)")
            .run(inos[which], value, xattrSum(inos[which], "user.x", value));
        }),
        /^File \d+ has attributes {2}in the documents and "user.x"=1 in the index$/,
      );
      assert.match(
        wrongIn((db, inos) => {
          const { eid, parent } = db.prepare("SELECT eid, parent FROM edge WHERE ino = ?").get(
            inos[which],
          ) as {
            eid: number;
            parent: number;
          };
          db.prepare("UPDATE edge SET name = 'other', sum = ? WHERE eid = ?")
            .run(edgeSum(eid, parent, "other", inos[which]), eid);
        }),
        /^Name "other" in directory \d+: the documents do not have it$/,
      );
    }
  }));

Deno.test("a file that was removed and that somebody holds is no damage, and keeps nobody from a clone", async () => {
  const folder = await Deno.makeTempDir({ prefix: "lux9-verify-" });
  try {
    await using volume = await Volume.open(`${folder}/a`);
    for (const name of ["held", "there"]) await volume.put(name, "text\n");
    await volume.rm("held", true);
    assert.deepEqual(verify(`${folder}/a`).problems, []);
    await receiveClone(`${folder}/b`, await volume.source());
    assert.deepEqual(verify(`${folder}/b`).problems, []);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("a file of which the index knows less documents than tell of it is found", () =>
  withChanges((wrongIn) => {
    const wrong = wrongIn((db, { moved }) => {
      const { id } = db.prepare("SELECT id FROM node WHERE ino = ?").get(moved) as { id: NodeId };
      const tree = new SqliteTreeIndex(db);
      const row = tree.node(id)!;
      const [before, after] = row.records.split("\0@");
      assert.ok(after, row.records);
      tree.write({
        nodes: [{ ...row, records: before }],
        ...{ forgotten: [], edges: [], removed: [] },
      });
    });
    assert.match(wrong, /is of a node that the index has in another document only/);
  }));

/** The names below a folder, with their times and what they hold. */
function filesIn(folder: string): string[] {
  return [...Deno.readDirSync(folder)].flatMap(({ name, isDirectory }) => {
    const path = `${folder}/${name}`;
    if (isDirectory) return filesIn(path);
    return `${path} ${Deno.statSync(path).mtime?.getTime()} ${Deno.readFileSync(path).toHex()}`;
  }).sort();
}

Deno.test("verify changes nothing, makes nothing, and finds what is wrong", async () => {
  const folder = await Deno.makeTempDir({ prefix: "lux9-verify-" });
  try {
    const home = `${folder}/50% of #1? home`;
    {
      await using volume = await Volume.open(home);
      await volume.put("file", "text\n");
    }
    const before = filesIn(home);
    assert.deepEqual(verify(home).problems, []);
    assert.deepEqual(filesIn(home), before);
    // With nothing left to look at.
    await Deno.rename(`${home}/${DATABASE}`, `${folder}/away`);
    const without = filesIn(home);
    assert.match(verify(home).problems.join("\n"), /index\.sqlite: ENOENT/);
    assert.deepEqual(filesIn(home), without);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("verify looks again where a node opened the volume meanwhile", async () => {
  const folder = await Deno.makeTempDir({ prefix: "lux9-verify-" });
  try {
    {
      await using volume = await Volume.open(folder);
      await volume.put("file", "text\n");
    }
    let looks = 0;
    const real = readingDisk(folder);
    const disk = Object.assign(readingDisk(folder), {
      list(path: string) {
        // The log is looked at last.
        if (path === LOG && looks++ === 0) {
          const db = new DatabaseSync(`${folder}/${DATABASE}`);
          db.exec("UPDATE meta SET value = value WHERE key = 'applied'; DELETE FROM edge");
          db.close();
        }
        return real.list(path);
      },
    });
    assert.match(verify(folder, undefined, disk).problems.join("\n"), /File \d+ has 0 names and says 1/);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});
