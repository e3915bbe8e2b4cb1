import assert from "node:assert/strict";
import { crc32 } from "node:zlib";
import { realDisk, SimulatedDisk } from "../disk/mod.ts";
import { contents, fill, payloadOf } from "./fixture.ts";
import { Log, LogReader, PAYLOAD_MAX } from "./mod.ts";

Deno.test("records are read back by place, and replayed in order from any number, through many segments", () => {
  const root = Deno.makeTempDirSync();
  try {
    using log = new Log(realDisk(root), "log", { segmentBytes: 200_000 });
    assert.equal(log.last, 0);
    const places = [];
    for (let i = 1; i <= 300; i++) {
      const payload = payloadOf(i, [0, 1, 100, 20_000][i % 4]);
      places.push(log.append(i % 256, payload.subarray(0, 7), payload.subarray(7)));
      assert.equal(places[i - 1].number, i);
    }
    assert.ok(places.at(-1)!.segment > 5);
    const place = places[246];
    const into = new Uint8Array(1000);
    log.read(place.segment, place.offset + 5000, into);
    assert.deepEqual(into, payloadOf(247, 20_000).subarray(5000, 6000));
    for (const from of [1, 2, 150, 300, 301]) {
      const records = [...log.records(from)].map(({ number, type }) => {
        assert.equal(type, number % 256);
        return number;
      });
      assert.deepEqual(records, Array.from({ length: 301 - from }, (_, i) => from + i));
    }
    for (const { number, payload, segment, offset } of log.records(1)) {
      assert.deepEqual(payload, payloadOf(number, [0, 1, 100, 20_000][number % 4]));
      assert.deepEqual({ number, segment, offset }, places[number - 1]);
    }
    assert.throws(() => log.read(place.segment, 199_999, into), { code: "EIO" });
    assert.throws(() => log.read(99, 128, into), { code: "EIO" });
    assert.throws(() => log.append(1, new Uint8Array(PAYLOAD_MAX), new Uint8Array(1)), { code: "EMSGSIZE" });
    assert.equal(log.append(1, new Uint8Array(PAYLOAD_MAX)).number, 301);
    assert.equal([...log.records(301)][0].payload.length, PAYLOAD_MAX);
  } finally {
    Deno.removeSync(root, { recursive: true });
  }
});

Deno.test("a log goes on where it was when it is opened again, synced or not", async () => {
  const disk = new SimulatedDisk();
  for (let round = 0; round < 5; round++) {
    using log = new Log(disk, "log", { segmentBytes: 1000 });
    assert.equal(log.torn, undefined);
    assert.deepEqual(log.damage, []);
    assert.equal(log.last, round * 20);
    fill(log, 10);
    if (round % 2 === 0) await log.sync();
    fill(log, 10);
  }
  assert.equal(contents(new Log(disk, "log")).length, 100);
});

Deno.test("all who wait share one sync, which holds everything appended before they asked", async () => {
  const disk = new SimulatedDisk({ seed: 7 });
  const log = new Log(disk, "log");
  let syncs = 0;
  const file = disk.open("log/0000000001");
  const prototype = Object.getPrototypeOf(file);
  const real = prototype.sync;
  prototype.sync = function () {
    syncs++;
    return real.call(this);
  };
  try {
    const waiting = [];
    for (let i = 1; i <= 50; i++) {
      fill(log, 1);
      waiting.push(log.sync().then(() => assert.ok(log.synced >= i, `${log.synced} of ${i}`)));
    }
    await Promise.all(waiting);
    assert.equal(syncs, 2);
    await log.sync();
    assert.equal(syncs, 2, "nothing new, so nothing to wait for");
    // Asked in the very moment in which one ends and those who wait start the next.
    const first = log.append(1, payloadOf(51, 10)) && log.sync();
    fill(log, 1);
    const second = log.sync();
    await first.then(() => (fill(log, 1), log.sync()));
    await second;
    assert.equal(log.synced, 53);
  } finally {
    prototype.sync = real;
  }
});

Deno.test("after a sync that failed the log takes nothing more, and opened again it is what the disk has", async () => {
  const disk = new SimulatedDisk();
  const log = new Log(disk, "log");
  fill(log, 5);
  await log.sync();
  fill(log, 5);
  disk.failSyncs = 1;
  const [one, two] = [log.sync(), log.sync()];
  await assert.rejects(one, { code: "EIO" });
  await assert.rejects(two, { code: "EIO" });
  await assert.rejects(log.sync(), { code: "EIO" });
  assert.throws(() => fill(log, 1), { code: "EIO" });
  assert.equal(contents(new Log(disk.powerLoss(1), "log")).length, 5);
});

