import assert from "node:assert/strict";
import { Turn } from "./turn.ts";

const KIB = 1024;
const MIB = 1024 * KIB;
const nextTurn = () => new Promise((done) => setImmediate(done));

Deno.test("Turn gives the first read of a turn all, and those after it less and less", async () => {
  const turn = new Turn();
  let sum = 0;
  for (let i = 0; i < 100; i++) {
    const room = turn.room(8 * MIB);
    assert.ok(i === 0 ? room === 8 * MIB : room === 64 * KIB);
    turn.copied(room);
    sum += room;
  }
  assert.ok(sum <= 8 * MIB + 100 * 64 * KIB);
  await nextTurn();
  assert.equal(turn.room(8 * MIB), 8 * MIB);
});

Deno.test("Turn leaves several reads of 1 MiB whole, and small ones always", async () => {
  const turn = new Turn();
  for (let i = 0; i < 6; i++) {
    assert.equal(turn.room(MIB), MIB);
    turn.copied(MIB);
  }
  for (let i = 0; i < 1000; i++) {
    assert.equal(turn.room(64 * KIB), 64 * KIB);
    turn.copied(64 * KIB);
  }
  await nextTurn();
  // A few small ones take nothing from it.
  turn.copied(4 * KIB);
  assert.equal(turn.room(8 * MIB), 8 * MIB);
});
