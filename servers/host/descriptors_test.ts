import assert from "node:assert/strict";
import { descriptorCount, fails, Fixture, isRoot, owner, run, sleep } from "./fixture.ts";
import type { Place } from "./place.ts";

/** The second one finds a way longer than the cache again while the clock stands still. LUX9_SEED tries another. */
const SEEDS = Deno.env.has("LUX9_SEED") ? [Number(Deno.env.get("LUX9_SEED"))] : [1, 1_318_134_536];

for (const seed of SEEDS) {
  Deno.test(`a random workload leaves no descriptor and no place behind, seed ${seed}`, () => {
    let state = seed;
    const random = (below: number) => (state = Math.imul(state, 48271) >>> 0) % below;
    const before = descriptorCount();
    {
      using f = new Fixture({ descriptorsMax: 8, placesMax: 16 });
      const held: Place[] = [f.root];
      for (let i = 0; i < 8000; i++) {
        const place = held[random(held.length)];
        const other = held[random(held.length)];
        const name = `n${random(12)}`;
        try {
          switch (random(12)) {
            case 0:
              held.push(f.mkdir(place, name));
              break;
            case 1:
            case 2:
              held.push(f.create(place, name, "content"));
              break;
            case 3: {
              const next = f.server.walk(place, name, owner) as Place;
              f.server.hold(next);
              held.push(next);
              break;
            }
            case 4:
              f.server.remove(place, owner);
              break;
            case 5:
              f.server.rename(place, other, name, random(2) === 0, owner);
              break;
            case 6:
              f.server.link(place, other, name, owner);
              break;
            case 7:
              assert.ok(f.read(place).startsWith("content"));
              break;
            case 8:
              f.server.setattr(place, { mode: 0o700 + random(64) }, undefined, owner);
              break;
            case 9: {
              const handle = f.open(f.root, 0);
              f.server.list(f.root, handle, 0, 5, random(2) === 0, owner);
              f.close(f.root, handle);
              break;
            }
            case 10:
              f.server.getattr(place, undefined, owner);
              break;
            default:
              if (place !== f.root) {
                f.drop(place);
                held.splice(held.indexOf(place), 1);
              }
          }
        } catch (error) {
          assert.equal((error as Error).name, "NineError", `seed ${seed}: ${(error as Error).stack}`);
          assert.notEqual((error as { code: string }).code, "EBADF", `seed ${seed}: ${error}`);
        }
        // The root, /proc/self/fd, eight in the cache, and one for each removed place that is held.
        const pinned = new Set(held.filter((place) => place.removed)).size;
        if (i % 100 === 0) assert.ok(descriptorCount() <= before + 2 + 8 + pinned, `seed ${seed}`);
      }
      for (const place of held) if (place !== f.root) f.drop(place);
    }
    assert.equal(descriptorCount(), before, `seed ${seed}`);
  });
}

Deno.test("a path longer than the cache is large, and than PATH_MAX, is found again", async () => {
  const before = descriptorCount();
  using f = new Fixture({ descriptorsMax: 8 });
  let dir = f.root;
  for (let depth = 0; depth < 300; depth++) dir = f.mkdir(dir, "a directory with a long name");
  const file = f.create(dir, "file", "content");
  await sleep(1100);
  assert.equal(f.read(file), "content");
  assert.ok(descriptorCount() <= before + 11);
});

Deno.test("a descriptor that nobody uses is closed after some seconds", async () => {
  using f = new Fixture();
  const before = descriptorCount();
  const place = f.create(f.root, "file", "content");
  f.server.setxattr(place, "user.x", new Uint8Array(1), 0, owner);
  assert.equal(descriptorCount(), before + 1);
  await sleep(6000);
  assert.equal(descriptorCount(), before);
  assert.equal(f.read(place), "content");
});

Deno.test("without descriptors left, requests fail with EMFILE and others go on", () => {
  if (Deno.env.get("LUX9_FEW_DESCRIPTORS") === undefined) {
    const test = ["test", "-A", "--no-check", "--filter", "without descriptors left", import.meta.filename!];
    const limited = ["--nofile=120", "env", "LUX9_FEW_DESCRIPTORS=1", Deno.execPath(), ...test];
    const { code, output } = run("prlimit", ...limited);
    assert.equal(code, 0, output);
    return;
  }
  using f = new Fixture();
  for (let i = 0; i < 200; i++) f.drop(f.mkdir(f.root, `d${i}`));
  const file = f.create(f.root, "file", "content");
  // Cached descriptors give way to files that are opened.
  for (let i = 0; i < 200; i++) f.drop(f.walk(`d${i}`));
  const handles = [];
  const places = Array.from({ length: 25 }, (_, i) => f.walk(`d${i}`));
  for (const place of places) f.server.listxattr(place, owner);
  try {
    for (;;) handles.push(f.open(file, 0));
  } catch (error) {
    assert.equal((error as { code: string }).code, "EMFILE");
  }
  assert.ok(handles.length > 50, `${handles.length} opened`);
  assert.equal(f.server.read(file, handles[0], 0, new Uint8Array(10), owner), 7);
  fails("EMFILE", () => f.open(file, 0));
  f.server.getattr(file, handles[1], owner);
  f.server.getattr(file, undefined, owner);
  for (const handle of handles) f.close(file, handle);
  assert.equal(f.read(file), "content");
});

Deno.test("all of this holds for a user without privileges", () => {
  if (!isRoot) return;
  const cache = Deno.makeTempDirSync({ prefix: "lux9_host_deno_" });
  try {
    Deno.chmodSync(cache, 0o777);
    const quick = "/^(?!a descriptor that nobody uses)/";
    const test = ["test", "-A", "--no-check", "--no-lock", "--filter", quick, import.meta.dirname!];
    const user = ["--reuid=65534", "--regid=65534", "--clear-groups", "env", `DENO_DIR=${cache}`];
    const { code, output } = run("setpriv", ...user, `HOME=${cache}`, Deno.execPath(), ...test);
    assert.equal(code, 0, output);
  } finally {
    Deno.removeSync(cache, { recursive: true });
  }
});
