/** `lux9 run` as people call it: a process, its streams and its exit code. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { CAT, command, engineTest, wat } from "../translators/engine/_testing.ts";

const MAIN = new URL("./main.ts", import.meta.url).pathname;
const MIB = 1024 * 1024;

interface Box extends AsyncDisposable {
  readonly home: string;
  /** The path of a module's file. */
  module(name: string, bytes: Uint8Array): string;
  /** Runs it to the end on an input. */
  run(args: readonly string[], input?: string): Promise<{ code: number; out: string; err: string }>;
  spawn(args: readonly string[]): Deno.ChildProcess;
  /** What is left in the cache's folder of runs. */
  left(): string[];
}

async function box(): Promise<Box> {
  const home = await Deno.makeTempDir({ prefix: "lux9-run-" });
  const spawn = (args: readonly string[]) =>
    new Deno.Command(Deno.execPath(), {
      args: ["run", "--quiet", "-A", "--no-prompt", "--no-check", MAIN, "run", "--home", home, ...args],
      stdin: "piped",
      stdout: "piped",
      stderr: "piped",
    }).spawn();
  return {
    home,
    module(name, bytes) {
      const path = join(home, name);
      Deno.writeFileSync(path, bytes);
      return path;
    },
    spawn,
    async run(args, input = "") {
      const child = spawn(args);
      const writer = child.stdin.getWriter();
      await writer.write(new TextEncoder().encode(input)).catch(() => {});
      await writer.close().catch(() => {});
      const { code, stdout, stderr } = await child.output();
      return { code, out: new TextDecoder().decode(stdout), err: new TextDecoder().decode(stderr) };
    },
    left: () => [...Deno.readDirSync(join(home, "cache", "runs"))].map(({ name }) => name),
    [Symbol.asyncDispose]: () => Deno.remove(home, { recursive: true }),
  };
}

function test(name: string, act: (box: Box) => Promise<void>): void {
  engineTest({
    name,
    async fn() {
      await using one = await box();
      await act(one);
    },
  });
}

test("lux9 run takes modules of the gallery, of the home and by path", async ({ home, module, run, left }) => {
  assert.deepEqual(await run(["wc"], "a b\n"), { code: 0, out: "      1       2       4\n", err: "" });
  const cat = module("cat,1.wasm", command(CAT).bytes);
  assert.equal((await run([`${cat.replace(",", "%2C")},head:n=1`], "a\nb\n")).out, "a\n");
  // What is in the home comes before the gallery.
  await Deno.mkdir(join(home, "translators", "wc"), { recursive: true });
  await Deno.copyFile(cat, join(home, "translators", "wc", "module.wasm"));
  const file = module("file", new TextEncoder().encode("from a file"));
  assert.equal((await run(["wc", file])).out, "from a file");
  assert.deepEqual(left(), []);
});

test("lux9 run gives the first output before the input ends, through several modules", async ({ module, spawn }) => {
  const cat = module("cat.wasm", command(CAT).bytes);
  const child = spawn([`${cat},${cat}`]);
  const writer = child.stdin.getWriter();
  const reader = child.stdout.getReader();
  for (const word of ["one\n", "two\n"]) {
    await writer.write(new TextEncoder().encode(word));
    assert.equal(new TextDecoder().decode((await reader.read()).value), word);
  }
  await writer.close();
  assert.equal((await reader.read()).done, true);
  await child.stderr.cancel();
  assert.equal((await child.status).code, 0);
});

test("lux9 run of 256 MiB takes disk and not memory", async ({ module, spawn, left }) => {
  const cat = module("cat.wasm", command(CAT).bytes);
  const child = spawn([cat]);
  const piece = new Uint8Array(MIB);
  let peak = 0;
  const write = (async () => {
    const writer = child.stdin.getWriter();
    for (let i = 0; i < 256; i++) {
      await writer.write(piece);
      if (i % 16 === 0) peak = Math.max(peak, rss(child.pid));
    }
    peak = Math.max(peak, rss(child.pid));
    await writer.close();
  })();
  let length = 0;
  for await (const part of child.stdout) length += part.byteLength;
  await write;
  assert.equal(length, 256 * MIB);
  await child.stderr.cancel();
  assert.equal((await child.status).code, 0);
  assert.ok(peak < 256 * MIB, `${peak} bytes of memory`);
  assert.deepEqual(left(), []);
});

