import assert from "node:assert/strict";
import * as fc from "fast-check";
import { type DiskFile, SimulatedDisk } from "../disk/mod.ts";
import { contents, fill, payloadOf } from "./fixture.ts";
import { Log, type LogDamage, LogReader } from "./mod.ts";

/** For looking further: `LUX9_SEED=7 LUX9_RUNS=100000`. */
const SEED = Number(Deno.env.get("LUX9_SEED") ?? 1);
const RUNS = Number(Deno.env.get("LUX9_RUNS") ?? 400);

const upTo = (count: number, from = 1) => Array.from({ length: count - from + 1 }, (_, i) => from + i);

function bytesOf(disk: SimulatedDisk, path: string): Uint8Array {
  const file = disk.open(path);
  const bytes = new Uint8Array(file.size());
  file.pread(bytes, 0);
  return bytes;
}

function diskWith(files: Record<string, Uint8Array>): SimulatedDisk {
  const disk = new SimulatedDisk();
  disk.makeFolder("log");
  for (const [path, bytes] of Object.entries(files)) disk.open(path, { create: true }).pwrite(bytes, 0);
  return disk;
}

Deno.test("cut at every record boundary and inside each record, a log holds what is whole, and goes on", () => {
  const disk = new SimulatedDisk();
  const log = new Log(disk, "log");
  const ends = [128];
  for (let i = 0; i < 12; i++) {
    const { offset } = log.append(i + 1, payloadOf(i + 1));
    ends.push(offset + payloadOf(i + 1).length);
  }
  const bytes = bytesOf(disk, "log/0000000001");
  assert.equal(bytes.length, ends.at(-1));
  for (let cut = 0; cut <= bytes.length; cut++) {
    for (const rest of ["gone", "zeros"]) {
      const part = rest === "gone" ? bytes.slice(0, cut) : bytes.slice().fill(0, cut);
      const left = diskWith({ "log/0000000001": part });
      const whole = Math.max(0, ends.findLastIndex((end) => end <= cut));
      const opened = new Log(left, "log");
      assert.deepEqual(contents(opened), upTo(whole));
      assert.deepEqual(opened.damage, []);
      const isTorn = rest === "gone" ? !ends.includes(cut) : cut < bytes.length;
      assert.equal(opened.torn?.first, isTorn ? whole + 1 : undefined, `${rest} from ${cut}`);
      fill(opened, 2);
      opened.close();
      const again = new Log(left, "log");
      assert.equal(again.torn, undefined);
      assert.deepEqual(contents(again), upTo(whole + 2));
    }
  }
});

Deno.test("cut in a segment that others follow, a log that was not synced ends there", () => {
  const disk = new SimulatedDisk();
  fill(new Log(disk, "log", { segmentBytes: 500 }), 30);
  const names = disk.list("log").map((name) => `log/${name}`);
  const files = Object.fromEntries(names.map((path) => [path, bytesOf(disk, path)]));
  for (const path of names.slice(1, 4)) {
    for (let cut = 0; cut < files[path].length; cut += 3) {
      const left = diskWith({ ...files, [path]: files[path].slice(0, cut) });
      const opened = new Log(left, "log", { segmentBytes: 500 });
      const numbers = contents(opened);
      assert.deepEqual(numbers, upTo(numbers.length));
      assert.ok(numbers.length < 30 && opened.torn!.bytes > 0);
      fill(opened, 15);
      opened.close();
      assert.deepEqual(contents(new Log(left, "log")), upTo(numbers.length + 15));
    }
  }
});

Deno.test("a flipped bit in what was synced costs one record at most, which is named; nothing else is cut or changed", async () => {
  const disk = new SimulatedDisk();
  const log = new Log(disk, "log", { segmentBytes: 500 });
  fill(log, 12);
  await log.sync();
  log.close();
  for (const path of disk.list("log").map((name) => `log/${name}`)) {
    const file = disk.open(path);
    for (let at = 0; at < file.size(); at++) {
      flip(file, at, at % 8);
      const opened = new Log(disk, "log", { segmentBytes: 500 });
      const lost = lostIn(opened);
      assert.deepEqual([...contents(opened), ...lost].sort((a, b) => a - b), upTo(12), `${path} ${at}`);
      assert.equal(opened.torn, undefined);
      assert.ok(lost.length <= 1, `${lost}`);
      if (at >= 128) assert.equal(lost.length, 1);
      if (lost.length === 1) {
        assert.throws(() => [...opened.records(1)], { code: "EIO", message: /is damaged: \d+/ });
      }
      assert.equal(opened.last, 12);
      opened.close();
      flip(file, at, at % 8);
    }
  }
  assert.deepEqual(contents(new Log(disk, "log")), upTo(12));
});

