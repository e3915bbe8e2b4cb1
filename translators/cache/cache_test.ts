import { deepStrictEqual, match, ok, strictEqual } from "node:assert/strict";
import { createHash } from "node:crypto";
import { join } from "node:path";
import { Errno } from "../../9p/mod.ts";
import { SMALL_TOTAL_MAX } from "./cache.ts";
import { type About, type Result, ResultCache } from "./mod.ts";
import { Shares } from "./shares.ts";

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

/** As a run does it whose output is long. */
async function putFile(cache: ResultCache, key: string, bytes: Uint8Array, user = "ann"): Promise<Result> {
  const spool = cache.spool(user);
  await Deno.writeFile(spool.path, bytes);
  spool.grow(bytes.byteLength);
  return await cache.putFile(key, spool, about(bytes), user);
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
      if (size < 1_000_000) before.putBytes(key(1), bytes, about(bytes), "ann");
      else {
        await putFile(before, key(1), bytes);
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
      before.putBytes(key(1), bytes, about(bytes), "ann");
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
    for (let n = 0; n < 3; n++) cache.putBytes(key(n), bytes, about(bytes), "ann");
    await cache.close();
    // From disk, so that the file is what is read.
    const again = new ResultCache(folder, { bytesMax: 400_000 });
    const held = (await again.get(key(0)))!;
    for (let n = 1; n < 3; n++) contents(await again.get(key(n)));
    for (let n = 3; n < 6; n++) again.putBytes(key(n), bytes, about(bytes), "ann");
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
    for (let n = 0; n < 5; n++) before.putBytes(key(n), bytes, about(bytes), "ann");
    contents(await before.get(key(0)));
    await before.close();
    const after = new ResultCache(folder, { filesMax: 2 });
    ok(await after.get(key(0)));
    strictEqual(await after.get(key(1)), undefined);
  }));

Deno.test("ResultCache removes what a killed run was writing", () =>
  inFolder(async (folder) => {
    const cache = new ResultCache(folder);
    await Deno.writeFile(cache.spool("ann").path, filled(10));
    new ResultCache(folder);
    deepStrictEqual([...Deno.readDirSync(folder)], []);
  }));

