import assert from "node:assert/strict";
import * as fc from "fast-check";
import { seeded } from "../disk/mod.ts";
import { KEY, randomBytes } from "./fixture.ts";
import { CHUNK_AVERAGE, CHUNK_MAX, CHUNK_MIN, cutPoint, Cutter, gearTable, HOLE_MIN } from "./mod.ts";

const gear = gearTable(KEY);

/** Lengths of the pieces, those of holes negative, of bytes written in parts of the given lengths. */
function pieces(bytes: Uint8Array, parts: readonly number[] = [bytes.length]): number[] {
  const found: number[] = [];
  let checked = 0;
  const cutter = new Cutter(gear, {
    data(piece) {
      assert.deepEqual(piece, bytes.subarray(checked, checked += piece.length));
      found.push(piece.length);
    },
    hole(length) {
      assert.ok(bytes.subarray(checked, checked += length).every((byte) => byte === 0));
      found.push(-length);
    },
  });
  let at = 0;
  for (let i = 0; at < bytes.length; i++) {
    cutter.write(bytes.subarray(at, at += Math.max(1, parts[i % parts.length])));
  }
  cutter.finish();
  assert.equal(checked, bytes.length);
  return found;
}

Deno.test("chunks are within their bounds, and near the average", () => {
  const lengths = pieces(randomBytes(32 << 20));
  for (const length of lengths.slice(0, -1)) {
    assert.ok(length > CHUNK_MIN && length <= CHUNK_MAX, `${length}`);
  }
  const average = (32 << 20) / lengths.length;
  assert.ok(average > 0.8 * CHUNK_AVERAGE && average < 1.4 * CHUNK_AVERAGE, `${average}`);
  assert.equal(cutPoint(gear, new Uint8Array(CHUNK_MAX * 2).fill(1), 0, CHUNK_MAX * 2), CHUNK_MAX);
  assert.deepEqual(pieces(new Uint8Array(0)), []);
  assert.deepEqual(pieces(Uint8Array.of(0)), [1]);
});

Deno.test("a cut is where the definition of the hash says, byte by byte", () => {
  const bytes = randomBytes(2 << 20, seeded(3));
  // Bit k of the hash is of the last k + 1 bytes, so that it can be computed anew at each place.
  const isCut = (end: number, from: number) => {
    const length = end - from;
    if (length <= CHUNK_MIN) return false;
    let hash = 0;
    for (let at = end - 32; at < end; at++) hash = (hash << 1) + gear[bytes[at]] | 0;
    return length === CHUNK_MAX || hash >>> (length <= CHUNK_AVERAGE ? 14 : 18) === 0;
  };
  for (let from = 0; from < bytes.length;) {
    let end = from + 1;
    while (end < bytes.length && !isCut(end, from)) end++;
    assert.equal(cutPoint(gear, bytes, from, bytes.length), end);
    from = end;
  }
});

Deno.test("another key cuts elsewhere", () => {
  const bytes = randomBytes(1 << 20);
  const other = gearTable(new Uint8Array(32));
  assert.notEqual(cutPoint(gear, bytes, 0, bytes.length), cutPoint(other, bytes, 0, bytes.length));
});

Deno.test("after an insertion the cuts are soon the same", () => {
  const bytes = randomBytes(8 << 20);
  const ends = (lengths: number[], shift: number) => {
    let at = shift;
    return lengths.map((length) => at += length);
  };
  const inserted = new Uint8Array(bytes.length + 100);
  inserted.set(bytes.subarray(0, 3_000_000));
  inserted.set(randomBytes(100, seeded(9)), 3_000_000);
  inserted.set(bytes.subarray(3_000_000), 3_000_100);
  const before = ends(pieces(bytes), 0);
  const behind = new Set(ends(pieces(inserted), -100));
  const lost = before.filter((end) => end > 3_000_000 && !behind.has(end));
  assert.ok(lost.length < 10, `${lost.length} of ${before.length}`);
});

Deno.test("a hole is a run of HOLE_MIN zeros or more, as long as it is", () => {
  const bytes = randomBytes(1_000_000).map((byte) => byte || 1);
  bytes.fill(0, 0, HOLE_MIN);
  bytes.fill(0, 200_001, 200_001 + HOLE_MIN - 1);
  bytes.fill(0, 400_003, 400_003 + 3 * HOLE_MIN);
  bytes.fill(0, 1_000_000 - HOLE_MIN - 7);
  const holes = pieces(bytes).filter((length) => length < 0);
  assert.deepEqual(holes, [-HOLE_MIN, -3 * HOLE_MIN, -HOLE_MIN - 7]);
});

Deno.test("the pieces are the same however the bytes come", () => {
  fc.assert(
    fc.property(
      content,
      fc.array(fc.integer({ min: 1, max: 600_000 }), { minLength: 1, maxLength: 5 }),
      (bytes, parts) => {
        assert.deepEqual(pieces(bytes, parts), pieces(bytes));
        // Holes apart: written as zeros, or said to be.
        const cutter: number[] = [];
        const said = new Cutter(gear, {
          data: ({ length }) => cutter.push(length),
          hole: (length) => cutter.push(-length),
        });
        for (let at = 0; at < bytes.length; at += 10_000) {
          const part = bytes.subarray(at, at + 10_000);
          if (part.every((byte) => byte === 0)) said.zeros(part.length);
          else said.write(part);
        }
        said.finish();
        assert.deepEqual(cutter, pieces(bytes));
      },
    ),
    { seed: Number(Deno.env.get("LUX9_SEED") ?? 1), numRuns: Number(Deno.env.get("LUX9_RUNS") ?? 30) },
  );
});

/** Some hundred KiB of random bytes, repetitions and runs of zeros around the bounds. */
const content = fc.array(
  fc.tuple(
    fc.constantFrom("random", "zeros", "ones"),
    fc.oneof(
      fc.integer({ min: 0, max: 300_000 }),
      fc.integer({ min: HOLE_MIN - 2, max: HOLE_MIN + 2 }),
      fc.integer({ min: 0, max: 100 }),
    ),
    fc.integer(),
  ),
  { maxLength: 8 },
).map((runs) => {
  const bytes = new Uint8Array(runs.reduce((sum, [, length]) => sum + length, 0));
  let at = 0;
  for (const [kind, length, seed] of runs) {
    if (kind === "random") bytes.set(randomBytes(length, seeded(seed)), at);
    else if (kind === "ones") bytes.fill(1, at, at + length);
    at += length;
  }
  return bytes;
});
