/** Recipes in memory, with the engine that runs them. */
import { deepStrictEqual, match, ok, rejects, strictEqual } from "node:assert/strict";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { type Call, type FileServer, type NineError, O, S } from "../../9p/mod.ts";
import { outputName, withOutputs } from "../../servers/computed/mod.ts";
import { FileStamp } from "../../servers/host/mod.ts";
import { mem } from "../../servers/mem/mod.ts";
import { WASMTIME } from "../../tests/scenarios/skip.ts";
import { type CacheOptions, ResultCache } from "../cache/mod.ts";
import { theLibrary } from "../engine/_testing.ts";
import { WasmEngine } from "../engine/mod.ts";
import { wasmOf } from "../engine/wat.ts";
import { Grants, Library } from "../library/mod.ts";
import { Compute, type Opened, type Output, Outputs } from "./mod.ts";

const GALLERY = fileURLToPath(new URL("../gallery", import.meta.url));
const never = new AbortController().signal;
const sleep = (ms: number) => new Promise((wake) => setTimeout(wake, ms));
const LINES = "a line of text\n".repeat(20_000);

interface Options extends CacheOptions {
  readonly inputsMax?: number;
  readonly workersMax?: number;
}

/** Counts down, a hundred millions in some 50 ms, and then does that. */
const burn = (millions: number, then = "") =>
  `(module (memory (export "memory") 1)
    (func (export "_start") (local $n i64)
      (local.set $n (i64.const ${millions * 1_000_000}))
      (loop $l (local.set $n (i64.sub (local.get $n) (i64.const 1)))
        (br_if $l (i64.ne (local.get $n) (i64.const 0))))
      ${then}))`;

function test(name: string, options: Options, body: (computing: Computing) => Promise<void>): void {
  const reason = WASMTIME.isThere() ? undefined : WASMTIME.reason;
  if (reason) console.log(`SKIP ${name}: ${reason}`);
  Deno.test({
    name,
    ignore: reason !== undefined,
    async fn() {
      const home = await Deno.makeTempDir();
      const computing = new Computing(home, options);
      try {
        await body(computing);
      } finally {
        await computing.close();
        await Deno.remove(home, { recursive: true });
      }
    },
  });
}

class Computing {
  readonly #tree = mem() as unknown as FileServer<object, unknown>;
  readonly #with = withOutputs(this.#tree, {
    isUnion: () => false,
    make: (recipe) => this.outputs.ofRecipe(recipe),
  });
  readonly #engine: WasmEngine;
  readonly #cache: ResultCache;
  readonly library: Library;
  readonly outputs: Outputs;
  readonly results: string;

  constructor(home: string, { inputsMax, workersMax, ...cache }: Options) {
    const modules = join(home, "modules");
    for (const name of ["grep", "sort", "wc"]) {
      this.#install(modules, name, Deno.readFileSync(join(GALLERY, name, "module.wasm")));
    }
    const endless = `(module (memory (export "memory") 1) (func (export "_start") (loop $l (br $l))))`;
    const { symbols } = theLibrary();
    this.#install(modules, "slow", wasmOf(symbols, endless), "limits: {time: 20s}\n");
    this.#install(modules, "burn", wasmOf(symbols, burn(200)), "");
    this.#install(modules, "trap", wasmOf(symbols, burn(1000, "unreachable")), "");
    this.library = new Library(modules, new Grants(join(home, "grants.json")), (path) => new FileStamp(path));
    this.results = join(home, "results");
    this.#cache = new ResultCache(this.results, cache);
    this.#engine = new WasmEngine({ folder: join(home, "compiled"), workersMax });
    const files = this.#with.server;
    const root = this.#root();
    const compute = new Compute({
      library: this.library,
      cache: this.#cache,
      granted: files,
      walk: () => Promise.reject(new Error("No module is granted anything here")),
      runner: () => this.#engine,
    });
    const outputOf = (node: object) => this.#with.outputOf(node) as Output | undefined;
    const beyond = new Set<string>();
    this.outputs = new Outputs({
      compute,
      files,
      root: () => root,
      beyond,
      outputOf,
      outputName,
      inputsMax,
    });
  }

  #install(modules: string, name: string, wasm: Uint8Array, limits?: string): void {
    Deno.mkdirSync(join(modules, name), { recursive: true });
    Deno.writeFileSync(join(modules, name, "module.wasm"), wasm);
    const manifest = limits === undefined
      ? Deno.readTextFileSync(join(GALLERY, name, "manifest.yaml"))
      : `name: ${name}\n${limits}`;
    Deno.writeTextFileSync(join(modules, name, "manifest.yaml"), manifest);
  }

  #root(): object {
    return this.#tree.attach("", this.call()) as object;
  }

  call(signal = never, name = "owner"): Call {
    return { user: { name, groups: new Set(), standing: "owner" }, signal };
  }

  async write(name: string, text: string): Promise<void> {
    const what = { mode: S.IFREG | 0o644, uid: "owner" };
    const { node, handle } = await this.#tree.create!(this.#root(), name, what, O.WRONLY, this.call());
    await this.#tree.write!(node, handle, 0, new TextEncoder().encode(text), this.call());
    await this.#tree.close?.(node, handle, this.call());
  }

  async output(name: string): Promise<Output> {
    const node = await this.#with.server.walk(this.#root(), name, this.call());
    return this.#with.outputOf(node) as Output;
  }

  async open(name: string, user?: string): Promise<Opened> {
    return await (await this.output(name)).open(this.call(never, user));
  }

  /** All of it; closes it. */
  async rest(opened: Opened): Promise<string> {
    try {
      const into = new Uint8Array(100_000);
      const decoder = new TextDecoder();
      let text = "";
      for (let at = 0;;) {
        const now = opened.read(at, into, this.call());
        const bytes = typeof now === "number" ? into.subarray(0, now) : await now;
        if (bytes.byteLength === 0) return text;
        text += decoder.decode(bytes);
        at += bytes.byteLength;
      }
    } finally {
      opened.close();
    }
  }

  async text(name: string, user?: string): Promise<string> {
    return await this.rest(await this.open(name, user));
  }

  runs(name: string): number {
    return this.library.health(name).stats.runs;
  }

  /** Resolves when no run is under way. It takes a moment to stop one; the slow module would go on for 20 s. */
  async idle(): Promise<void> {
    for (let i = 0; this.outputs.options.compute.running > 0; i++) {
      ok(i < 200, "A run that nobody wants goes on");
      await sleep(10);
    }
  }

  async close(): Promise<void> {
    await this.#engine.close();
    await this.#cache.close();
  }
}

