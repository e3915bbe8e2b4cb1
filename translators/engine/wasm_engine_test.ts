import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { join } from "node:path";
import { Errno, NineError } from "../../9p/mod.ts";
import { CAT, command, engineTest, LIMITS, testEngine, wat } from "./_testing.ts";
import { collectGarbage } from "./garbage.ts";
import type { RunResult } from "./run.ts";

const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
const bytesOf = (text: string) => new TextEncoder().encode(text);
const input = (text: string) => ({ kind: "bytes", bytes: bytesOf(text) }) as const;

function outputOf({ failure, output }: RunResult): string {
  assert.equal(failure, undefined, failure?.error.message);
  return output.kind === "bytes" ? text(output.bytes) : Deno.readTextFileSync(output.path);
}

/** 1 MiB after the other, so that it is known what must come. */
function pattern(offset: number, into: Uint8Array): void {
  for (let i = 0; i < into.length; i++) into[i] = (offset + i) * 2654435761 >>> 24;
}

engineTest({
  name: "WasmEngine runs a command on bytes, the same on every run, and starts nothing before",
  async fn() {
    await using test = testEngine();
    const { engine, request } = test;
    assert.equal(engine.status().state, "idle");
    assert.equal(engine.status().workers, 0);
    const cat = command(CAT);
    for (let i = 0; i < 20; i++) {
      assert.equal(outputOf(await engine.run(request(cat, { stdin: input(`run ${i}`) }))), `run ${i}`);
    }
    const { memoryBytes, fuel, exitCode, wallUs } = await engine.run(request(cat));
    assert.deepEqual([memoryBytes, fuel, exitCode], [131072, 0n, 0]);
    assert.ok(wallUs > 0);
    assert.equal(engine.status().runs, 21);
    assert.equal(engine.status().replaced, 0);
  },
});

engineTest({
  name: "WasmEngine counts fuel where it is limited, the same on every run",
  async fn() {
    await using test = testEngine();
    const { engine, request } = test;
    const cat = command(CAT);
    const limits = { ...LIMITS, fuel: 1_000_000n };
    const used = new Set<bigint>();
    for (let i = 0; i < 5; i++) {
      const result = await engine.run(request(cat, { stdin: input("as long as this"), limits }));
      assert.equal(outputOf(result), "as long as this");
      used.add(result.fuel);
    }
    const [fuel] = used;
    assert.equal(used.size, 1);
    assert.ok(fuel > 10n && fuel < 1000n, `${fuel}`);
  },
});

engineTest({
  name: "WasmEngine streams: input in pieces, output into a file that grows while the run goes on",
  async fn() {
    await using test = testEngine();
    const { engine, request } = test;
    const size = 24 * 1024 * 1024 + 12_345;
    const told: number[] = [];
    let largest = 0;
    let readAtFirst = -1;
    let readSoFar = 0;
    for (const isLater of [false, true]) {
      const plan = request(command(CAT)).output;
      const result = await engine.run(request(command(CAT), {
        stdin: {
          kind: "stream",
          size,
          read(offset, into) {
            largest = Math.max(largest, into.length);
            const part = into.subarray(0, Math.min(into.length, size - offset));
            pattern(offset, part);
            readSoFar = offset + part.length;
            return isLater ? new Promise((resolve) => setTimeout(() => resolve(part.length))) : part.length;
          },
        },
        output: {
          ...plan,
          onProgress(bytes) {
            if (readAtFirst < 0) readAtFirst = readSoFar;
            told.push(bytes);
            assert.ok(Deno.statSync(plan.spool).size >= bytes);
          },
        },
      }));
      assert.equal(result.failure, undefined, result.failure?.error.message);
      assert.deepEqual(result.output, { kind: "file", path: plan.spool, length: size });
      const expected = new Uint8Array(size);
      pattern(0, expected);
      assert.equal(digest(Deno.readFileSync(plan.spool)), digest(expected));
      assert.equal(Deno.statSync(plan.spool).mode! & 0o777, 0o600);
      assert.ok(told.length > 2, `${told}`);
      assert.ok(readAtFirst < size / 2, `the first output was to be had after ${readAtFirst} bytes of input`);
      assert.ok(largest <= 256 * 1024);
      assert.equal(result.memoryBytes, 131072);
    }
  },
});