test("lux9 run asks nothing of a module whose reader had enough before it failed", async ({ home, run }) => {
  const folder = join(home, "translators", "few");
  await Deno.mkdir(folder, { recursive: true });
  await Deno.writeFile(join(folder, "module.wasm"), command(CAT).bytes);
  await Deno.writeTextFile(
    join(folder, "manifest.yaml"),
    "name: few\nversion: 1.0.0\nlimits: {output: 256KiB}\n",
  );
  const lines = "y\n".repeat(200_000);
  assert.deepEqual(await run(["few,head:n=2"], lines), { code: 0, out: "y\ny\n", err: "" });
  // Who has not had enough meets the failure.
  const { code, err } = await run(["few,head:n=190000,wc"], lines);
  assert.equal(code, 1);
  assert.match(err, /few: The run gave more than the 262144 bytes/);
});

function rss(pid: number): number {
  return Number(/^VmHWM:\s+(\d+) kB$/m.exec(Deno.readTextFileSync(`/proc/${pid}/status`))?.[1]) * 1024;
}

test("lux9 run ends quietly when its reader goes, and when a later module has enough", async ({ home, module, left }) => {
  const cat = module("cat.wasm", command(CAT).bytes);
  const lux9 = `'${Deno.execPath()}' run --quiet -A --no-check '${MAIN}' run --home '${home}'`;
  for (const script of [`yes | ${lux9} ${cat} | head -n 2`, `yes | ${lux9} ${cat},head:n=2`]) {
    const { code, stdout, stderr } = await new Deno.Command("sh", { args: ["-c", script] }).output();
    const said = new TextDecoder().decode(stderr).replace(/^yes: .*\n/gm, "");
    assert.deepEqual([code, new TextDecoder().decode(stdout), said], [0, "y\ny\n", ""]);
    assert.deepEqual(left(), []);
  }
});

test("lux9 run says why a module failed, which one, and exits with 1", async ({ module, run, left }) => {
  const gunzip = await run(["gunzip,wc"], "no gzip data");
  assert.equal(gunzip.code, 1);
  assert.match(gunzip.err, /^gunzip: .*not gzip data\nlux9: gunzip ended with exit code 1\n$/);
  const trap = module("trap.wasm", wat(`(module (func (export "_start") unreachable))`).bytes);
  const trapped = await run([`head,${trap}`], "x\n");
  assert.equal(trapped.code, 1);
  assert.match(trapped.err, /^lux9: trap: .*unreachable/m);
  const endless = module("endless.wasm", wat(`(module (func (export "_start") (loop (br 0))))`).bytes);
  const late = await run(["--time", "200ms", endless]);
  assert.equal(late.code, 1);
  assert.match(late.err, /longer than the 200 ms/);
  // What came before the failure was written all the same.
  const half = module("half.wasm", command(`${CAT} unreachable`).bytes);
  assert.deepEqual((await run([half], "before")).out, "before");
  assert.deepEqual(left(), []);
});

test("lux9 run says what is wrong with a command line, and which module there is not", async ({ home, run }) => {
  for (
    const [args, code, complaint] of [
      [["head:n=many"], 2, /must be of type integer/],
      [["a,,b"], 2, /no name of a translator/],
      [["--time", "soon", "wc"], 2, /as 10s/],
      [["nope"], 1, /none comes with lux9 \(csv2json, /],
      [["./nope.wasm"], 1, /There is no module \.\/nope\.wasm/],
      [["wc", home], 1, /It is a directory/],
      [["wc", join(home, "none")], 1, /none: No such file/],
    ] as const
  ) {
    const ran = await run(args);
    assert.equal(ran.code, code, ran.err);
    assert.match(ran.err, complaint);
  }
});

test("lux9 run is stopped by ^C and leaves nothing", async ({ module, spawn, left }) => {
  const cat = module("cat.wasm", command(CAT).bytes);
  const child = spawn([cat]);
  const writer = child.stdin.getWriter();
  await writer.write(new TextEncoder().encode("running"));
  const reader = child.stdout.getReader();
  assert.equal(new TextDecoder().decode((await reader.read()).value), "running");
  child.kill("SIGINT");
  assert.equal((await child.status).code, 130);
  assert.deepEqual(left(), []);
  await reader.cancel();
  await child.stderr.cancel();
  await writer.abort().catch(() => {});
});
