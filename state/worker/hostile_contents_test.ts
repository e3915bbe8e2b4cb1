/** Contents as a member of the volume names them who is not honest, with all that is stored. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { encodeDescriptor } from "../chunks/mod.ts";
import { chunkIds } from "../chunks/chunk_id.ts";
import { copyKey, hashOf, type Record, type SignedRecord } from "../record/mod.ts";
import { packPuts, parseKey, unpackPuts, unpackVersion } from "../tree/mod.ts";
import { packVersion } from "../tree/content.ts";
import { DATABASE } from "../volume/mod.ts";
import { type Copy, World } from "./_copies.ts";
import { newsFrom } from "./_exchange.ts";

type IdOf = ReturnType<typeof chunkIds>;

interface Named {
  readonly size: number;
  readonly descriptor: Uint8Array;
}

/** What the liar wrote and the other has not got, with each content another one. */
function forged(liar: Copy, to: Copy, content: Named): SignedRecord[] {
  liar.keeper.share();
  const key = copyKey(meta(liar, "secret"));
  let before: Uint8Array | undefined;
  return newsFrom(liar.folder, to.folder).records.map(({ record }) => {
    const changes = new Map(Array.from(record.changes, ([doc, bytes]) => {
      const puts = unpackPuts(bytes).map((put) => {
        const node = parseKey(put.key)?.kind === "content" ? parseKey(put.key)!.node : undefined;
        if (node === undefined || put.payload === undefined) return put;
        return { ...put, payload: packVersion({ ...unpackVersion(put.payload, node), ...content }, node) };
      });
      return [doc, packPuts(puts)] as const;
    }));
    const next: Record = { ...record, previous: before ?? record.previous, changes };
    const hash = before = hashOf(next);
    return { record: next, hash, signature: key.sign(hash) };
  });
}

function meta(copy: Copy, key: string): Uint8Array {
  using db = new DatabaseSync(join(copy.folder, DATABASE), { readOnly: true });
  return db.prepare("SELECT value FROM meta WHERE key = ?").get(key)!.value as Uint8Array;
}

/** An honest copy takes that in, and goes on: it is sound, lets go of what is not used any more, and heals. Gives what was refused. */
async function meetsLiar(
  named: Named | ((idOf: IdOf) => Named),
  chunks: (idOf: IdOf) => readonly Uint8Array[] = () => [],
  isAbsent = false,
  then: (honest: Copy) => void = () => {},
): Promise<string[]> {
  let reasons: string[] = [];
  await World.with(2, ([honest, liar]) => {
    honest.receive(liar);
    liar.write("evil.txt", "evil\n");
    liar.write("shared.txt", "of the liar\n");
    honest.write("shared.txt", "of the honest\n");
    const idOf = chunkIds(meta(honest, "key"));
    const content = typeof named === "function" ? named(idOf) : named;
    const records = forged(liar, honest, content);
    const news = { records, chunks: chunks(idOf), absent: isAbsent ? [{ ...content, isNeeded: true }] : [] };
    const { number } = honest.log("receive", {});
    honest.apply();
    const refused = honest.keeper.copy.receive(news, number, new Set());
    reasons = refused.map(({ reason }) => reason);
    honest.keeper.collect({ everything: 0, hourly: 0, daily: 0 });
    void [...honest.keeper.copy.store({ name: "", heals: true, take: () => Promise.resolve([]) }).lacking()];
    // What is not refused is not readable, and that is all.
    honest.write("mine", "still here");
    assert.equal(honest.read("mine"), "still here");
    then(honest);
    if (reasons.length === 0) honest.rm("evil.txt");
  }, (copy) => copy.write("shared.txt", "shared\n"));
  return reasons;
}

const ID: Uint8Array = new Uint8Array(32).fill(9);
for (
  const [what, content] of [
    ["bytes that are no descriptor", { size: 5, descriptor: new Uint8Array(5).fill(77) }],
    ["nothing", { size: 5, descriptor: new Uint8Array() }],
    ["a descriptor of another size", {
      size: 6,
      descriptor: encodeDescriptor({ size: 5, depth: 0, id: ID }),
    }],
  ] as const
) {
  Deno.test(`a record that names a content by ${what} is refused: it would be in the way of collecting, healing and cloning`, async () => {
    const [reason, ...others] = await meetsLiar(content);
    assert.match(reason, /no descriptor/);
    assert.deepEqual(others, []);
  });
}

/** A list that says 4,096 times that so many bytes are in what has this id. */
function list(length: number, id: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(4096 * 40);
  const view = new DataView(bytes.buffer);
  for (let at = 0; at < bytes.length; at += 40) {
    view.setBigUint64(at, BigInt(length), true);
    bytes.set(id, at + 8);
  }
  return bytes;
}

Deno.test("a chunk that is named as a list and is none keeps nobody from taking the record in, nor from collecting", async () => {
  const chunk = new Uint8Array(1000).fill(3);
  const content = (idOf: IdOf) => ({
    size: 5000,
    descriptor: encodeDescriptor({ size: 5000, depth: 1, id: idOf(chunk) }),
  });
  assert.deepEqual(await meetsLiar(content, () => [chunk], true), []);
});

/** Those of a content of 2^48 bytes. */
function endlessLists(idOf: IdOf): Uint8Array[] {
  const found: Uint8Array[] = [];
  let id = ID;
  for (let depth = 0; depth < 4; depth++) {
    found.push(list(4096 ** depth, id));
    id = idOf(found[depth]);
  }
  return found;
}

function endless(idOf: IdOf): Named {
  const descriptor = encodeDescriptor({ size: 4096 ** 4, depth: 4, id: idOf(endlessLists(idOf).at(-1)!) });
  return { size: 4096 ** 4, descriptor };
}

Deno.test("a content whose few lists name each other without end is taken in, noted as absent and collected in a moment", async () => {
  assert.deepEqual(await meetsLiar(endless, endlessLists, true), []);
});

Deno.test("what is written into such a content stays in the log, and all else goes on", async () => {
  const act = (honest: Copy) => {
    const { ino } = honest.row("evil.txt");
    honest.log("write", { ino, offset: 5, bytes: new Uint8Array(9) });
    const { number } = honest.log("settle", { ino });
    const damage: string[] = [];
    honest.keeper.apply(number, damage);
    assert.match(damage.join(), /stays in the log: .* more than 8388608 pieces/);
    honest.write("mine", "still here, too");
    assert.equal(honest.read("mine"), "still here, too");
  };
  assert.deepEqual(await meetsLiar(endless, endlessLists, true, act), []);
});
