/** The same modules by our engine, by Python's wasmtime, by V8, and as programs of this machine. */
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { LIMITS, type TestEngine } from "../../translators/engine/_testing.ts";
import { inputOf, runModule } from "../../translators/wasi/fixture.ts";
import { WASMTIME_VERSION } from "../../translators/engine/mod.ts";
import { median } from "../report.ts";
import type { Program } from "./programs.ts";

export const WAYS = {
  worker: "Lux9, in the Worker",
  roundTrip: "Lux9, asked and answered",
  metered: "Lux9, in the Worker, fuel counted",
  python: `wasmtime ${WASMTIME_VERSION} and its own WASI, by Python`,
  v8: "V8 and our WASI",
  native: "a process of this machine, by a shell",
} as const;
export type Way = keyof typeof WAYS;

/** Microseconds of one run, the median of a round's. */
export type Round = Readonly<Partial<Record<Way, number>>>;

const NATIVE_RUNS_MAX = 20;
/** Until then caches fill and code is compiled. */
const UNCOUNTED = 20;
const PYTHON_SIDE = fileURLToPath(new URL("python_side.py", import.meta.url));

export async function measureRound(
  program: Program,
  test: TestEngine,
  python: string | undefined,
  isReversed: boolean,
): Promise<Round> {
  const round: Partial<Record<Way, number>> = {};
  const sides = [
    async () => Object.assign(round, await ours(program, test)),
    async () => Object.assign(round, { metered: (await ours(program, test, 1n << 40n)).worker }),
    async () => python && Object.assign(round, { python: await byPython(program, python) }),
    () => Object.assign(round, { v8: byV8(program) }),
    async () => Object.assign(round, { native: await byShell(program) }),
  ];
  for (const side of isReversed ? sides.reverse() : sides) await side();
  return round;
}

async function ours(
  { source, input, runs, name }: Program,
  { engine, request, folder }: TestEngine,
  fuel?: bigint,
): Promise<{ worker: number; roundTrip: number }> {
  const worker: number[] = [];
  const roundTrip: number[] = [];
  for (let i = 0; i < runs; i++) {
    const order = request(source, {
      args: [name],
      stdin: { kind: "bytes", bytes: input },
      limits: { ...LIMITS, ...(fuel && { fuel }) },
      output: { inlineBytesMax: 2 * 1024 * 1024, spool: join(folder, "none") },
    });
    const start = performance.now();
    const { wallUs, failure } = await engine.run(order);
    roundTrip.push((performance.now() - start) * 1000);
    if (failure) throw failure.error;
    worker.push(wallUs);
  }
  return { worker: median(worker), roundTrip: median(roundTrip) };
}

async function byPython({ wasm, input, runs }: Program, python: string): Promise<number> {
  const uncounted = Math.min(UNCOUNTED, runs - 1);
  await Deno.writeFile(`${wasm}.in`, input);
  const out = await output(python, [
    PYTHON_SIDE,
    wasm,
    `${wasm}.in`,
    `${wasm}.out`,
    `${runs + uncounted}`,
  ]);
  return median(out.trim().split("\n").map(Number).slice(uncounted));
}

function byV8({ source: { bytes }, input, runs, name }: Program): number {
  const module = new WebAssembly.Module(bytes);
  const micros: number[] = [];
  for (let i = -Math.min(UNCOUNTED, runs - 1); i < runs; i++) {
    const start = performance.now();
    const { code, trap } = runModule(module, { args: [name], stdin: inputOf(input) });
    if (code !== 0 || trap) throw new Error(`${name} ended with code ${code} in V8: ${trap}`);
    if (i >= 0) micros.push((performance.now() - start) * 1000);
  }
  return median(micros);
}

async function byShell({ native, input, runs }: Program): Promise<number> {
  const from = `${native}.in`;
  await Deno.writeFile(from, input);
  const micros: number[] = [];
  for (let i = 0; i < Math.min(runs, NATIVE_RUNS_MAX); i++) {
    const start = performance.now();
    await output("sh", ["-c", 'exec "$1" <"$2" >"$3"', "sh", native, from, join(dirname(native), "out")]);
    micros.push((performance.now() - start) * 1000);
  }
  return median(micros);
}

async function output(program: string, args: string[]): Promise<string> {
  const { success, stdout, stderr } = await new Deno.Command(program, { args }).output();
  if (!success) throw new Error(`${program} ${args.join(" ")}: ${new TextDecoder().decode(stderr)}`);
  return new TextDecoder().decode(stdout);
}

/** A Python that has the package; undefined, with the reason on standard error, where it cannot be had. */
export async function pythonWithWasmtime(folder: string): Promise<string | undefined> {
  const venv = join(folder, "python");
  const python = join(venv, "bin", "python3");
  try {
    if (await output(python, ["-c", "import wasmtime; print(wasmtime.__version__)"]).catch(() => "")) {
      return python;
    }
    await output("python3", ["-m", "venv", venv]);
    await output(python, ["-m", "pip", "install", "--quiet", `wasmtime==${WASMTIME_VERSION}`]);
    return python;
  } catch (thrown) {
    console.error(`Python's wasmtime is left out: ${(thrown as Error).message}`);
    return undefined;
  }
}
