import assert from "node:assert/strict";
import { NineError } from "../error.ts";
import { type Lock, type LockOwner, LockTable, LockType } from "./locks.ts";

const FILE = 7;
const fid = { name: "a fid" };

const session = { name: "a session" };

function owner(procId: number, clientId = "client", of: object = session): LockOwner {
  return { session: of, procId, clientId };
}

function lock(by: LockOwner, type: Lock["type"], start: number, end: number, through: object = fid): Lock {
  return { type, start, end, owner: by, through };
}

const [ONE, TWO] = [owner(1), owner(2)];
const { READ, WRITE } = LockType;

Deno.test("LockTable.take refuses what another owner holds, and changes nothing then", () => {
  const table = new LockTable();
  const held = lock(ONE, WRITE, 10, 20);
  assert.equal(table.take(FILE, held), undefined);
  for (const [start, end] of [[0, 11], [19, 30], [12, 13], [0, Infinity], [10, 20]]) {
    for (const type of [READ, WRITE]) assert.deepEqual(table.take(FILE, lock(TWO, type, start, end)), held);
  }
  assert.equal(table.size, 1);
  for (const [start, end] of [[0, 10], [20, Infinity]]) {
    assert.equal(table.take(FILE, lock(TWO, WRITE, start, end)), undefined);
  }
  assert.equal(table.take(FILE + 1, lock(TWO, WRITE, 0, Infinity)), undefined);
});

Deno.test("LockTable.take shares read locks, and upgrades only where nobody else reads", () => {
  const table = new LockTable();
  assert.equal(table.take(FILE, lock(ONE, READ, 0, 100)), undefined);
  assert.equal(table.take(FILE, lock(TWO, READ, 50, 150)), undefined);
  assert.notEqual(table.take(FILE, lock(ONE, WRITE, 0, 100)), undefined);
  assert.equal(table.take(FILE, lock(ONE, WRITE, 0, 50)), undefined);
  assert.notEqual(table.conflict(FILE, lock(TWO, READ, 49, 50)), undefined);
});

Deno.test("LockTable: clients with the same process number are different owners", () => {
  const table = new LockTable();
  table.take(FILE, lock(owner(1, "a"), WRITE, 0, 10));
  assert.notEqual(table.take(FILE, lock(owner(1, "b"), WRITE, 0, 10)), undefined);
});

Deno.test("LockTable: what a session says of its processes says nothing of those of another", () => {
  const table = new LockTable();
  const stranger = owner(1, "client", { name: "another session" });
  table.take(FILE, lock(ONE, WRITE, 0, 10));
  table.release(FILE, { start: 0, end: Infinity, owner: stranger });
  assert.notEqual(table.take(FILE, lock(stranger, WRITE, 0, 10)), undefined);
  assert.equal(table.size, 1);
});

Deno.test("LockTable counts what is left after a cut, also by a release, and changes nothing where that is too much", () => {
  const table = new LockTable();
  table.take(FILE, lock(ONE, WRITE, 0, Infinity));
  for (let i = 1; i < 10_000; i++) table.release(FILE, { start: 2 * i, end: 2 * i + 1, owner: ONE });
  assert.equal(table.size, 10_000);
  const isTooMany = (thrown: unknown) => thrown instanceof NineError && thrown.code === "ENOLCK";
  assert.throws(() => table.release(FILE, { start: 30_000, end: 30_001, owner: ONE }), isTooMany);
  assert.throws(() => table.take(FILE, lock(TWO, READ, 2, 3)), isTooMany);
  assert.equal(table.size, 10_000);
  // A lock in place of others is no more than they were.
  assert.equal(table.take(FILE, lock(ONE, READ, 0, Infinity)), undefined);
  assert.equal(table.size, 1);
});

Deno.test("LockTable.release cuts: the middle leaves two pieces, all of it none", () => {
  const table = new LockTable();
  table.take(FILE, lock(ONE, WRITE, 0, Infinity));
  table.release(FILE, { start: 10, end: 20, owner: TWO });
  assert.equal(table.size, 1);
  table.release(FILE, { start: 10, end: 20, owner: ONE });
  assert.equal(table.size, 2);
  assert.equal(table.take(FILE, lock(TWO, WRITE, 10, 20)), undefined);
  assert.notEqual(table.conflict(FILE, lock(TWO, WRITE, 20, 21)), undefined);
  table.release(FILE, { start: 0, end: Infinity, owner: ONE });
  table.release(FILE, { start: 0, end: Infinity, owner: TWO });
  assert.equal(table.size, 0);
});

Deno.test("LockTable.releaseThrough gives back what one fid took, and no more", () => {
  const table = new LockTable();
  const other = { name: "another fid" };
  table.take(FILE, lock(ONE, WRITE, 0, 10));
  table.take(FILE, lock(ONE, WRITE, 20, 30, other));
  table.take(FILE + 1, lock(ONE, WRITE, 0, 10));
  table.releaseThrough(FILE, fid);
  assert.equal(table.size, 2);
  assert.equal(table.take(FILE, lock(TWO, WRITE, 0, 20)), undefined);
  table.releaseThrough(FILE, fid);
  table.releaseThrough(99, fid);
  assert.notEqual(table.conflict(FILE, lock(TWO, WRITE, 20, 21)), undefined);
});

Deno.test("LockTable agrees with a table of single bytes, from a printed seed", () => {
  const seed = Number(Deno.env.get("LUX9_SEED") ?? 1);
  let state = seed;
  const random = (below: number) => (state = (state * 48271) % 0x7fffffff) % below;
  const table = new LockTable();
  const owners = [owner(1), owner(2), owner(3)];
  const LENGTH = 24;
  /** The type that each owner holds on each byte. */
  const model = owners.map(() => Array.from({ length: LENGTH }, (): number | undefined => undefined));
  for (let step = 0; step < 5000; step++) {
    const who = random(owners.length);
    const start = random(LENGTH);
    const end = start + 1 + random(LENGTH - start);
    const what = `seed ${seed}, step ${step}`;
    if (random(3) === 0) {
      table.release(FILE, { start, end, owner: owners[who] });
      model[who].fill(undefined, start, end);
    } else {
      const type = random(2) ? READ : WRITE;
      const blocked = model.some((bytes, other) =>
        other !== who &&
        bytes.slice(start, end).some((held) => held !== undefined && (held === WRITE || type === WRITE))
      );
      assert.equal(table.take(FILE, lock(owners[who], type, start, end)) !== undefined, blocked, what);
      if (!blocked) model[who].fill(type, start, end);
    }
    const at = random(LENGTH);
    owners.forEach((by, i) => {
      const isFree = model.every((bytes, other) => other === i || bytes[at] === undefined);
      assert.equal(table.conflict(FILE, lock(by, WRITE, at, at + 1)) === undefined, isFree, what);
    });
  }
});
