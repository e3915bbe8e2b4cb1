import assert from "node:assert/strict";
import { DatabaseSync } from "node:sqlite";
import { packSeen, SEEN_MAX, unpackSeen } from "../record/mod.ts";
import { DATABASE, GUARD, type VolumeStoreOptions } from "../volume/mod.ts";
import { carry } from "./_carry.ts";
import { copyFolder } from "./_exchange.ts";
import { Volume } from "./_tree.ts";
import { receiveClone, verify } from "./mod.ts";

const JOURNAL = { records: 20, bytes: 1 << 20 };
/** Whoever said nothing in this second was away for long. */
const SHORT = { copies: { days: 0 } };

/** Copies of one volume, each with a key of its own; the first has let in the others. All are sound in the end. */
async function withCopies(
  count: number,
  options: VolumeStoreOptions,
  act: (copies: Volume[]) => Promise<void>,
  before: (first: Volume) => Promise<void> = async () => {},
): Promise<void> {
  const folder = await Deno.makeTempDir({ prefix: "lux9-registered-" });
  const copies: Volume[] = [];
  try {
    copies.push(await Volume.open(`${folder}/0`, options));
    await before(copies[0]);
    for (let i = 1; i < count; i++) {
      await receiveClone(`${folder}/${i}`, await copies[0].source());
      copies.push(await Volume.open(`${folder}/${i}`, options));
    }
    await act(copies);
  } finally {
    for (const copy of copies) await copy[Symbol.asyncDispose]().catch(() => {});
  }
  for (const copy of copies) assert.deepEqual(verify(copy.folder).problems, []);
  await Deno.remove(folder, { recursive: true });
}

async function meet(a: Volume, b: Volume, ends = "done"): Promise<void> {
  const told = await carry(await a.store.exchange(), await b.store.exchange());
  for (const each of [told.a, told.b]) {
    assert.ok("ended" in each && each.ended?.kind === ends, JSON.stringify(each));
  }
}

function stored({ folder }: Volume, sql: string): number {
  const db = new DatabaseSync(`${folder}/${DATABASE}`, { readOnly: true });
  try {
    return Number(Object.values(db.prepare(sql).get() as Record<string, number>)[0] ?? 0);
  } finally {
    db.close();
  }
}

const records = (copy: Volume) => stored(copy, "SELECT count(*) FROM journal");
/** Of which something is in a document. */
const nodes = (copy: Volume) => stored(copy, "SELECT count(*) FROM tree_node");
const copiesOf = (copy: Volume) =>
  copy.store.status().copies as { name?: string; behind?: number; isLeftOut?: boolean }[];
const wait = (ms: number) => new Promise((wake) => setTimeout(wake, ms));

/** The first of them, started anew. */
async function reopened(copies: Volume[], options: VolumeStoreOptions): Promise<Volume> {
  await copies[0][Symbol.asyncDispose]();
  return copies[0] = await Volume.open(copies[0].folder, options);
}

async function write(copy: Volume, count: number): Promise<void> {
  for (let i = 0; i < count; i++) await copy.put("f", `version ${i}`);
}

/** A directory whose names all go. */
async function churn(copy: Volume): Promise<void> {
  for (let i = 0; i < 90; i++) await copy.put(`d/${i}`, "x");
  for (let i = 0; i < 90; i++) await copy.rm(`d/${i}`);
}

Deno.test("no record goes before every registered copy has it, and then they do", async () => {
  await withCopies(3, { journal: JOURNAL }, async ([a, b, c]) => {
    for (const copy of [a, b, c]) await meet(a, copy === a ? b : copy);
    await meet(a, b);
    await write(a, 40);
    await meet(a, b);
    await a.store.collect();
    assert.ok(records(a) >= 40, `${records(a)}: the third copy has not got them`);
    assert.deepEqual(copiesOf(a).filter(({ behind }) => behind! >= 40).length, 1);
    // What the third one has comes by the second.
    await meet(b, c);
    await meet(b, c);
    await meet(a, b);
    await a.store.collect();
    assert.ok(records(a) <= JOURNAL.records + 1, `${records(a)}`);
    for (const copy of [b, c]) assert.deepEqual(copy.tree(), a.tree());
    await b.store.collect();
    assert.ok(records(b) <= JOURNAL.records + 1, `${records(b)}`);
  });
});