// The room beside is less than one of the outputs, of which a pipeline needs two.
const NARROW = { bytesMax: 10_000, besideBytesMax: 500_000 };
test("Outputs give a result that is larger than the cache", NARROW, async (computing) => {
  await computing.write("t", LINES);
  await computing.write("r.fn", "from: t\npipe: 'grep:line'\n");
  await computing.write("c.fn", "from: r\npipe: [sort, 'grep:line']\n");
  for (const name of ["r", "r", "c"]) strictEqual((await computing.text(name)).length, LINES.length);
  deepStrictEqual([...Deno.readDirSync(computing.results)], []);
});

test("Outputs are computed anew where their results were removed from outside", {}, async (computing) => {
  await computing.write("t", LINES);
  await computing.write("r.fn", "from: t\npipe: [sort, 'grep:line']\n");
  for (let i = 1; i <= 3; i++) {
    strictEqual((await computing.text("r")).length, LINES.length);
    strictEqual(computing.runs("grep"), i);
    for (const { name } of Deno.readDirSync(computing.results)) {
      await Deno.remove(join(computing.results, name));
    }
    if (i === 2) await Deno.remove(computing.results);
  }
});

test("Outputs run nothing for an open of a chain that was given up", {}, async (computing) => {
  await computing.write("big", LINES.repeat(20));
  await computing.write("b.fn", "from: big\npipe: 'grep:line'\n");
  await computing.write("c.fn", "from: b\npipe: wc\n");
  await sleep(30);
  const aborter = new AbortController();
  const open = (await computing.output("c")).open(computing.call(aborter.signal));
  // Its input is being hashed.
  await sleep(1);
  aborter.abort();
  await rejects(async () => await open, { code: "EINTR" });
  await sleep(1000);
  deepStrictEqual([computing.runs("grep"), computing.runs("wc")], [0, 0]);
  await computing.idle();
});

test("An open and an explanation that are given up end at once", {}, async (computing) => {
  await computing.write("t", "x\n");
  await computing.write("s.fn", "from: t\npipe: slow\n");
  await computing.write("c.fn", "from: s\npipe: sort\n");
  const output = await computing.output("s");
  const chain = await computing.output("c");
  for (
    const ask of [
      (call: Call) => output.explain(call),
      (call: Call) => chain.explain(call),
      (call: Call) => chain.open(call),
    ]
  ) {
    const aborter = new AbortController();
    const asked = ask(computing.call(aborter.signal));
    await sleep(200);
    const begun = performance.now();
    aborter.abort();
    await rejects(async () => await asked, { code: "EINTR" });
    ok(performance.now() - begun < 500);
    await computing.idle();
  }
});

