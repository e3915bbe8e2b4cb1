import assert from "node:assert/strict";
import { type Entry, O, Qt, S } from "../../9p/mod.ts";
import { callOf, fails, Fixture, isRoot, owner, run, sleep } from "./fixture.ts";
import type { Place } from "./place.ts";

const bytes = (text: string) => new TextEncoder().encode(text);
const text = (data: Uint8Array) => new TextDecoder().decode(data);

Deno.test("read and write go to the offset, into the middle of a larger buffer", () => {
  using f = new Fixture();
  const place = f.create(f.root, "file");
  const handle = f.open(place, O.RDWR);
  assert.equal(f.server.write(place, handle, 3, bytes("hello"), owner), 5);
  const big = new Uint8Array(100).fill(0x2e);
  assert.equal(f.server.read(place, handle, 0, big.subarray(11, 61), owner), 8);
  assert.equal(text(big.subarray(10, 20)), ".\0\0\0hello.");
  assert.equal(f.server.read(place, handle, 8, big, owner), 0);
  assert.equal(f.server.read(place, handle, 2 ** 52, big, owner), 0);
  assert.equal(f.server.read(place, handle, 0, new Uint8Array(0), owner), 0);
  assert.equal(f.server.write(place, handle, 5_000_000_000, bytes("far"), owner), 3);
  assert.equal(f.server.read(place, handle, 5_000_000_001, big, owner), 2);
  assert.equal((f.server.getattr(place, undefined, owner) as { size: number }).size, 5_000_000_003);
  f.close(place, handle);
  fails("EBADF", () => f.server.read(place, handle, 0, big, owner));
  fails("EBADF", () => f.server.read(place, f.open(place, O.WRONLY), 0, big, owner));
  fails("EBADF", () => f.server.write(place, f.open(place, O.RDONLY), 0, big, owner));
  fails("EISDIR", () => f.open(f.root, O.RDWR));
  fails("EISDIR", () => f.server.read(f.root, f.open(f.root, 0), 0, big, owner));
});

Deno.test("R19 the version changes with each of 1000 writes, and with those of other programs", () => {
  using f = new Fixture({ placesMax: 1 });
  const place = f.create(f.root, "file");
  const handle = f.open(place, O.RDWR);
  const seen = new Set([f.server.qid(place).version]);
  let last = f.server.qid(place).version;
  for (let i = 0; i < 1000; i++) {
    f.server.write(place, handle, 0, bytes("x"), owner);
    const { version } = f.server.qid(place);
    assert.ok(version > last, `${version} after ${last}`);
    last = version;
    seen.add(version);
  }
  assert.equal(seen.size, 1001);
  f.close(place, handle);
  const { qid } = f.server.getattr(place, undefined, owner) as { qid: { version: number } };
  assert.ok(qid.version > last);
  // It stays when nothing happens, also while nobody knows the file.
  assert.equal(f.server.qid(place).version, qid.version);
  f.drop(place);
  f.drop(f.create(f.root, "other 1"));
  f.drop(f.create(f.root, "other 2"));
  const again = f.walk("file");
  assert.notEqual(again, place);
  assert.equal(f.server.qid(again).version, qid.version);
  Deno.writeTextFileSync(f.at("file"), "by another program");
  f.server.getattr(again, undefined, owner);
  assert.ok(f.server.qid(again).version > qid.version);
});

Deno.test("open truncates and appends as asked, and as the file's flags say", () => {
  using f = new Fixture();
  const place = f.create(f.root, "file", "content");
  f.close(place, f.open(place, O.WRONLY | O.TRUNC));
  assert.equal(f.read(place), "");
  const appending = f.open(place, O.WRONLY | O.APPEND);
  f.server.write(place, appending, 0, bytes("one"), owner);
  f.server.write(place, appending, 0, bytes("two"), owner);
  assert.equal(f.read(place), "onetwo");
  const log = f.create(f.root, "log", "a", { flags: Qt.APPEND | Qt.TMP });
  assert.equal(f.server.qid(log).type, Qt.APPEND | Qt.TMP);
  const handle = f.open(log, O.WRONLY | O.TRUNC);
  f.server.write(log, handle, 0, bytes("b"), owner);
  assert.equal(f.read(log), "ab");
  f.server.setattr(log, { flags: Qt.EXCL }, undefined, owner);
  assert.equal(f.server.qid(log).type, Qt.EXCL);
  f.server.setattr(log, { flags: 0 }, undefined, owner);
  assert.equal(f.server.qid(log).type, 0);
  f.close(log, handle);
  f.close(place, appending);
});

