import assert from "node:assert/strict";
import { S } from "../9p/mod.ts";
import { modeText } from "./file_text.ts";
import { parseMountinfo } from "./mounts.ts";
import { table, visible } from "./output.ts";
import { FrameStream } from "./trace/frame_stream.ts";
import { durationText, Latencies } from "./trace/latencies.ts";
import { bytesText } from "./transfer.ts";

Deno.test("modeText writes permissions as ls(1) does", () => {
  assert.equal(modeText(S.IFDIR | 0o1777), "drwxrwxrwt");
  assert.equal(modeText(S.IFREG | 0o4644), "-rwSr--r--");
  assert.equal(modeText(S.IFREG | 0o2755), "-rwxr-sr-x");
  assert.equal(modeText(S.IFLNK | 0o777), "lrwxrwxrwx");
});

Deno.test("visible escapes what a terminal would obey", () => {
  assert.equal(visible("größe 文件"), "größe 文件");
  assert.equal(visible("a\x1b[0m\x9b\u202e\n\\"), "a\\u001b[0m\\u009b\\u202e\\n\\\\");
});

Deno.test("table aligns columns", () => {
  assert.deepEqual(table([["a", "1"], ["bcd", "22"]], [1]), ["a     1", "bcd  22"]);
});

Deno.test("parseMountinfo finds the place, type and source, with blanks in them", () => {
  const text = "42 27 0:39 / /mnt/my\\040tree rw shared:1 - fuse.9p unix!/a\\040b rw\nbroken\n";
  assert.deepEqual(parseMountinfo(text), [{ path: "/mnt/my tree", type: "fuse.9p", source: "unix!/a b" }]);
});

Deno.test("Latencies gives quantiles to two percent", () => {
  const latencies = new Latencies();
  for (let us = 1; us <= 1000; us++) latencies.add(us);
  assert.ok(Math.abs(latencies.quantileUs(0.5) / 500 - 1) < 0.03);
  assert.ok(Math.abs(latencies.quantileUs(0.99) / 990 - 1) < 0.03);
  assert.equal(latencies.maxUs, 1000);
  assert.equal(new Latencies().quantileUs(0.5), 0);
});

Deno.test("durationText and bytesText choose a unit", () => {
  assert.deepEqual([12, 1234, 3_450_000].map(durationText), ["12 µs", "1.2 ms", "3.45 s"]);
  assert.deepEqual([12, 12_345, 2_000_000_000].map(bytesText), ["12 B", "12.3 kB", "2.0 GB"]);
});

Deno.test("FrameStream cuts a stream into frames wherever its pieces end", () => {
  const frames = [Uint8Array.of(7, 0, 0, 0, 121, 1, 0), Uint8Array.of(8, 0, 0, 0, 122, 2, 0, 9)];
  const all = new Uint8Array(15);
  all.set(frames[0]);
  all.set(frames[1], 7);
  for (let cut = 0; cut <= 15; cut++) {
    const stream = new FrameStream();
    assert.deepEqual([...stream.push(all.subarray(0, cut)), ...stream.push(all.subarray(cut))], frames);
  }
  assert.throws(() => [...new FrameStream().push(Uint8Array.of(3, 0, 0, 0))]);
});