engineTest({
  name: "WasmEngine takes large bytes as a stream; an input that fails is what the run fails with",
  async fn() {
    await using test = testEngine();
    const { engine, request } = test;
    const bytes = new Uint8Array(3_000_000);
    pattern(0, bytes);
    const result = await engine.run(request(command(CAT), { stdin: { kind: "bytes", bytes } }));
    assert.equal(result.output.kind, "file");
    assert.equal(digest(Deno.readFileSync((result.output as { path: string }).path)), digest(bytes));
    for (const isLater of [false, true]) {
      const { failure } = await engine.run(request(command(CAT), {
        stdin: {
          kind: "stream",
          read(offset, into) {
            if (offset === 0) return into.length;
            const error = new NineError("ESTALE", "The file is another one by now");
            if (isLater) return Promise.reject(error);
            throw error;
          },
        },
      }));
      assert.equal(failure?.reason, "input");
      assert.equal(failure.error.errno, Errno.ESTALE);
      assert.match(failure.error.message, /another one by now/);
    }
  },
});

engineTest({
  name: "WasmEngine fails a run whose output finds no place, also where the guest does not mind",
  async fn() {
    await using test = testEngine();
    const { engine, request, folder } = test;
    const careless = command(
      `(i32.store (i32.const 0) (i32.const 64)) (i32.store (i32.const 4) (i32.const 1000))
      (drop (call $fd_write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 8)))`,
    );
    const spool = join(folder, "mine");
    Deno.writeTextFileSync(spool, "mine");
    for (const taken of [spool, join(folder, "no/such/folder/file")]) {
      const { failure } = await engine.run(
        request(careless, { output: { inlineBytesMax: 10, spool: taken } }),
      );
      assert.equal(failure?.reason, "engine");
      assert.match(failure.error.message, /output could not be written/);
    }
    assert.equal(Deno.readTextFileSync(spool), "mine");
  },
});

engineTest({
  name: "WasmEngine ends a run that nobody waits for: in a loop, asleep, waiting for input, in the queue",
  async fn() {
    await using test = testEngine({ workersMax: 1 });
    const { engine, request } = test;
    const spin = command("(loop (br 0))");
    const never = () => new Promise<number>(() => {});
    await engine.run(request(command(CAT)));
    for (
      const run of [
        request(spin),
        request(command(CAT), { stdin: { kind: "stream", read: never } }),
      ]
    ) {
      const controller = new AbortController();
      const startedAt = performance.now();
      const running = engine.run({ ...run, signal: controller.signal });
      setTimeout(() => controller.abort(), 300);
      assert.equal((await running).failure?.reason, "aborted");
      assert.ok(performance.now() - startedAt < 5000);
    }
    const busy = new AbortController();
    const first = engine.run(request(spin, { signal: busy.signal }));
    const waiting = new AbortController();
    const second = engine.run(request(spin, { signal: waiting.signal }));
    while (engine.status().queued === 0) await new Promise((resolve) => setTimeout(resolve, 5));
    waiting.abort();
    assert.equal((await second).failure?.reason, "aborted");
    busy.abort();
    assert.equal((await first).failure?.reason, "aborted");
    assert.equal(
      (await engine.run(request(spin, { signal: AbortSignal.abort() }))).failure?.reason,
      "aborted",
    );
    assert.equal(engine.status().replaced, 0);
  },
});