Deno.test("a write by a claimed user who is not the file's owner takes setuid away", () => {
  using f = new Fixture();
  const place = f.create(f.root, "file", "", { mode: S.IFREG | 0o4777 });
  const mode = () => (f.server.getattr(place, undefined, owner) as { mode: number }).mode & 0o7777;
  const byOwner = f.open(place, O.WRONLY);
  f.server.write(place, byOwner, 0, bytes("x"), owner);
  f.server.setattr(place, { mode: 0o4777 }, undefined, owner);
  assert.equal(mode(), 0o4777);
  const mallory = callOf("claimed", "mallory");
  const handle = f.server.open(place, O.WRONLY, mallory) as typeof byOwner;
  assert.equal(mode(), 0o4777);
  f.server.write(place, handle, 0, bytes("x"), mallory);
  assert.equal(mode(), 0o777);
});

Deno.test("R43 fsync answers for files, directories and what has no content", async () => {
  using f = new Fixture();
  const place = f.create(f.root, "file", "content");
  const handle = f.open(place, O.RDWR);
  const pending = f.server.fsync(place, handle, true, owner);
  f.close(place, handle);
  await pending;
  await f.server.fsync(place, undefined, false, owner);
  await f.server.fsync(f.root, undefined, false, owner);
  Deno.symlinkSync("x", f.at("link"));
  await f.server.fsync(f.walk("link"), undefined, false, owner);
});

Deno.test("sync answers once the whole folder is durable", async () => {
  using f = new Fixture();
  f.drop(f.create(f.root, "file", "data"));
  await f.server.sync();
});

Deno.test("R20 a fifo has version 0, in a walk and in a listing", () => {
  using f = new Fixture();
  const fifo = f.server.make(f.root, "fifo", { mode: S.IFIFO | 0o644, uid: owner.user.name }, owner) as Place;
  assert.equal(f.server.qid(fifo).version, 0);
  const handle = f.open(f.root, O.RDONLY);
  const [entry] = f.server.list(f.root, handle, 0, 10, true, owner) as Entry[];
  assert.equal(entry.qid.version, 0);
  f.close(f.root, handle);
});

Deno.test("a reader of a fifo waits for its first writer, then reads to the end", async () => {
  using f = new Fixture();
  const make = { mode: S.IFIFO | 0o644, uid: owner.user.name };
  const fifo = f.server.make(f.root, "fifo", make, owner) as ReturnType<Fixture["walk"]>;
  f.server.hold(fifo);
  const handle = f.open(fifo, O.RDONLY);
  const into = new Uint8Array(10);
  const first = f.server.read(fifo, handle, 0, into, owner);
  assert.ok(first instanceof Promise);
  await sleep(20);
  const writer = new Deno.Command("sh", { args: ["-c", 'printf hello > "$0"', f.at("fifo")] }).spawn();
  assert.equal(text(await first), "hello");
  await writer.status;
  assert.equal(await f.server.read(fifo, handle, 5, into, owner), 0);
  f.close(fifo, handle);
});

Deno.test("a writer of a fifo waits for its reader, and nothing of a wait is left when it is given up", async () => {
  using f = new Fixture();
  const make = { mode: S.IFIFO | 0o644, uid: owner.user.name };
  const fifo = f.server.make(f.root, "fifo", make, owner) as ReturnType<Fixture["walk"]>;
  f.server.hold(fifo);
  fails("ENXIO", () => f.open(fifo, O.WRONLY | O.NONBLOCK));
  const opening = f.server.open(fifo, O.WRONLY, owner);
  assert.ok(opening instanceof Promise);
  const reader = f.open(fifo, O.RDONLY);
  const writer = await opening;
  const full = new Uint8Array(1 << 20);
  const taken = await f.server.write(fifo, writer, 0, full, owner);
  assert.ok(taken > 0 && taken < full.length);
  const abort = new AbortController();
  const stuck = f.server.write(fifo, writer, 0, full, callOf("owner", "glenda", [], abort.signal));
  assert.ok(stuck instanceof Promise);
  abort.abort();
  await assert.rejects(stuck);
  f.close(fifo, reader);
  // SIGPIPE does not end the process.
  fails("EPIPE", () => f.server.write(fifo, writer, 0, full, owner));
  f.close(fifo, writer);

  const lonely = new AbortController();
  const open = f.server.open(fifo, O.WRONLY, callOf("owner", "glenda", [], lonely.signal));
  setTimeout(() => lonely.abort(), 10);
  await assert.rejects(Promise.resolve(open));
  const waiting = f.open(fifo, O.RDONLY);
  const read = f.server.read(fifo, waiting, 0, new Uint8Array(10), owner);
  f.close(fifo, waiting);
  await assert.rejects(Promise.resolve(read), /closed/);
});