test("Outputs evaluate once what many recipes name", {}, async (computing) => {
  const many = (name: string) => `from: [${Array(40).fill(name).join(", ")}]\npipe: sort\n`;
  await computing.write("t", "x\n");
  await computing.write("r1.fn", "from: t\npipe: sort\n");
  for (let i = 2; i <= 4; i++) await computing.write(`r${i}.fn`, many(`r${i - 1}`));
  strictEqual((await computing.text("r4")).length, 2 * 40 ** 3);
  strictEqual(computing.runs("sort"), 4);
  const { stats } = computing.library.health("sort");
  const before = stats.cached;
  strictEqual((await computing.text("r4")).length, 2 * 40 ** 3);
  strictEqual(stats.cached - before, 4);
});

test("Outputs count the inputs of all levels together", { inputsMax: 100 }, async (computing) => {
  const many = (name: string) => `from: [${Array(60).fill(name).join(", ")}]\npipe: sort\n`;
  await computing.write("t", "x\n");
  await computing.write("r1.fn", many("t"));
  await computing.write("r2.fn", many("r1"));
  strictEqual((await computing.text("r1")).length, 120);
  await rejects(computing.text("r2"), { code: "E2BIG" });
});

test("Outputs of many inputs leave others their turn", {}, async (computing) => {
  await computing.write("t", "x\n");
  const from = Array(1000).fill("t").join(", ");
  await computing.write("r.fn", `from: [${from}]\npipe: sort\n`);
  await computing.text("r");
  let turns = 0;
  const timer = setInterval(() => turns++, 0);
  const looks = Promise.all(
    Array.from({ length: 20 }, async () => (await computing.output("r")).look(computing.call())),
  );
  deepStrictEqual((await looks).map(({ size }) => size), Array(20).fill(2000));
  clearInterval(timer);
  ok(turns > 10, `${turns} turns`);
});

test("A recipe that is none is parsed once, and told by its own path", {}, async (computing) => {
  const wrong = `pipe: wc\nfrom:\n${"- x\n".repeat(7000)}`;
  await computing.write("bad.fn", wrong);
  await computing.write("same.fn", wrong);
  await sleep(30);
  const failure = async (name: string): Promise<Error> => {
    try {
      await computing.text(name);
    } catch (thrown) {
      return thrown as Error;
    }
    throw new Error(`${name} was computed`);
  };
  const first = await failure("bad");
  strictEqual(await failure("bad"), first);
  match(first.message, /^\/bad\.fn/);
  match((await failure("same")).message, /^\/same\.fn/);
});

test("A recipe longer than 32 KiB is EFBIG", {}, async (computing) => {
  await computing.write("long.fn", `text: ${"x".repeat(32 * 1024)}\npipe: wc\n`);
  await rejects(computing.text("long"), { code: "EFBIG" });
  deepStrictEqual((await (await computing.output("long")).look(computing.call())).size, 0);
});

test("A shared run that fails counts for somebody who still waits for it", {}, async (computing) => {
  await computing.write("t.fn", "text: x\npipe: trap\n");
  await rejects(computing.text("t", "carol"), { code: "EIO" });
  for (let i = 0; i < 3; i++) {
    const [ofAnn, ofBob] = await Promise.all(["ann", "bob"].map((user) => computing.open("t", user)));
    ofAnn.close();
    await rejects(computing.rest(ofBob), { code: "EIO" });
  }
  strictEqual(computing.library.health("trap").stats.runs, 4);
  await rejects(computing.text("t", "bob"), { code: "EAGAIN" });
  await rejects(computing.text("t", "ann"), { code: "EIO" });
});

test("A shared run has the turn of each who waits for it", { workersMax: 1 }, async (computing) => {
  const names = Array.from({ length: 12 }, (_, i) => `b${i}`);
  for (const name of names) await computing.write(`${name}.fn`, `text: ${name}\npipe: burn\n`);
  await computing.text("b0", "carol");
  const ofAnn = await Promise.all(names.slice(1).map((name) => computing.open(name, "ann")));
  const last = await computing.open(names.at(-1)!, "bob");
  // Also where the first who asked for it has gone.
  ofAnn.pop()!.close();
  await computing.rest(last);
  ok(computing.runs("burn") <= 5, `${computing.runs("burn")} runs were before it`);
  for (const opened of ofAnn) opened.close();
  await computing.idle();
});

test("Who shares a run of somebody who is kept out has one of their own", {}, async (computing) => {
  await computing.write("bad.fn", "text: x\npipe: trap\n");
  const health = computing.library.health("trap");
  for (let i = 0; i < 3; i++) await rejects(computing.text("bad", "ann"), { code: "EIO" });
  match(health.status, /for 1 user$/);
  const asked = ["ann", "bob"].map((user) => computing.text("bad", user));
  await rejects(asked[0], { code: "EAGAIN" });
  await rejects(asked[1], { code: "EIO" });
});