Deno.test("a copy that is alone lets go of what it likes", async () => {
  await withCopies(1, { journal: JOURNAL }, async ([a]) => {
    await write(a, 40);
    await a.store.collect();
    assert.ok(records(a) <= JOURNAL.records + 1);
    assert.deepEqual(copiesOf(a).length, 1);
  });
});

Deno.test("a Worker whose journal is too long and may not go has nothing to do", async () => {
  let rested = 0;
  const options = { journal: JOURNAL, restMs: 100, onRested: () => rested++ };
  await withCopies(2, options, async ([a]) => {
    await write(a, 40);
    const before = rested;
    const seq = a.store.index.seq;
    for (let i = 0; i < 100 && rested === before; i++) await wait(100);
    assert.ok(rested > before, "it rests");
    assert.equal(a.store.index.seq, seq, "nothing was written for nothing");
    assert.ok(records(a) >= 40);
  });
});

Deno.test("a copy that was away for the retention time is not waited for, is named, and is told when it comes back", async () => {
  await withCopies(3, { journal: JOURNAL }, async (copies) => {
    const [first, b, c] = copies;
    await meet(first, c);
    await write(first, 40);
    await meet(first, b);
    await first.store.collect();
    assert.ok(records(first) >= 40);
    const a = await reopened(copies, { journal: JOURNAL, ...SHORT });
    await wait(1100);
    await a.store.collect();
    assert.ok(records(a) <= JOURNAL.records + 1, `${records(a)}`);
    assert.deepEqual(copiesOf(a).slice(1).map(({ isLeftOut }) => isLeftOut), [true, true]);
    assert.deepEqual(copiesOf(a).filter(({ behind }) => behind! >= 40).length, 1);
    await meet(a, b);
    await meet(c, a, "gone");
  });
});

Deno.test("what is dead goes once all copies have all that tells of it, on one and by that on the others, also after a start", async () => {
  const before = (a: Volume) => a.mkdir("d");
  await withCopies(2, {}, async (copies) => {
    const [a, b] = copies;
    await meet(a, b);
    await churn(a);
    await a.store.collect();
    assert.ok(nodes(a) >= 90, `${nodes(a)} nodes: the other copy may write to them`);
    await meet(a, b);
    // That it was looked at is remembered.
    const again = await reopened(copies, {});
    await again.put("g", "x");
    for (let i = 0; i < 100 && nodes(again) >= 90; i++) await wait(100);
    assert.ok(nodes(again) < 20, `${nodes(again)} nodes`);
    assert.ok(nodes(b) >= 90);
    await meet(again, b);
    assert.ok(nodes(b) < 20, `${nodes(b)} nodes`);
    await b.store.collect();
    await meet(again, b);
    assert.deepEqual(again.tree(), b.tree());
  }, before);
});

Deno.test("a copy that did not hear of a removal and writes brings the file back whole", async () => {
  await withCopies(2, { journal: JOURNAL }, async ([a, b]) => {
    await meet(a, b);
    await churn(a);
    await a.rm("d/kept");
    await a.store.collect();
    await b.put("d/kept", "new");
    await meet(a, b);
    for (const copy of [a, b]) assert.deepEqual(copy.tree(), ["d/ 755", "d/kept = new 600"]);
    for (let i = 0; i < 3; i++) {
      await a.store.collect();
      await b.store.collect();
      await meet(a, b);
    }
    assert.ok(nodes(a) < 20 && nodes(b) < 20, `${nodes(a)} and ${nodes(b)} nodes`);
    for (const copy of [a, b]) assert.deepEqual(copy.tree(), ["d/ 755", "d/kept = new 600"]);
  }, async (a) => {
    await a.mkdir("d");
    await a.put("d/kept", "old");
    await a.chmod("d/kept", 0o600);
  });
});

Deno.test("also one that was away for the retention time does, as long as no record went that it lacks", async () => {
  await withCopies(3, {}, async (copies) => {
    const [first, b, c] = copies;
    await meet(first, c);
    await churn(first);
    await first.rm("d/kept");
    await meet(first, b);
    const a = await reopened(copies, SHORT);
    await wait(1100);
    await a.store.collect();
    assert.deepEqual(copiesOf(a).filter(({ isLeftOut }) => isLeftOut).length, 2);
    assert.ok(nodes(a) >= 90, `${nodes(a)} nodes`);
    await c.put("d/kept", "new");
    await meet(c, a);
    for (const copy of [a, c]) assert.deepEqual(copy.tree(), ["d/ 755", "d/kept = new 600"]);
  }, async (a) => {
    await a.mkdir("d");
    await a.put("d/kept", "old");
    await a.chmod("d/kept", 0o600);
  });
});

