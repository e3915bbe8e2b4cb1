import { deepStrictEqual, ok, strictEqual } from "node:assert/strict";
import { createHash } from "node:crypto";
import { join } from "node:path";
import { SMALL_TOTAL_MAX } from "./cache.ts";
import { type About, type Result, ResultCache } from "./mod.ts";

const sha256 = (bytes: Uint8Array) => createHash("sha256").update(bytes).digest("hex");
const about = (bytes: Uint8Array): About => ({
  hash: sha256(bytes),
  size: bytes.byteLength,
  fuel: 1,
  wallUs: 2,
  memoryBytes: 3,
});
const key = (n: number) => n.toString(16).padStart(64, "0");
const filled = (size: number, seed = 7) => new Uint8Array(size).map((_, i) => i * seed);

async function inFolder(test: (folder: string) => Promise<void>): Promise<void> {
  const folder = await Deno.makeTempDir();
  try {
    await test(join(folder, "cache"));
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

function contents(result: Result | undefined): Uint8Array {
  ok(result);
  const into = new Uint8Array(result.size);
  strictEqual(result.read(0, into), result.size);
  result.release();
  return into;
}

for (const size of [0, 1000, 200_000, 3_000_000]) {
  Deno.test(`ResultCache keeps ${size} bytes across a restart`, () =>
    inFolder(async (folder) => {
      const bytes = filled(size);
      const before = new ResultCache(folder);
      if (size < 1_000_000) before.putBytes(key(1), bytes, about(bytes));
      else {
        const temporary = before.temporary();
        await Deno.writeFile(temporary, bytes);
        await before.putFile(key(1), temporary, about(bytes));
      }
      deepStrictEqual(contents(await before.get(key(1))), bytes);
      await before.close();
      const found = await new ResultCache(folder).get(key(1));
      deepStrictEqual(contents(found), bytes);
      deepStrictEqual(found!.about, about(bytes));
    }));

  Deno.test(`ResultCache does not believe ${size} bytes that were damaged or cut`, () =>
    inFolder(async (folder) => {
      const bytes = filled(size);
      const before = new ResultCache(folder);
      before.putBytes(key(1), bytes, about(bytes));
      await before.close();
      const file = join(folder, key(1));
      const whole = await Deno.readFile(file);
      for (
        const broken of [
          whole.subarray(0, whole.length - 1),
          whole.subarray(0, whole.length >> 1),
          new Uint8Array(),
          whole.map((byte, i) => i === 0 ? byte ^ 1 : byte),
          whole.map((byte, i) => i === whole.length - 20 ? byte ^ 1 : byte),
        ]
      ) {
        await Deno.writeFile(file, broken);
        const cache = new ResultCache(folder);
        strictEqual(await cache.get(key(1)), undefined);
        strictEqual(cache.files, 0);
      }
    }));
}

Deno.test("ResultCache lets go what was used least recently, and who reads it goes on", () =>
  inFolder(async (folder) => {
    const cache = new ResultCache(folder, { bytesMax: 400_000 });
    const bytes = filled(100_000);
    for (let n = 0; n < 3; n++) cache.putBytes(key(n), bytes, about(bytes));
    await cache.close();
    // From disk, so that the file is what is read.
    const again = new ResultCache(folder, { bytesMax: 400_000 });
    const held = (await again.get(key(0)))!;
    for (let n = 1; n < 3; n++) contents(await again.get(key(n)));
    for (let n = 3; n < 6; n++) again.putBytes(key(n), bytes, about(bytes));
    await again.close();
    strictEqual(await again.get(key(0)), undefined);
    ok(again.bytes <= 400_000);
    const into = new Uint8Array(100);
    held.read(99_900, into);
    deepStrictEqual(into, bytes.subarray(99_900));
    held.release();
  }));

Deno.test("ResultCache remembers across a restart what was used last", () =>
  inFolder(async (folder) => {
    const bytes = filled(1000);
    const before = new ResultCache(folder);
    for (let n = 0; n < 5; n++) before.putBytes(key(n), bytes, about(bytes));
    contents(await before.get(key(0)));
    await before.close();
    const after = new ResultCache(folder, { filesMax: 2 });
    ok(await after.get(key(0)));
    strictEqual(await after.get(key(1)), undefined);
  }));

Deno.test("ResultCache removes what a killed run was writing", () =>
  inFolder(async (folder) => {
    const cache = new ResultCache(folder);
    await Deno.writeFile(cache.temporary(), filled(10));
    new ResultCache(folder);
    deepStrictEqual([...Deno.readDirSync(folder)], []);
  }));

Deno.test("ResultCache bounds what it holds in memory", () =>
  inFolder(async (folder) => {
    const cache = new ResultCache(folder);
    const bytes = filled(64 * 1024);
    for (let n = 0; n < 300; n++) cache.putBytes(key(n), bytes, about(bytes));
    await cache.close();
    strictEqual(cache.files, 300);
    for (let n = 0; n < 300; n++) {
      deepStrictEqual(contents(await cache.get(key(n))), bytes);
      ok(cache.smallBytes <= SMALL_TOTAL_MAX);
    }
  }));

Deno.test("ResultCache gives a result that is larger than itself to those who wait, and keeps others", () =>
  inFolder(async (folder) => {
    const cache = new ResultCache(folder, { bytesMax: 10_000 });
    const short = filled(100);
    cache.putBytes(key(1), short, about(short));
    const bytes = filled(20_000);
    const temporary = cache.temporary();
    await Deno.writeFile(temporary, bytes);
    for (
      const result of [
        await cache.putFile(key(2), temporary, about(bytes)),
        cache.putBytes(key(3), bytes, about(bytes)),
      ]
    ) {
      result.hold();
      deepStrictEqual(contents(result), bytes);
    }
    await cache.close();
    strictEqual(await cache.get(key(2)), undefined);
    strictEqual(await cache.get(key(3)), undefined);
    deepStrictEqual(contents(await cache.get(key(1))), short);
    deepStrictEqual([...Deno.readDirSync(folder)].map(({ name }) => name), [key(1)]);
  }));

Deno.test("ResultCache does not let go what was just added", () =>
  inFolder(async (folder) => {
    const cache = new ResultCache(folder, { filesMax: 0 });
    const bytes = filled(100_000);
    const temporary = cache.temporary();
    await Deno.writeFile(temporary, bytes);
    const result = await cache.putFile(key(1), temporary, about(bytes));
    result.hold();
    deepStrictEqual(contents(result), bytes);
  }));

Deno.test("ResultCache has no result whose file was removed from outside", () =>
  inFolder(async (folder) => {
    const cache = new ResultCache(folder);
    const bytes = filled(100_000);
    const temporary = cache.temporary();
    await Deno.writeFile(temporary, bytes);
    await cache.putFile(key(1), temporary, about(bytes));
    await Deno.remove(join(folder, key(1)));
    strictEqual(await cache.get(key(1)), undefined);
    strictEqual(cache.peek(key(1)), undefined);
    strictEqual(cache.files, 0);
  }));

Deno.test("ResultCache checks a long file once for all who ask at the same time", () =>
  inFolder(async (folder) => {
    const bytes = filled(3_000_000);
    const before = new ResultCache(folder);
    for (const n of [1, 2]) before.putBytes(key(n), bytes, about(bytes));
    await before.close();
    const cache = new ResultCache(folder);
    const [one, same, other] = await Promise.all([1, 1, 2].map((n) => cache.get(key(n))));
    strictEqual(one, same);
    deepStrictEqual(contents(one), bytes);
    deepStrictEqual(contents(same), bytes);
    deepStrictEqual(contents(other), bytes);
  }));