Deno.test("on a full disk an append is ENOSPC and the log as it was; with space it goes on", async () => {
  for (let room = 0; room < 900; room += 7) {
    const disk = new SimulatedDisk();
    using log = new Log(disk, "log", { segmentBytes: 500 });
    fill(log, 3);
    disk.free = room;
    let fitted = 0;
    assert.throws(() => {
      for (;; fitted++) fill(log, 1);
    }, { code: "ENOSPC" });
    assert.throws(() => log.append(1, new Uint8Array(10), new Uint8Array(30_000)), { code: "ENOSPC" });
    assert.equal(contents(log).length, 3 + fitted);
    const found = new Log(disk, "log");
    assert.equal(found.torn, undefined);
    assert.equal(contents(found).length, 3 + fitted);
    found.close();
    disk.free = Infinity;
    fill(log, 3);
    await log.sync();
    assert.equal(contents(new Log(disk, "log")).length, 6 + fitted);
  }
});

Deno.test("segments that nobody needs go, oldest first, and the log opens without them", async () => {
  const disk = new SimulatedDisk();
  const log = new Log(disk, "log", { segmentBytes: 1000 });
  fill(log, 100);
  const all = disk.list("log").length;
  const syncing = log.sync();
  log.drop(50);
  await syncing;
  assert.ok(disk.list("log").length < all);
  assert.ok(log.first <= 51 && log.first > 30);
  assert.equal([...log.records(51)].length, 50);
  assert.throws(() => [...log.records(1)], { code: "EIO", message: /records 1 to / });
  log.drop(100);
  assert.equal(disk.list("log").length, 1);
  fill(log, 1);
  log.close();

  const again = new Log(disk, "log", { after: 100 });
  assert.deepEqual(again.damage, []);
  assert.equal(again.last, 101);
  assert.deepEqual([...again.records(101)].map(({ number }) => number), [101]);
  again.close();
  const told = new Log(disk, "log", { after: 60 });
  assert.deepEqual(told.damage.map(({ first, last }) => [first, last]), [[61, again.first - 1]]);
  told.close();

  // What was applied is ahead of the log: its numbers are not given again.
  const ahead = new Log(disk, "log", { after: 200 });
  assert.equal(ahead.last, 200);
  assert.equal(disk.list("log").length, 1);
  fill(ahead, 1);
  assert.deepEqual(contents(ahead, 201), [201]);
});

Deno.test("a reader in another isolate follows a log as it grows", () => {
  const disk = new SimulatedDisk();
  const log = new Log(disk, "log", { segmentBytes: 1000 });
  const reader = new LogReader(disk, "log");
  let seen = 0;
  for (let round = 0; round < 50; round++) {
    fill(log, round % 7);
    for (const { number, payload, segment, offset } of reader.records(seen + 1, { to: log.last })) {
      assert.equal(number, ++seen);
      const into = new Uint8Array(payload.length);
      reader.read(segment, offset, into);
      assert.deepEqual(into, payload);
    }
    assert.equal(seen, log.last);
    if (round % 10 === 9) {
      log.drop(seen);
      reader.forgetBefore(Number(disk.list("log")[0]));
    }
  }
  assert.equal([...reader.records(log.first, { to: log.last })].length, log.last - log.first + 1);
});

Deno.test("a reader does not remember what was half written when it looked", () => {
  const disk = new SimulatedDisk();
  const log = new Log(disk, "log");
  fill(log, 2);
  const reader = new LogReader(disk, "log");
  const { offset } = log.append(3, payloadOf(3));
  const file = disk.open("log/0000000001");
  const header = new Uint8Array(17);
  file.pread(header, offset - 17);
  file.pwrite(new Uint8Array(17), offset - 17);
  assert.equal([...reader.records(1, { to: 2 })].length, 2);
  file.pwrite(header, offset - 17);
  assert.deepEqual([...reader.records(3, { to: 3 })].map(({ number }) => number), [3]);
  fill(log, 5);
  // Two at once do not take each other's place.
  const found = [];
  for (const { number } of reader.records(4, { to: 6 })) {
    found.push(number, ...[...reader.records(number + 1, { to: 8 })].map(({ number }) => number));
  }
  assert.deepEqual(found, [4, 5, 6, 7, 8, 5, 6, 7, 8, 6, 7, 8]);
  reader.forgetBefore(2);
  assert.equal([...reader.records(7)].length, 2);
});

Deno.test("a log of a newer format is refused, and left as it is", () => {
  const disk = new SimulatedDisk();
  const log = new Log(disk, "log");
  fill(log, 1);
  log.close();
  const file = disk.open("log/0000000001");
  const header = new Uint8Array(128);
  file.pread(header, 0);
  for (const at of [0, 64]) {
    header[at + 7]++;
    new DataView(header.buffer).setUint32(
      at + 12,
      crc32(header.subarray(at + 16, at + 32), crc32(header.subarray(at, at + 12))),
      true,
    );
  }
  file.pwrite(header, 0);
  const size = file.size();
  assert.throws(() => new Log(disk, "log"), { code: "EOPNOTSUPP", message: /LUX9LOG2/ });
  assert.equal(file.size(), size);
});