Deno.test("a copied home that nobody knew of is told to join anew where it lacks what was trimmed", async () => {
  await withCopies(1, {}, async (copies) => {
    const [first] = copies;
    await first.mkdir("d");
    await first.put("d/kept", "old");
    await first[Symbol.asyncDispose]();
    copyFolder(first.folder, `${first.folder}-copied`);
    const a = copies[0] = await Volume.open(first.folder);
    const b = copies[1] = await Volume.open(`${first.folder}-copied`);
    await b.put("d/kept", "new");
    await churn(a);
    await meet(a, b);
    assert.deepEqual(a.tree(), ["d/ 755", "d/kept = new 644"], "nothing was trimmed yet");
    await a[Symbol.asyncDispose]();
    copyFolder(a.folder, `${a.folder}-again`);
    const [again, c] = [
      copies[0] = await Volume.open(a.folder),
      copies[2] = await Volume.open(`${a.folder}-again`),
    ];
    await again.rm("d/kept");
    await meet(again, b);
    await again.store.collect();
    assert.ok(nodes(again) < 20, `${nodes(again)} nodes`);
    await c.put("d/kept", "newer");
    await meet(c, again, "gone");
    assert.deepEqual(c.tree(), ["d/ 755", "d/kept = newer 644"]);
  });
});

Deno.test("a copy that was met is known by the name that it gave", async () => {
  await withCopies(2, {}, async ([a, b]) => {
    await carry(await a.store.exchange(), await b.store.exchange(), { wish: { name: "the stick" } });
    assert.deepEqual(copiesOf(a).map(({ name, behind }) => [name, behind]), [[undefined, 0], [
      "the stick",
      0,
    ]]);
  });
});

Deno.test("whoever saw more authors than a record has room for tells of them in several", async () => {
  await withCopies(2, {}, async (copies) => {
    await meet(copies[0], copies[1]);
    for (const copy of copies) {
      await copy[Symbol.asyncDispose]();
      addAuthors(copy.folder, 10_000);
    }
    const [a, b] = await Promise.all(copies.map(({ folder }) => Volume.open(folder)));
    copies.splice(0, 2, a, b);
    await a.put("f", "one");
    await a.put("f", "two");
    const seen = seenIn(a.folder);
    assert.deepEqual(seen.slice(-4), [SEEN_MAX, SEEN_MAX, 10_000 - 2 * SEEN_MAX, 0]);
    await meet(a, b);
    // What is written over is what was written: its place in the chain is told right.
    await b.put("f", "three");
    await meet(a, b);
    await a.put("f", "four");
    await meet(a, b);
    for (const copy of copies) assert.deepEqual(copy.tree(), ["f = four 644"]);
    assert.ok(seenIn(b.folder).every((count) => count <= SEEN_MAX));
  });
});

/** Authors of whom both copies have a record that has gone from their journals. */
function addAuthors(folder: string, count: number): void {
  const db = new DatabaseSync(`${folder}/${DATABASE}`);
  const add = db.prepare("INSERT INTO author(author, key, number, hash, seen) VALUES(?, ?, 1, ?, ?)");
  db.exec("BEGIN");
  for (let i = 0; i < count; i++) {
    const author = new Uint8Array(8).fill(7);
    new DataView(author.buffer).setUint32(0, i);
    add.run(author, new Uint8Array(32), new Uint8Array(32).fill(i), packSeen(new Map()));
  }
  db.exec("COMMIT");
  db.close();
  // It knows of pages that this program wrote.
  Deno.removeSync(`${folder}/${GUARD}`);
}

/** Of each record how many authors it tells of. */
function seenIn(folder: string): number[] {
  const db = new DatabaseSync(`${folder}/${DATABASE}`, { readOnly: true });
  try {
    const rows = db.prepare("SELECT seen FROM journal ORDER BY id").all() as { seen: Uint8Array }[];
    return rows.map(({ seen }) => unpackSeen(seen).size);
  } finally {
    db.close();
  }
}