Deno.test("ResultCache bounds what it holds in memory", () =>
  inFolder(async (folder) => {
    const cache = new ResultCache(folder);
    const bytes = filled(64 * 1024);
    for (let n = 0; n < 300; n++) cache.putBytes(key(n), bytes, about(bytes), "ann");
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
    cache.putBytes(key(1), short, about(short), "ann");
    const bytes = filled(20_000);
    for (
      const result of [
        await putFile(cache, key(2), bytes),
        cache.putBytes(key(3), bytes, about(bytes), "ann"),
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
    const result = await putFile(cache, key(1), bytes);
    result.hold();
    deepStrictEqual(contents(result), bytes);
  }));

Deno.test("ResultCache has no result whose file was removed from outside", () =>
  inFolder(async (folder) => {
    const cache = new ResultCache(folder);
    const bytes = filled(100_000);
    await putFile(cache, key(1), bytes);
    await Deno.remove(join(folder, key(1)));
    strictEqual(await cache.get(key(1)), undefined);
    strictEqual(cache.peek(key(1)), undefined);
    strictEqual(cache.files, 0);
  }));

Deno.test("ResultCache makes its folder anew for a small result where it was removed from outside", () =>
  inFolder(async (folder) => {
    const cache = new ResultCache(folder);
    await Deno.remove(folder, { recursive: true });
    const bytes = filled(100);
    cache.putBytes(key(1), bytes, about(bytes), "ann");
    await cache.close();
    const again = new ResultCache(folder);
    deepStrictEqual(contents((await again.get(key(1)))!), bytes);
  }));

Deno.test("ResultCache checks a long file once for all who ask at the same time", () =>
  inFolder(async (folder) => {
    const bytes = filled(3_000_000);
    const before = new ResultCache(folder);
    for (const n of [1, 2]) before.putBytes(key(n), bytes, about(bytes), "ann");
    await before.close();
    const cache = new ResultCache(folder);
    const [one, same, other] = await Promise.all([1, 1, 2].map((n) => cache.get(key(n))));
    strictEqual(one, same);
    deepStrictEqual(contents(one), bytes);
    deepStrictEqual(contents(same), bytes);
    deepStrictEqual(contents(other), bytes);
  }));

Deno.test("ResultCache lets go results of whoever has the most", () =>
  inFolder(async (folder) => {
    for (const options of [{ bytesMax: 100_000 }, { filesMax: 20 }]) {
      const cache = new ResultCache(folder, options);
      const bytes = filled(options.bytesMax ? 4_800 : 100);
      for (let n = 0; n < 8; n++) cache.putBytes(key(n), bytes, about(bytes), "bob");
      for (let n = 100; n < 400; n++) cache.putBytes(key(n), bytes, about(bytes), "ann");
      for (let n = 0; n < 8; n++) ok(cache.peek(key(n)), `${n} of bob`);
      ok(cache.peek(key(399)));
      // Up to the half of two.
      for (let n = 8; n < 50; n++) cache.putBytes(key(n), bytes, about(bytes), "bob");
      strictEqual([...Array(300).keys()].filter((n) => cache.peek(key(100 + n))).length, 10);
      // What nobody has asked for since the start is one user's.
      await cache.close();
      const again = new ResultCache(folder, options);
      for (let n = 500; n < 600; n++) again.putBytes(key(n), bytes, about(bytes), "carol");
      strictEqual([...Array(600).keys()].filter((n) => again.peek(key(n))).length, 20);
      ok([...Array(100).keys()].filter((n) => again.peek(key(500 + n))).length <= 11);
      await again.close();
      await Deno.remove(folder, { recursive: true });
    }
  }));

Deno.test("ResultCache bounds the users that it tells apart", () => {
  const shares = new Shares();
  const added = Array.from({ length: 3000 }, (_, n) => shares.add(`u${n}`, `k${n}`, 1));
  strictEqual(shares.first("bytes", () => true), "k1000");
  strictEqual(shares.first("files", (key) => key < "k1000"), "k0");
  for (const n of [0, 1]) shares.remove(added[n], `k${n}`, 1);
  strictEqual(shares.add("new", "k", 1).user, "new");
});

Deno.test("ResultCache counts what is on the disk beside what it keeps, until it is gone", () =>
  inFolder(async (folder) => {
    const bytes = filled(100_000);
    const before = new ResultCache(folder, { bytesMax: 150_000 });
    await putFile(before, key(1), bytes);
    const cache = new ResultCache(folder, { bytesMax: 150_000 });
    strictEqual(cache.besideBytes, 0);
    // Let go while it is open.
    const held = (await cache.get(key(1)))!;
    await putFile(cache, key(2), bytes);
    ok(Math.abs(cache.besideBytes - 100_000) < 1000, `${cache.besideBytes}`);
    strictEqual(contents(held).byteLength, 100_000);
    strictEqual(cache.besideBytes, 0);
    // Never kept.
    const spool = cache.spool("ann");
    await Deno.writeFile(spool.path, filled(200_000));
    ok(spool.grow(50_000));
    strictEqual(cache.besideBytes, 50_000);
    ok(spool.grow(200_000));
    const passing = await cache.putFile(key(3), spool, about(filled(200_000)), "ann");
    strictEqual(cache.besideBytes, 200_000);
    passing.hold();
    passing.hold();
    passing.release();
    strictEqual(cache.besideBytes, 200_000);
    passing.release();
    strictEqual(cache.besideBytes, 0);
    // Given up.
    const failed = cache.spool("ann");
    failed.grow(70_000);
    failed.discard();
    strictEqual(cache.besideBytes, 0);
    deepStrictEqual([...Deno.readDirSync(folder)].map(({ name }) => name), [key(2)]);
  }));

Deno.test("ResultCache has no room for another long output of a user with too much, or where there is too much of all", () =>
  inFolder(async (folder) => {
    await Promise.resolve();
    const cache = new ResultCache(folder, { besideBytesMax: 1000 });
    const begun = (user: string, bytes: number) => {
      const spool = cache.spool(user);
      return { spool, isAllowed: spool.grow(bytes) };
    };
    const first = begun("ann", 400);
    ok(first.isAllowed);
    // What has begun goes on; beyond what is allowed it is its user's affair.
    ok(first.spool.grow(10_000));
    const second = begun("ann", 1);
    strictEqual(second.isAllowed, false);
    strictEqual(second.spool.refusal?.errno, Errno.ENOSPC);
    match(
      second.spool.refusal.message,
      /take 10000 bytes of this user, 10000 of all; allowed are 500 and 1000/,
    );
    second.spool.discard();
    // Its inputs are no reason to end a run, and no more than that.
    const behind = cache.spool("ann", 10_000);
    ok(behind.grow(600));
    strictEqual(cache.spool("ann", 10_000).grow(1), false);
    behind.discard();
    ok(begun("bob", 499).isAllowed);
    ok(begun("carol", 1).isAllowed);
    const third = begun("carol", 1);
    strictEqual(third.isAllowed, false);
    third.spool.discard();
    first.spool.discard();
    ok(begun("carol", 1).isAllowed);
  }));

Deno.test("ResultCache keeps a result that is open where there is no room beside, and lets others pass", () =>
  inFolder(async (folder) => {
    const bytes = filled(100_000);
    const before = new ResultCache(folder);
    for (const n of [1, 2, 3]) before.putBytes(key(n), bytes, about(bytes), "ann");
    await before.close();
    const cache = new ResultCache(folder, { bytesMax: 350_000, besideBytesMax: 1000 });
    const open = [await cache.get(key(1)), await cache.get(key(2)), await cache.get(key(3))];
    // One goes, and fills the room.
    await putFile(cache, key(4), bytes);
    strictEqual(await cache.get(key(1)), undefined);
    const closed = await cache.get(key(4));
    // The one that is not open.
    closed!.release();
    cache.putBytes(key(5), bytes, about(bytes), "ann");
    strictEqual(await cache.get(key(4)), undefined);
    ok(cache.peek(key(2)) && cache.peek(key(3)));
    const long = filled(200_000);
    const passing = await putFile(cache, key(6), long);
    strictEqual(cache.peek(key(6)), undefined);
    passing.hold();
    deepStrictEqual(contents(passing), long);
    ok(cache.besideBytes < 102_000);
    for (const result of open) result!.release();
    strictEqual(cache.besideBytes, 0);
    await cache.close();
  }));