const LONG = { bytesMax: 10_000, besideBytesMax: 1_100_000 };
test(
  "Who shares a run that has no room left for its first asker has one of their own",
  LONG,
  async (computing) => {
    await computing.write("t", LINES);
    for (const name of ["r0", "r1", "r2"]) {
      await computing.write(
        `${name}.fn`,
        `from: t\npipe: "grep:${name}|line"\n`,
      );
    }
    const held: Opened[] = [];
    for (const name of ["r0", "r1"]) {
      strictEqual((await computing.text(name, "ann")).length, LINES.length);
      const opened = await computing.open(name, "ann");
      await opened.read(LINES.length - 1, new Uint8Array(1), computing.call());
      held.push(opened);
    }
    const asked = ["ann", "bob"].map((user) => computing.text("r2", user));
    await rejects(asked[0], { code: "ENOSPC" });
    strictEqual((await asked[1]).length, LINES.length);
    for (const opened of held) opened.close();
  },
);

test("Many patterns of one recipe find no more files than one may", {}, async (computing) => {
  for (let i = 0; i < 300; i++) await computing.write(`f${i}`, "");
  const many = Array.from({ length: 100 }, () => '"f*"').join(", ");
  await computing.write("many.fn", `from: [${many}]\npipe: wc\n`);
  await rejects(computing.text("many"), { code: "E2BIG" });
});

test("A long output is ENOSPC where those that are read leave no room", LONG, async (computing) => {
  // Of 300 kB each, and none is kept.
  const names = Array.from({ length: 8 }, (_, i) => `r${i}`);
  await computing.write("t", LINES);
  for (const name of names) await computing.write(`${name}.fn`, `from: t\npipe: "grep:${name}|line"\n`);
  await computing.write("short.fn", "from: t\npipe: wc\n");
  const whole = async (name: string, user: string): Promise<Opened> => {
    strictEqual((await computing.text(name, user)).length, LINES.length);
    const opened = await computing.open(name, user);
    await opened.read(LINES.length - 1, new Uint8Array(1), computing.call());
    return opened;
  };
  const held = [await whole("r0", "ann"), await whole("r1", "ann")];
  await rejects(computing.text("r2", "ann"), (thrown: Error) => {
    match(thrown.message, /^The translator grep: There is no room on disk .* take 600000 bytes of this user/);
    match(thrown.message, /allowed are 550000 and 1100000/);
    return (thrown as NineError).code === "ENOSPC";
  });
  // It is not the module's fault, and short outputs need no room.
  match(computing.library.health("grep").status, /^ready/);
  match(await computing.text("short", "ann"), /20000/);
  held.push(await whole("r3", "bob"), await whole("r4", "bob"));
  await rejects(computing.text("r5", "carol"), { code: "ENOSPC" });
  for (const opened of held) opened.close();
  strictEqual((await computing.text("r2", "ann")).length, LINES.length);
  strictEqual((await computing.text("r5", "carol")).length, LINES.length);
  // The short one has a file when nothing new has come for a moment.
  const kept = () => [...Deno.readDirSync(computing.results)].map(({ name }) => name.length);
  for (let i = 0; i < 100 && kept().length === 0; i++) await sleep(20);
  deepStrictEqual(kept(), [64]);
});

test("Looks at many slow files at once begin few runs, which end soon after", {}, async (computing) => {
  await computing.write("t", "x\n");
  for (let i = 0; i < 200; i++) await computing.write(`s${i}.fn`, `text: "${i}"\npipe: slow\n`);
  await computing.write("p.fn", "text: prepared\npipe: sort\n");
  await computing.text("p");
  await computing.write("q.fn", "text: quick\npipe: sort\n");
  const looks = Array.from(
    { length: 200 },
    async (_, i) => (await computing.output(`s${i}`)).look(computing.call()),
  );
  const begun = performance.now();
  strictEqual((await Promise.all(looks)).filter(({ size }) => size > 0).length, 0);
  ok(performance.now() - begun < 2000);
  const { running } = computing.outputs.options.compute;
  ok(running <= 4, `${running} runs that nobody waits for`);
  // Nobody who reads waits for them: they give way.
  const opened = performance.now();
  strictEqual((await computing.text("q")).trim(), "quick");
  ok(performance.now() - opened < 300, `${performance.now() - opened} ms`);
  await sleep(600);
  strictEqual(computing.outputs.options.compute.running, 0);
});

test(
  "Looks at many quick files at once show their lengths, on a busy machine after a while",
  {},
  async (computing) => {
    for (let i = 0; i < 20; i++) await computing.write(`q${i}.fn`, `text: "${i}"\npipe: sort\n`);
    await computing.text("q0");
    const look = async (_: unknown, i: number) => (await computing.output(`q${i}`)).look(computing.call());
    for (let round = 0;; round++) {
      const looks = await Promise.all(Array.from({ length: 20 }, look));
      if (looks.every(({ size }) => size > 0)) return;
      ok(round < 50, `${looks.filter(({ size }) => size > 0).length} of 20`);
      await sleep(100);
    }
  },
);