Deno.test("a log with a flipped bit goes on behind it, also where the bit is in the last record", async () => {
  const disk = new SimulatedDisk();
  const log = new Log(disk, "log");
  fill(log, 5);
  await log.sync();
  log.close();
  const file = disk.open("log/0000000001");
  flip(file, file.size() - 1, 3);
  const opened = new Log(disk, "log");
  assert.deepEqual(opened.damage.map(({ first, last }) => [first, last]), [[5, 5]]);
  fill(opened, 3);
  await opened.sync();
  assert.deepEqual(lostIn(opened), [5]);
  opened.close();
  const again = new Log(disk, "log");
  assert.deepEqual(contents(again), [1, 2, 3, 4, 6, 7, 8]);
  assert.equal(again.last, 8);
});

Deno.test("both copies of a header bad: its records are lost and named, the other segments' are not", async () => {
  const disk = new SimulatedDisk();
  const log = new Log(disk, "log", { segmentBytes: 500 });
  fill(log, 30);
  await log.sync();
  log.close();
  const names = disk.list("log");
  for (let i = 0; i < names.length; i++) {
    const file = disk.open(`log/${names[i]}`);
    for (const at of [9, 73]) flip(file, at, 1);
    const opened = new Log(disk, "log", { segmentBytes: 500 });
    const numbers = contents(opened);
    assert.equal(opened.damage.length, 1, `${i}`);
    const [{ first, last }] = opened.damage;
    assert.deepEqual([...numbers, ...upTo(last, first)].sort((a, b) => a - b), upTo(30));
    assert.equal(opened.last, 30);
    opened.close();
    if (i === names.length - 1) break;
    for (const at of [9, 73]) flip(file, at, 1);
  }
});

Deno.test("a payload that is a piece of this very log is not taken for records of it", async () => {
  const disk = new SimulatedDisk();
  const log = new Log(disk, "log", { salt: () => 77 });
  fill(log, 5);
  const copy = bytesOf(disk, "log/0000000001");
  const { offset } = log.append(6, copy);
  // The header of the record that holds the copy is torn off by power; what it held is whole.
  const file = disk.open("log/0000000001");
  file.pwrite(new Uint8Array(17), offset - 17);
  log.close();
  const opened = new Log(disk, "log");
  assert.deepEqual(contents(opened), upTo(5));
  assert.equal(opened.torn!.bytes, copy.length + 17);
  fill(opened, 1);
  await opened.sync();
});

Deno.test("a log that died before its folder was synced is synced with its folder", async () => {
  for (let seed = 0; seed < 20; seed++) {
    const disk = new SimulatedDisk();
    new Log(disk, "log").close();
    const log = new Log(disk, "log");
    fill(log, 1);
    await log.sync();
    assert.deepEqual(contents(new Log(disk.powerLoss(seed), "log")), [1]);
  }
});

Deno.test("after a loss of power everything synced is there, and the rest is a beginning, in order", async () => {
  let kept = 0;
  let lost = 0;
  await fc.assert(
    fc.asyncProperty(
      fc.integer(),
      fc.array(
        fc.record({
          appends: fc.integer({ min: 0, max: 12 }),
          large: fc.boolean(),
          sync: fc.constantFrom("no", "wait", "under way"),
          drop: fc.boolean(),
          end: fc.constantFrom("no", "no", "death", "power"),
        }),
        { maxLength: 12 },
      ),
      async (seed, steps) => {
        let disk = new SimulatedDisk({ seed });
        let applied = 0;
        let log = new Log(disk, "log", { segmentBytes: 3000 });
        for (const [i, step] of steps.entries()) {
          for (let j = 0; j < step.appends; j++) {
            const number = log.last + 1;
            if (step.large && j % 5 === 0) log.append(number % 256, new Uint8Array(0), large(number));
            else fill(log, 1);
          }
          if (step.sync === "wait") await log.sync();
          if (step.sync === "under way") {
            log.sync().catch(() => {});
            for (let turns = seed & 7; turns > 0; turns--) await null;
          }
          if (step.drop) log.drop(applied = Math.max(applied, log.synced - 5));
          if (step.end === "no") continue;
          const { synced, last } = log;
          if (step.end === "power") disk = disk.powerLoss(seed + i);
          else log.close();
          log = new Log(disk, "log", { segmentBytes: 3000, after: applied });
          assert.deepEqual(log.damage, []);
          if (step.end === "death") assert.equal(log.last, last);
          assert.ok(log.last >= synced && log.last <= last, `${synced} ≤ ${log.last} ≤ ${last}`);
          assert.deepEqual(numbersOf(log, applied + 1), upTo(log.last, applied + 1));
          kept += log.last - synced;
          lost += last - log.last;
        }
      },
    ),
    { seed: SEED, numRuns: RUNS },
  );
  assert.ok(kept > 100 && lost > 100, `${kept} kept and ${lost} lost of what was not synced`);
});

