import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { createHash } from "node:crypto";
import { Errno, errnoOf, S } from "../../9p/mod.ts";
import type { NodeRow } from "../store/mod.ts";
import { randomFrom } from "../tree/simulation.ts";
import type { World } from "./_apart_world.ts";
import { isRegular, named } from "./_copies.ts";
import type { PoweredCopy } from "./_powered_copy.ts";

/** In quiet all meet until nothing is left to say; then all must be the same. */
export async function settle(world: World): Promise<void> {
  const { copies, reads, steps, words } = world;
  const checksAll = steps % 8 === 0;
  world.log("all meet");
  world.join();
  for (const number of copies.keys()) await world.start(number);
  for (const copy of copies) {
    copy.disk.callsLeft = Infinity;
    await copy.catchUp();
    copy.letGo();
    await copy.catchUp();
  }
  const isOne = () => new Set(copies.map((copy) => vectorOf(copy).join())).size === 1;
  // What one hears may be for it to end, which the others are to hear in turn.
  for (let round = 0; round < 2 || round < 4 && !isOne(); round++) {
    for (let other = 1; other < copies.length; other++) await world.meetings.quiet([0, other]);
  }
  await nothingToDo(world);
  if (world.isOnDemand) await bringAll(world);
  const [first, ...others] = copies.map((copy) => ({
    copy,
    dump: dumpOf(world, copy),
    vector: vectorOf(copy),
  }));
  for (const { copy, dump, vector } of others) {
    assert.deepEqual(dump, first.dump, `${copies.indexOf(copy) + 1} shows what 1 shows`);
    assert.deepEqual(vector, first.vector);
  }
  for (const [i, copy] of copies.entries()) {
    for (const { path, row } of copy.entries()) {
      if (!isRegular(row) || reads.unsure.has(named(row))) continue;
      assert.equal(copy.lacking(row).length, 0, `${i + 1} has all of ${path}: ${named(row)}`);
    }
  }
  // It takes a fifth of all time where it looks at each.
  const verified = [...copies.keys()].filter((i) => checksAll || i === steps % copies.length);
  for (const i of verified) copies[i].check();
  checkShape(first.copy);
  words.check(filesOf(first.copy).map((row) => reads.text(0, row) ?? ""));
}

async function nothingToDo({ copies, meetings }: World): Promise<void> {
  for (let other = 1; other < copies.length; other++) {
    for (const { session: { summary: { sent, received, absent } } } of await meetings.quiet([other, 0])) {
      assert.deepEqual(
        [sent.records, received.records, sent.chunks, received.chunks, absent],
        [0, 0, 0, 0, 0],
        "Copies that have met find nothing to do",
      );
    }
  }
}

/** Copies show the same but for what is in files; of what is not here they know that. Then all of it comes, in one way or the other. */
async function bringAll(world: World): Promise<void> {
  const { copies, meetings, reads, steps, log } = world;
  const random = randomFrom(steps);
  const dumps = copies.map((copy) =>
    copy.dump(copy.entries().map(({ path, row }) => `${path} = ${named(row)}`))
  );
  for (const [i, dump] of dumps.entries()) {
    assert.deepEqual(dump, dumps[0], `${i + 1} shows what 1 shows, but for contents`);
  }
  for (const [i, copy] of copies.entries()) {
    if (random(2)) {
      log(`${i + 1}: volume gc`);
      copy.collect();
    }
    checkAbsent(copy);
  }
  for (const number of copies.keys()) {
    const others = [...copies.keys()].filter((other) => other !== number);
    if (copies[number].contents === "whole" || random(2)) {
      for (const other of others) await meetings.quiet([number, other], "whole");
    } else {
      // Some have it, and no connection is bad for ever.
      for (let tries = 0; tries < 100; tries++) {
        const lacking = filesOf(copies[number]).filter((row) => copies[number].lacking(row).length > 0);
        if (lacking.every((row) => reads.unsure.has(named(row)))) break;
        log(`${number + 1}: cat what is not here`);
        const parts = lacking.map((row) => ({ row, start: 0, end: row.size, withLists: false }));
        await reads.bring(number, parts, random);
      }
    }
  }
  await nothingToDo(world);
}

/** All that copies agree on. Of what was restored where it was not, bytes may be on some, or nowhere. */
function dumpOf({ reads, isOnDemand }: World, copy: PoweredCopy): string[] {
  if (!isOnDemand) return copy.dump();
  const lines = copy.entries().map(({ path, row }, i) => [path, row, i] as const);
  const tree = copy.tree();
  return copy.dump(
    lines.map(([path, row, i]) => reads.unsure.has(named(row)) ? `${path} = ${named(row)}` : short(tree[i])),
  );
}

/** The same for the same line, and no page long. */
function short(line: string): string {
  return line.replaceAll(/[A-Z]{100,}/g, (letters) => {
    const hash = createHash("sha256").update(letters).digest("hex");
    return `${letters.length} letters ${hash.slice(0, 16)}`;
  });
}

/** What is not here is known not to be, and cannot be read; all else can. */
function checkAbsent(copy: PoweredCopy): void {
  if (!copy.index.chunks.hasAbsent) return;
  copy.check();
  for (const row of filesOf(copy)) {
    const read = () => copy.textOf(row);
    if (copy.lacking(row).length === 0) read();
    else assert.throws(read, (thrown: unknown) => errnoOf(thrown) === Errno.EIO);
  }
}

function filesOf(copy: PoweredCopy): NodeRow[] {
  return copy.entries().map(({ row }) => row).filter(isRegular);
}

function vectorOf(copy: PoweredCopy): string[] {
  return Array.from(
    copy.store().authors().entries(),
    ([author, { number, hash }]) => `${author} ${number} ${Buffer.from(hash).toString("hex")}`,
  ).sort();
}

/** Directories are in one place; names are names. */
function checkShape(copy: PoweredCopy): void {
  const places = new Map<number, string>();
  for (const { path, row: { ino, mode } } of copy.entries()) {
    assert.doesNotMatch(path, /conflict[^/]*conflict|\.fn$|restoring/);
    if ((mode & S.IFMT) !== S.IFDIR) continue;
    assert.ok(!places.has(ino), `${path} is ${places.get(ino)}, too`);
    places.set(ino, path);
  }
}
