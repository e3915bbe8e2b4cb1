import { deepStrictEqual, match, notStrictEqual, rejects, strictEqual, throws } from "node:assert/strict";
import { join } from "node:path";
import { Grants, Health, Library, type Outcome } from "./mod.ts";

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
    health.check("h", "alice");
    health.ended(outcome(reason, "run"), "h", "alice");
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
  health.check("h", "alice");
  run("trap");
  throws(() => health.check("h", "alice"), /kept out for another 1\.0 s/);
  health.check("another content", "alice");
  // A run of the old content says nothing about the new one.
  for (let i = 0; i < 3; i++) health.ended(outcome("trap", "run"), "h", "alice");
  health.check("another content", "alice");
});

Deno.test("Health keeps a module out for those whose runs fail, and for all where it fails for three of them", () => {
  let now = 0;
  const health = new Health("a", () => now);
  const run = (caller: string, reason?: string) => {
    health.check("h", caller);
    health.ended(outcome(reason, "run"), "h", caller);
  };
  const isOut = (caller: string) => {
    try {
      health.check("h", caller);
      return false;
    } catch {
      return true;
    }
  };
  for (let i = 0; i < 3; i++) run("none", "deadline");
  deepStrictEqual([isOut("none"), isOut("alice")], [true, false]);
  match(health.status, /^out until 1970-01-01T00:00:01.000Z for 1 user$/);
  // That others' runs go well is no merit of his.
  run("alice");
  deepStrictEqual([isOut("none"), isOut("alice")], [true, false]);
  now = 1000;
  strictEqual(health.status, "ready");
  run("none", "deadline");
  run("alice", "trap");
  strictEqual(isOut("bob"), false);
  run("bob", "trap");
  deepStrictEqual([isOut("alice"), isOut("bob"), isOut("carol")], [true, true, true]);
  strictEqual(health.status, "out until 1970-01-01T00:00:02.000Z");
  // One of the three does not keep it out for the others when it is back.
  now = 10_000;
  for (let i = 0; i < 9; i++) {
    run("none", "deadline");
    now += 300_000;
  }
  strictEqual(isOut("carol"), false);
});

Deno.test("Health keeps a module out for all that is wrong for all", () => {
  const health = new Health("a", () => 0);
  for (let i = 0; i < 3; i++) {
    health.check("h", "none");
    health.ended(outcome("no valid module", "module"), "h", "none");
  }
  throws(() => health.check("h", "alice"), { code: "EAGAIN" });
});

Deno.test("Health remembers a bounded number of users", () => {
  const health = new Health("a", () => 0);
  for (let user = 0; user < 3000; user++) {
    for (let i = 0; i < 3; i++) health.ended(outcome("trap", "run"), "", `user ${user}`);
    health.ended(outcome(), "", "alice");
  }
  match(health.status, / for 1000 users$/);
  throws(() => health.check("", "user 2999"), { code: "EAGAIN" });
  health.check("", "user 0");
});

function outcome(reason?: string, fault?: "module" | "run"): Outcome {
  return { ...(reason && { reason, ...(fault && { fault }) }), fuel: 1, wallUs: 1, memoryBytes: 1 };
}

Deno.test("Health blames no module for its input, and bounds its log", () => {
  const health = new Health("a", () => 0);
  for (let i = 0; i < 500; i++) {
    health.check("h", "alice");
    health.ended(outcome("x".repeat(5000)), "h", "alice");
  }
  strictEqual(health.stats.failures, 500);
  strictEqual(health.log.split("\n").length, 201);
  match(health.log, /x{2000}…\n/);
});