function large(number: number): Uint8Array {
  return payloadOf(number, 20_000);
}

function numbersOf(log: Log, from: number): number[] {
  const numbers = [];
  for (const { number, payload } of log.records(from)) {
    assert.deepEqual(payload, payload.length === 20_000 ? large(number) : payloadOf(number));
    numbers.push(number);
  }
  return numbers;
}

function lostIn(log: Log): number[] {
  const told: LogDamage[] = [];
  for (const _ of log.records(1, (damage) => told.push(damage)));
  return told.flatMap(({ first, last }) => upTo(last, first));
}

function flip(file: DiskFile, at: number, bit: number): void {
  const byte = new Uint8Array(1);
  file.pread(byte, at);
  byte[0] ^= 1 << bit;
  file.pwrite(byte, at);
}

Deno.test("damage before the records that are wanted is not told", () => {
  const disk = new SimulatedDisk();
  const log = new Log(disk, "log");
  const { offset } = log.append(1, payloadOf(100));
  fill(log, 3);
  const bytes = bytesOf(disk, "log/0000000001");
  bytes[offset + 5] ^= 1;
  disk.open("log/0000000001").pwrite(bytes, 0);
  using reader = new LogReader(disk, "log");
  const damage: LogDamage[] = [];
  const records = [...reader.records(2, { onDamage: (found) => damage.push(found) })].map(({ number }) =>
    number
  );
  assert.deepEqual(records, [2, 3, 4]);
  assert.deepEqual(damage, []);
});

Deno.test("a record in which one bit is wrong is put right, whichever it is; of a long one only where it begins", () => {
  for (const length of [0, 40, 9000]) {
    const disk = new SimulatedDisk();
    const log = new Log(disk, "log");
    fill(log, 1);
    const { offset } = log.append(7, payloadOf(2, length));
    fill(log, 1);
    const whole = bytesOf(disk, "log/0000000001");
    const start = offset - 17;
    for (let at = start; at < offset + length; at += length > 1000 && at > start + 60 ? 997 : 1) {
      for (const bit of [1, 128]) {
        const bytes = whole.slice();
        bytes[at] ^= bit;
        const file = disk.open("log/0000000001");
        file.pwrite(bytes, 0);
        using reader = new LogReader(disk, "log");
        const damage: LogDamage[] = [];
        const options = { onDamage: (found: LogDamage) => damage.push(found), mends: true };
        const records = [...reader.records(1, options)].map(({ number }) => number);
        const isMended = length < 4000 || at < start + 17 + 512;
        assert.deepEqual(records, isMended ? [1, 2, 3] : [1, 3], `${length} bytes, ${at - start}`);
        assert.deepEqual(damage.map(({ first, last, isMended }) => [first, last, isMended ?? false]), [[
          2,
          2,
          isMended,
        ]]);
        if (isMended) assert.deepEqual(bytesOf(disk, "log/0000000001"), whole);
        else assert.deepEqual(damage[0].found?.payload, bytes.slice(offset, offset + length));
      }
    }
  }
});

Deno.test("a reader that left off at a record goes on with it, and reads nothing before it again", () => {
  const disk = new SimulatedDisk();
  const log = new Log(disk, "log", { segmentBytes: 2000 });
  fill(log, 60);
  using reader = new LogReader(disk, "log");
  for (let from = 1; from <= 60;) {
    const upTo = from + 1;
    for (const { number, payload } of reader.records(from, { to: 60 })) {
      assert.equal(number, from);
      assert.deepEqual(payload, payloadOf(number));
      if (number === upTo) break;
      from = number + 1;
    }
  }
});
