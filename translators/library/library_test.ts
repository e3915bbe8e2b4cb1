import { deepStrictEqual, match, notStrictEqual, rejects, strictEqual, throws } from "node:assert/strict";
import { join } from "node:path";
import { Grants, Health, Library } from "./mod.ts";

/** By the text of the file, which is as strict as it gets. */
function stampOf(path: string): { isSame(): boolean } {
  let last: string | undefined;
  return {
    isSame() {
      const before = last;
      try {
        last = Deno.readTextFileSync(path);
      } catch {
        last = undefined;
      }
      return last === before;
    },
  };
}

async function withLibrary(
  test: (
    library: Library,
    put: (name: string, file: string, text: string) => void,
    home: string,
  ) => Promise<void>,
): Promise<void> {
  const home = await Deno.makeTempDir();
  try {
    const folder = join(home, "translators");
    const library = new Library(folder, new Grants(join(home, "grants.json")), stampOf);
    await test(library, (name, file, text) => {
      Deno.mkdirSync(join(folder, name), { recursive: true });
      Deno.writeTextFileSync(join(folder, name, file), text);
    }, home);
  } finally {
    await Deno.remove(home, { recursive: true });
  }
}

Deno.test("Library sees a changed module and a changed manifest at the next look", () =>
  withLibrary(async (library, put) => {
    put("a", "module.wasm", "one");
    const first = await library.get("a");
    strictEqual(first.manifest.version, "0.0.0");
    put("a", "module.wasm", "two");
    const second = await library.get("a");
    notStrictEqual(second.hash, first.hash);
    put("a", "manifest.yaml", "name: a\nversion: 1.2.3");
    strictEqual((await library.get("a")).manifest.version, "1.2.3");
    deepStrictEqual(library.names(), ["a"]);
  }));

Deno.test("Library says what is wrong with a module's files", () =>
  withLibrary(async (library, put) => {
    await rejects(async () => await library.get("a"), { code: "ENOENT" });
    await rejects(async () => await library.get("../a"), { code: "ENOENT" });
    put("a", "module.wasm", "one");
    put("a", "manifest.yaml", "name: b");
    await rejects(async () => await library.get("a"), /is of b/);
    put("a", "manifest.yaml", "name: a\nspeed: 1");
    await rejects(async () => await library.get("a"), /\/translators\/a\/manifest\.yaml:2:1/);
  }));

Deno.test("Library grants by hash: a module that changed has nothing", () =>
  withLibrary(async (library, put, home) => {
    put("a", "module.wasm", "one");
    put("a", "manifest.yaml", "name: a\ncapabilities: [{read: /data/t}]");
    const { hash, manifest } = await library.get("a");
    deepStrictEqual((await library.get("a")).grants, []);
    library.grants.set(hash, manifest.capabilities);
    deepStrictEqual((await library.get("a")).grants, [{ read: "/data/t" }]);
    deepStrictEqual(new Grants(join(home, "grants.json")).of(hash), [{ read: "/data/t" }]);
    put("a", "manifest.yaml", "name: a\ncapabilities: [{read: /data}]");
    deepStrictEqual((await library.get("a")).grants, []);
    put("a", "manifest.yaml", "name: a\ncapabilities: [{read: /data/t}]");
    put("a", "module.wasm", "two");
    deepStrictEqual((await library.get("a")).grants, []);
  }));

Deno.test("Grants refuses a file that it did not write", async () => {
  const file = await Deno.makeTempFile();
  for (const text of ["{", "[]", '{"abc": []}', `{"${"0".repeat(64)}": [{"write": "/"}]}`]) {
    await Deno.writeTextFile(file, text);
    throws(() => new Grants(file), { code: "EINVAL" });
  }
  await Deno.remove(file);
});

Deno.test("Health keeps a module out for a growing while, and a good run ends that", () => {
  let now = 0;
  const health = new Health("a", () => now);
  const run = (reason?: string) => {
    health.check("h");
    health.ended({ ...(reason ? { reason } : {}), isFault: true, fuel: 1, wallUs: 1, memoryBytes: 1 });
  };
  const outMs: number[] = [];
  for (let i = 0; i < 2; i++) run("trap");
  for (let i = 0; i < 12; i++) {
    run("trap");
    const since = now;
    while (health.status !== "ready") now += 100;
    outMs.push(now - since);
    now++;
  }
  deepStrictEqual(outMs.slice(0, 4), [1000, 2000, 4000, 8000]);
  strictEqual(Math.max(...outMs), 300_000);
  run();
  run("trap");
  run("trap");
  health.check("h");
  run("trap");
  throws(() => health.check("h"), /kept out for another 1\.0 s/);
  health.check("another content");
});

Deno.test("Health blames no module for its input, and bounds its log", () => {
  const health = new Health("a", () => 0);
  for (let i = 0; i < 500; i++) {
    health.check("h");
    health.ended({ reason: "x".repeat(5000), isFault: false, fuel: 0, wallUs: 0, memoryBytes: 0 });
  }
  strictEqual(health.stats.failures, 500);
  strictEqual(health.log.split("\n").length, 201);
  match(health.log, /x{2000}…\n/);
});
