/**
 * What a run costs: `deno run -A translators/engine/bench/main.ts [ROUNDS]`. Needs rustc with the target wasm32-wasip1;
 * beside it stands the same module by Python's wasmtime package and wasmtime's own WASI, where python3 has it, and as a
 * program of this machine. Rounds are interleaved; figures are medians of all rounds, with the fastest and the slowest round.
 */
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { LIMITS, type Source, source, testEngine } from "../_testing.ts";

const HERE = fileURLToPath(new URL(".", import.meta.url));
const MIB = 1024 * 1024;
const rounds = Number(Deno.args[0] ?? 5);

const folder = await Deno.makeTempDir({
  dir: await isDirectory("/dev/shm") ? "/dev/shm" : undefined,
  prefix: "lux9-bench-",
});
try {
  await measure();
} finally {
  await Deno.remove(folder, { recursive: true });
}

async function measure(): Promise<void> {
  await using test = testEngine({ workersMax: 1 });
  const { engine, request } = test;
  const modules = { small: await build("small"), filter: await build("filter"), hash: await build("hash") };
  const inputs = {
    small: new TextEncoder().encode("hello worlds"),
    filter: new Uint8Array(MIB).fill(97),
    hash: new Uint8Array(0),
  };
  const samples = new Map<string, number[][]>();
  const sample = (name: string, micros: number[]) => {
    const all = samples.get(name) ?? [];
    samples.set(name, [...all, micros]);
  };
  const ours = async (name: keyof typeof modules, runs: number, fuel?: bigint) => {
    const inWorker: number[] = [];
    const roundTrip: number[] = [];
    for (let i = 0; i < runs; i++) {
      const order = request(modules[name].source, {
        stdin: { kind: "bytes", bytes: inputs[name] },
        limits: { ...LIMITS, ...(fuel && { fuel }) },
        output: { inlineBytesMax: MIB, spool: join(folder, "none") },
      });
      const start = performance.now();
      const { wallUs, failure } = await engine.run(order);
      roundTrip.push((performance.now() - start) * 1000);
      if (failure) throw failure.error;
      inWorker.push(wallUs);
    }
    const label = fuel === undefined ? "" : ", fuel counted";
    sample(`${name}: in the Worker${label}`, inWorker);
    sample(`${name}: round trip${label}`, roundTrip);
  };
  const others = async (name: keyof typeof modules, runs: number) => {
    const input = join(folder, `${name}.in`);
    await Deno.writeFile(input, inputs[name]);
    const python = await command("python3", [
      join(HERE, "python_side.py"),
      modules[name].wasm,
      input,
      join(folder, "out"),
      `${runs}`,
    ]);
    if (python === undefined) sample(`${name}: python3 has no package wasmtime`, []);
    else {sample(
        `${name}: Python's wasmtime and its WASI`,
        python.trim().split("\n").slice(Math.min(20, runs - 1)).map(Number),
      );}
    const native: number[] = [];
    for (let i = 0; i < Math.min(runs, 20); i++) {
      const start = performance.now();
      await command("sh", ["-c", `"$1" <"$2" >"$3"`, "sh", modules[name].native, input, join(folder, "out")]);
      native.push((performance.now() - start) * 1000);
    }
    sample(`${name}: a process of this machine`, native);
  };
  await ours("small", 500);
  for (let round = 0; round < rounds; round++) {
    await ours("small", 1000);
    await ours("small", 1000, 1n << 40n);
    await others("small", 300);
    await ours("filter", 50);
    await ours("filter", 50, 1n << 40n);
    await others("filter", 50);
    await ours("hash", 3);
    await ours("hash", 3, 1n << 40n);
    await others("hash", 3);
  }
  console.log("| | µs, median | rounds' medians |\n|---|---|---|");
  for (const [name, all] of samples) {
    const medians = all.filter((micros) => micros.length > 0).map(median);
    if (medians.length === 0) console.log(`| ${name} | | |`);
    else {
      const range = `${Math.min(...medians).toFixed(0)}–${Math.max(...medians).toFixed(0)}`;
      console.log(`| ${name} | ${median(medians).toFixed(0)} | ${range} |`);
    }
  }
}

async function build(name: string): Promise<{ source: Source; wasm: string; native: string }> {
  const from = join(HERE, `${name}.rs`);
  const wasm = join(folder, `${name}.wasm`);
  const native = join(folder, name);
  for (const [target, into] of [["wasm32-wasip1", wasm], [undefined, native]]) {
    const args = [
      "--edition",
      "2021",
      "-O",
      "-C",
      "strip=symbols",
      "-o",
      into!,
      from,
      ...(target ? ["--target", target] : []),
    ];
    if (await command("rustc", args) === undefined) throw new Error(`rustc does not build ${from}`);
  }
  return { source: source(await Deno.readFile(wasm)), wasm, native };
}

/** What it prints, or undefined if it cannot be run. */
async function command(program: string, args: string[]): Promise<string | undefined> {
  try {
    const { success, stdout } = await new Deno.Command(program, { args, stderr: "null" }).output();
    return success ? new TextDecoder().decode(stdout) : undefined;
  } catch {
    return undefined;
  }
}

async function isDirectory(path: string): Promise<boolean> {
  return await Deno.stat(path).then((info) => info.isDirectory, () => false);
}

function median(values: number[]): number {
  return values.toSorted((a, b) => a - b)[values.length >> 1];
}