engineTest({
  name: "WasmEngine lets nobody wait for somebody else's flood, and refuses what is too much",
  async fn() {
    await using test = testEngine({ workersMax: 1, callerQueueMax: 8 });
    const { engine, request } = test;
    const spin = command("(loop (br 0))");
    const cat = command(CAT);
    await engine.run(request(cat));
    await engine.prepare(spin, false, "alice");
    const limits = { ...LIMITS, wallMs: 60 };
    const done: string[] = [];
    const flood = Array.from({ length: 12 }, async () => {
      const { failure } = await engine.run(request(spin, { caller: "mallory", limits }));
      done.push("mallory");
      return failure?.reason;
    });
    await new Promise((resolve) => setTimeout(resolve, 10));
    const mine = await engine.run(request(cat, { stdin: input("mine"), caller: "alice" }));
    assert.equal(outputOf(mine), "mine");
    // Those that were refused at once, and at most two that ran before.
    assert.ok(done.length <= 3 + 2, `${done.length}`);
    const reasons = await Promise.all(flood);
    assert.deepEqual(reasons.filter((reason) => reason === "queue").length, 3);
    assert.deepEqual(reasons.filter((reason) => reason === "deadline").length, 9);
  },
});

engineTest({
  name: "WasmEngine lets nobody wait for the end of somebody else's long run",
  async fn() {
    await using test = testEngine({ workersMax: 1 });
    const { engine, request } = test;
    const spin = command("(loop (br 0))");
    const cat = command(CAT);
    await engine.run(request(cat));
    await engine.prepare(spin, false, "mallory");
    const over = new AbortController();
    // Collecting garbage all the time makes everything slow.
    const limits = collectGarbage ? { ...LIMITS, wallMs: 10 * LIMITS.wallMs } : LIMITS;
    const runs = Array.from(
      { length: 3 },
      () => engine.run(request(spin, { caller: "mallory", limits, signal: over.signal })),
    );
    const ofMallory = Array.from(
      { length: 2 },
      () => engine.run(request(cat, { caller: "mallory", signal: over.signal })),
    );
    // Two at a time, one of which takes its time too: neither of them waits for a run that has all its time left.
    const ofAlice = engine.run(request(spin, { caller: "alice", limits, signal: over.signal }));
    const startedAt = performance.now();
    for (const text of ["one", "two"]) {
      assert.equal(outputOf(await engine.run(request(cat, { caller: "bob", stdin: input(text) }))), text);
    }
    assert.ok(performance.now() - startedAt < limits.wallMs - 1000);
    // The extra ones are for those who have none.
    const { busy, workers, queued } = engine.status();
    assert.deepEqual({ busy, workers, queued }, { busy: 2, workers: 3, queued: 4 });
    over.abort();
    for (const run of [...runs, ...ofMallory, ofAlice]) assert.equal((await run).failure?.reason, "aborted");
    // And go again.
    const until = performance.now() + 20_000;
    while (engine.status().workers > 1 && performance.now() < until) {
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    assert.equal(engine.status().workers, 1);
    assert.equal(outputOf(await engine.run(request(cat, { stdin: input("still here") }))), "still here");
    assert.equal(engine.status().replaced, 0);
  },
});

engineTest({
  name: "WasmEngine replaces a Worker that dies, and its run is not lost",
  async fn() {
    const program = new URL("./_flaky_worker.ts", import.meta.url);
    await using test = testEngine({ workersMax: 2, workerProgram: program });
    const { engine, folder, request } = test;
    const cat = command(CAT);
    const runs = Array.from({ length: 40 }, (_, i) =>
      engine.run(request(cat, {
        args: [i % 10 === 3 ? `die once ${join(folder, `mark.${i}`)}` : "live"],
        stdin: input(`run ${i}`),
      })));
    const results = await Promise.all(runs);
    results.forEach((result, i) => assert.equal(outputOf(result), `run ${i}`));
    assert.equal(engine.status().replaced, 4);
    const { failure } = await engine.run(request(cat, { args: ["die always"] }));
    assert.equal(failure?.reason, "engine");
    assert.match(failure.error.message, /died as it was told to/);
    assert.equal(outputOf(await engine.run(request(cat, { stdin: input("still here") }))), "still here");
  },
});

engineTest({
  name: "WasmEngine gives up a Worker that does not come back",
  async fn() {
    const program = new URL("./_flaky_worker.ts", import.meta.url);
    await using test = testEngine({ workersMax: 1, workerProgram: program });
    const { engine, request } = test;
    const cat = command(CAT);
    const hung = engine.run(request(cat, { args: ["hang"], limits: { ...LIMITS, wallMs: 100 } }));
    const next = engine.run(request(cat, { stdin: input("next") }));
    assert.equal((await hung).failure?.reason, "deadline");
    assert.equal(outputOf(await next), "next");
    assert.equal(engine.status().replaced, 1);
  },
});

engineTest({
  name: "WasmEngine keeps compiled modules, and makes anew what is not as it wrote it",
  async fn() {
    await using test = testEngine();
    const cat = command(CAT);
    const run = async (text: string) => {
      await using again = testEngine({ folder: join(test.folder, "kept") });
      assert.equal(outputOf(await again.engine.run(again.request(cat, { stdin: input(text) }))), text);
    };
    await run("first");
    const folder = join(test.folder, "kept");
    assert.equal(Deno.statSync(folder).mode! & 0o777, 0o700);
    const [{ name }] = [...Deno.readDirSync(folder)];
    const path = join(folder, name);
    assert.equal(Deno.statSync(path).mode! & 0o777, 0o600);
    const whole = Deno.readFileSync(path);
    await run("second");
    assert.deepEqual(Deno.readFileSync(path), whole, "it was used as it is");
    for (const at of [0, 20, 100, whole.length - 1]) {
      const broken = whole.slice();
      broken[at] ^= 1;
      Deno.writeFileSync(path, broken);
      await run(`broken at ${at}`);
      assert.equal(Deno.readFileSync(path).length, whole.length);
      assert.notDeepEqual(Deno.readFileSync(path), broken);
    }
    Deno.writeFileSync(path, whole.slice(0, 1000));
    await run("cut off");
    Deno.writeFileSync(path, new Uint8Array(0));
    await run("empty");
    assert.equal([...Deno.readDirSync(folder)].length, 1);
  },
});

engineTest({
  name: "WasmEngine bounds modules: their size, and the room that compiled ones take",
  async fn() {
    await using test = testEngine({ moduleBytesMax: 300_000, folderBytesMax: 100_000 });
    const { engine, request, folder } = test;
    const reason = async (module: Parameters<typeof request>[0]) =>
      (await engine.run(request(module))).failure?.reason;
    const large = command("", `(data "${"x".repeat(400_000)}")`);
    assert.equal(await reason(large), "oversized module");
    const path = join(folder, "large.wasm");
    Deno.writeFileSync(path, large.bytes);
    assert.equal(await reason({ hash: large.hash, path }), "oversized module");
    // Another content than the hash says.
    Deno.writeFileSync(path, command("").bytes);
    assert.equal(await reason({ hash: large.hash, path }), "input");
    assert.equal(await reason({ hash: large.hash, path: join(folder, "none.wasm") }), "input");
    assert.equal(await reason({ hash: large.hash, path: folder }), "input");
    for (let i = 0; i < 12; i++) assert.equal(await reason(command(`(drop (i32.const ${i}))`)), undefined);
    const files = [...Deno.readDirSync(join(folder, "compiled"))];
    assert.ok(files.every(({ name }) => name.endsWith(".cwasm")), files.map(({ name }) => name).join());
    const bytes = files.reduce(
      (sum, { name }) => sum + Deno.statSync(join(folder, "compiled", name)).size,
      0,
    );
    assert.ok(files.length > 1 && bytes <= 100_000, `${files.length} files of ${bytes} bytes`);
  },
});

engineTest({
  name: "WasmEngine gives up a compilation that takes too long, and does not try it at each read",
  async fn() {
    await using test = testEngine({ compileMsMax: 400 });
    const { engine, request, folder } = test;
    const slow = slowToCompile();
    const startedAt = performance.now();
    const { failure } = await engine.run(request(slow));
    assert.equal(failure?.reason, "slow compile", failure?.error.message);
    assert.ok(performance.now() - startedAt < 5000);
    const again = performance.now();
    assert.equal((await engine.run(request(slow))).failure?.reason, "slow compile");
    assert.ok(performance.now() - again < 200);
    assert.deepEqual([...Deno.readDirSync(join(folder, "compiled"))], []);
  },
});

engineTest({
  name: "WasmEngine says what is missing where the library is not, or is another one",
  async fn() {
    const former = Deno.env.get("LUX9_WASMTIME");
    try {
      for (
        const [path, words] of [["/no/such/libwasmtime.so", /no file that can be read/], [
          libc(),
          /cannot be used as wasmtime/,
        ]] as const
      ) {
        Deno.env.set("LUX9_WASMTIME", path);
        await using test = testEngine();
        const { failure } = await test.engine.run(test.request(command(CAT)));
        assert.equal(failure?.reason, "unavailable");
        assert.equal(failure.error.errno, Errno.ENOSYS);
        assert.match(failure.error.message, words);
        assert.equal(test.engine.status().state, "unavailable");
        Deno.env.delete("LUX9_WASMTIME");
        if (former) Deno.env.set("LUX9_WASMTIME", former);
        // It is there now: the next run finds it.
        assert.equal(
          outputOf(await test.engine.run(test.request(command(CAT), { stdin: input("now") }))),
          "now",
        );
      }
    } finally {
      if (former) Deno.env.set("LUX9_WASMTIME", former);
      else Deno.env.delete("LUX9_WASMTIME");
    }
  },
});

engineTest({
  name: "WasmEngine gives the same random bytes for the same seed, and a clock of the run's own",
  async fn() {
    await using test = testEngine();
    const { engine, request } = test;
    const module = wat(`(module
      (import "wasi_snapshot_preview1" "fd_write" (func $fd_write (param i32 i32 i32 i32) (result i32)))
      (import "wasi_snapshot_preview1" "random_get" (func $random_get (param i32 i32) (result i32)))
      (import "wasi_snapshot_preview1" "clock_time_get" (func $clock_time_get (param i32 i64 i32) (result i32)))
      (memory (export "memory") 1)
      (func (export "_start")
        (drop (call $random_get (i32.const 64) (i32.const 64)))
        (drop (call $clock_time_get (i32.const 0) (i64.const 1) (i32.const 128)))
        (drop (call $clock_time_get (i32.const 1) (i64.const 1) (i32.const 136)))
        (i32.store (i32.const 0) (i32.const 64)) (i32.store (i32.const 4) (i32.const 80))
        (drop (call $fd_write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 8)))))`);
    const run = async (seed: number) => {
      const { output } = await engine.run(request(module, { seed: new Uint8Array(32).fill(seed) }));
      return digest((output as { bytes: Uint8Array }).bytes);
    };
    assert.equal(await run(1), await run(1));
    assert.notEqual(await run(1), await run(2));
  },
});

engineTest({
  name: "WasmEngine refuses what no run can have",
  async fn() {
    await using test = testEngine();
    const { engine, request } = test;
    const cat = command(CAT);
    for (
      const wrong of [
        { seed: new Uint8Array(31) },
        { limits: { ...LIMITS, memoryBytes: 2 ** 32 } },
        { limits: { ...LIMITS, wallMs: NaN } },
        { limits: { ...LIMITS, fuel: -1n } },
        { module: { ...cat, hash: "../../etc/passwd" } },
        { output: { inlineBytesMax: -1, spool: "/" } },
      ]
    ) {
      const { failure } = await engine.run(request(cat, wrong));
      assert.equal(failure?.error.errno, Errno.EINVAL, failure?.error.message);
    }
  },
});

function digest(bytes: Uint8Array): string {
  return createHash("sha256").update(bytes).digest("hex");
}

function libc(): string {
  return Deno.readTextFileSync("/proc/self/maps").match(/\/\S*libc\.so\.6/)![0];
}

/** One function that takes its time: 60 local variables, each of which depends on all others. */
function slowToCompile() {
  const locals = Array.from({ length: 60 }, (_, i) => i);
  const step = (i: number) =>
    `(if (i32.and (local.get ${i % 60}) (i32.const 1)) (then (local.set ${(i * 7) % 60} (i32.add (local.get ${
      (i * 11) % 60
    }) (local.get ${(i * 13) % 60})))))`;
  const body = Array.from({ length: 80_000 }, (_, i) => step(i)).join("\n");
  return command(`(local ${locals.map(() => "i32").join(" ")}) ${body}`);
}
