import assert from "node:assert/strict";
import { O, Principals } from "../../9p/mod.ts";
import { Fixture, owner } from "./fixture.ts";
import type { Handle } from "./handle.ts";
import { host } from "./host.ts";
import type { Place } from "./place.ts";

const MIB = 1024 * 1024;
const COUNT = 64 * 1024;

/** Mappings of that file in this process. */
function mapped(path: string): number {
  return Deno.readTextFileSync("/proc/self/maps").split("\n").filter((line) => line.includes(path)).length;
}

function lend(f: Fixture, place: Place, handle: Handle, offset: number, length = COUNT) {
  return f.server.lend!(place, handle, offset, length, owner);
}

/** A sparse file, open, after the reads that show that it is worth mapping. */
function opened(f: Fixture, name: string, size: number): { place: Place; handle: Handle } {
  Deno.writeFileSync(f.at(name), new Uint8Array(0));
  Deno.truncateSync(f.at(name), size);
  const place = f.walk(name);
  const handle = f.open(place, O.RDONLY);
  for (let i = 0; i < 3; i++) assert.equal(lend(f, place, handle, 0), undefined);
  return { place, handle };
}

const nextTurn = () => new Promise((next) => setTimeout(next, 0));

Deno.test("a window ends where its file ends now, and nothing is lent beyond", () => {
  using f = new Fixture();
  const { place, handle } = opened(f, "file", 5 * MIB);
  assert.equal(lend(f, place, handle, 5 * MIB - 100)!.bytes, 100);
  assert.equal(lend(f, place, handle, 5 * MIB), undefined);
  Deno.truncateSync(f.at("file"), 5 * MIB + 50);
  const { bytes, spans, copy } = lend(f, place, handle, 5 * MIB - 100)!;
  assert.deepEqual([bytes, spans.length], [150, 2]);
  const file = Deno.openSync(f.at("file"), { write: true });
  file.seekSync(5 * MIB, Deno.SeekMode.Start);
  file.writeSync(new Uint8Array(50).fill(7));
  file.close();
  const rest = new Uint8Array(60);
  copy(90, rest);
  assert.deepEqual(rest, new Uint8Array(60).fill(7, 10));
  f.close(place, handle);
});

Deno.test("short files, directories and the first reads are not lent", () => {
  using f = new Fixture();
  const { place, handle } = opened(f, "short", MIB - 1);
  assert.equal(lend(f, place, handle, 0), undefined);
  assert.equal(mapped(f.at("short")), 0);
  const directory = f.open(f.root, O.RDONLY);
  for (let i = 0; i < 10; i++) assert.equal(lend(f, f.root, directory, 0), undefined);
});

Deno.test("windows are bounded for all files together, and go when their file is closed", async () => {
  using f = new Fixture();
  const files = ["a", "b"].map((name) => opened(f, name, 100 * MIB));
  for (let at = 0; at < 100 * MIB; at += MIB) {
    for (const { place, handle } of files) {
      assert.equal(lend(f, place, handle, at)!.bytes, Math.min(COUNT, 100 * MIB - at));
    }
  }
  await nextTurn();
  assert.equal(mapped(f.at("a")) + mapped(f.at("b")), 32);
  for (const { place, handle } of files) f.close(place, handle);
  await nextTurn();
  assert.equal(mapped(f.at("a")) + mapped(f.at("b")), 0);
});

Deno.test("a window that nobody uses is given back after some seconds", async () => {
  using f = new Fixture();
  const { place, handle } = opened(f, "idle", 2 * MIB);
  assert.equal(lend(f, place, handle, 0)!.bytes, COUNT);
  assert.equal(mapped(f.at("idle")), 1);
  for (const end = performance.now() + 15_000; mapped(f.at("idle")) > 0;) {
    assert.ok(performance.now() < end, "It is still mapped");
    await new Promise((wake) => setTimeout(wake, 200));
  }
  f.close(place, handle);
});

Deno.test("what is lent beyond 4 GiB is what is there", () => {
  using f = new Fixture();
  const { place, handle } = opened(f, "long", 5 * 1024 * MIB);
  const at = 4.5 * 1024 * MIB;
  const file = Deno.openSync(f.at("long"), { write: true });
  file.seekSync(at, Deno.SeekMode.Start);
  file.writeSync(new Uint8Array([1, 2, 3]));
  file.close();
  const { spans: [address] } = lend(f, place, handle, at)!;
  const view = new Deno.UnsafePointerView(Deno.UnsafePointer.create(BigInt(address))!);
  assert.deepEqual([0, 1, 2].map((i) => view.getUint8(i)), [1, 2, 3]);
  f.close(place, handle);
});

Deno.test("nothing is lent of files in memory: looking at their holes would fill them", () => {
  const folder = "/dev/shm";
  if (!Deno.readTextFileSync("/proc/self/mounts").includes(` ${folder} tmpfs `)) {
    console.log(`SKIP nothing is lent of files in memory: ${folder} is no tmpfs`);
    return;
  }
  const served = Deno.makeTempDirSync({ dir: folder, prefix: "lux9_host_" });
  const server = host(served, { principals: new Principals() });
  try {
    Deno.writeFileSync(`${served}/sparse`, new Uint8Array(0));
    Deno.truncateSync(`${served}/sparse`, 8 * MIB);
    const place = server.walk(server.attach("", owner) as Place, "sparse", owner) as Place;
    server.hold(place);
    const handle = server.open(place, O.RDONLY, owner) as Handle;
    for (let i = 0; i < 10; i++) assert.equal(server.lend(place, handle, 0, COUNT, owner), undefined);
    server.close(place, handle, owner);
  } finally {
    server[Symbol.dispose]();
    Deno.removeSync(served, { recursive: true });
  }
});