Deno.test("what waits on a fifo is served in the order it came, reads and writes, also beside what could be at once", async () => {
  using f = new Fixture();
  const make = { mode: S.IFIFO | 0o644, uid: owner.user.name };
  const fifo = f.server.make(f.root, "fifo", make, owner) as ReturnType<Fixture["walk"]>;
  f.server.hold(fifo);
  const reader = f.open(fifo, O.RDONLY);
  const writer = f.open(fifo, O.WRONLY);
  const read = (count: number, call = owner) => f.server.read(fifo, reader, 0, new Uint8Array(count), call);
  const abort = new AbortController();
  const first = read(1);
  const givenUp = read(1, callOf("owner", "glenda", [], abort.signal));
  assert.equal(f.server.write(fifo, writer, 0, bytes("abc"), owner), 3);
  // There is something to read now, but others have waited longer.
  const second = read(2);
  abort.abort();
  await assert.rejects(Promise.resolve(givenUp));
  assert.deepEqual((await Promise.all([first, second])).map((data) => text(data as Uint8Array)), ["a", "bc"]);

  const write = (data: Uint8Array) => f.server.write(fifo, writer, 0, data, owner);
  let full = 0;
  let taken = write(new Uint8Array(4096));
  for (; typeof taken === "number"; taken = write(new Uint8Array(4096))) full += taken;
  const order: string[] = [];
  const a = taken.then(() => order.push("a"));
  const into = new Uint8Array(1 << 17);
  assert.equal(f.server.read(fifo, reader, 0, into, owner), full);
  // There is room now, but another has waited longer.
  const b = Promise.resolve(write(bytes("b"))).then(() => order.push("b"));
  await Promise.all([a, b]);
  assert.deepEqual(order, ["a", "b"]);
  assert.equal(f.server.read(fifo, reader, 0, into, owner), 4097);
  assert.equal(into[4096], 0x62);
  f.close(fifo, reader);
  f.close(fifo, writer);
});

Deno.test("10,000 reads that wait on one fifo do not hold 64 KiB each, and end when it is closed", async () => {
  using f = new Fixture();
  const make = { mode: S.IFIFO | 0o644, uid: owner.user.name };
  const fifo = f.server.make(f.root, "fifo", make, owner) as ReturnType<Fixture["walk"]>;
  f.server.hold(fifo);
  const reader = f.open(fifo, O.RDONLY);
  const into = new Uint8Array(64 * 1024);
  const before = Deno.memoryUsage().external;
  const abort = new AbortController();
  const call = callOf("owner", "glenda", [], abort.signal);
  const reads = Array.from(
    { length: 10_000 },
    () => f.server.read(fifo, reader, 0, into, call) as Promise<Uint8Array>,
  );
  const grown = Deno.memoryUsage().external - before;
  assert.ok(grown < 64 * 1024 * 1024, `${grown} bytes`);
  f.close(fifo, reader);
  const ended = await Promise.allSettled(reads);
  assert.ok(ended.every(({ status }) => status === "rejected"));
});

Deno.test("devices are read, sockets are not opened", () => {
  using f = new Fixture();
  const socket = f.server.make(f.root, "socket", { mode: S.IFSOCK | 0o600, uid: owner.user.name }, owner);
  fails("ENXIO", () => f.open(socket as ReturnType<Fixture["walk"]>, 0));
  if (!isRoot) return console.log("  devices: skipped, only root makes them");
  const what = { mode: S.IFCHR | 0o666, uid: owner.user.name, rdev: 0x105 };
  const zero = f.server.make(f.root, "zero", what, owner) as ReturnType<Fixture["walk"]>;
  f.server.hold(zero);
  assert.equal((f.server.getattr(zero, undefined, owner) as { rdev: number }).rdev, 0x105);
  const into = new Uint8Array(10).fill(1);
  const handle = f.open(zero, 0);
  assert.equal(f.server.read(zero, handle, 0, into, owner), 10);
  assert.deepEqual(into, new Uint8Array(10));
  f.close(zero, handle);
});

Deno.test("a full disk takes part of a write, then gives ENOSPC", () => {
  using f = new Fixture();
  Deno.mkdirSync(f.at("tiny"));
  const mounted = isRoot && run("mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", f.at("tiny")).code === 0;
  if (!mounted) return console.log("  skipped: cannot mount a tmpfs here");
  try {
    const tiny = f.walk("tiny");
    const place = f.create(tiny, "file");
    const handle = f.open(place, O.RDWR);
    assert.equal(f.server.write(place, handle, 0, new Uint8Array(100_000), owner), 65536);
    fails("ENOSPC", () => f.server.write(place, handle, 65536, new Uint8Array(1), owner));
    f.close(place, handle);
    const statfs = f.server.statfs(tiny, owner) as { blocks: number; bfree: number; bsize: number };
    assert.deepEqual([statfs.blocks * statfs.bsize, statfs.bfree], [65536, 0]);
    fails("EXDEV", () => f.server.rename(place, f.root, "file", false, owner));
    fails("EXDEV", () => f.server.link(place, f.root, "file", owner));
    f.drop(place);
    f.drop(tiny);
    f.server.remove(f.walk("tiny/file"), owner);
  } finally {
    f.server[Symbol.dispose]();
    // Nothing of the server keeps the mount busy.
    assert.equal(run("umount", f.at("tiny")).code, 0);
  }
});
