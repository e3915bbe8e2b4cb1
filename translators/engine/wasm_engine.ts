import { errnoOf, NineError, reasonOf } from "../../9p/mod.ts";
import { callersOf } from "./callers.ts";
import { Clockwork, CLOCKWORK_BYTES } from "./clockwork.ts";
import { CompileFailure } from "./compiler.ts";
import { failedResult, failure, resultOf } from "./failure.ts";
import { findLibrary } from "./library.ts";
import type { Engines, FromKeeper, KeeperStart } from "./messages.ts";
import { ModuleStore } from "./module_store.ts";
import { Pool, PoolFailure } from "./pool.ts";
import type { Limits, ModuleSource, RunFailure, RunRequest, RunResult } from "./run.ts";
import { MEMORY_BYTES_MAX, TABLE_ELEMENTS_MAX } from "./settings.ts";

export interface WasmEngineOptions {
  /** Where compiled modules are kept. Made if missing, mode 0700. */
  readonly folder: string;
  readonly folderBytesMax?: number;
  /** Of a .wasm. */
  readonly moduleBytesMax?: number;
  readonly compileMsMax?: number;
  /** Runs at one time. */
  readonly workersMax?: number;
  /** Runs of one caller, and of all, that may wait. */
  readonly callerQueueMax?: number;
  readonly queueMax?: number;
  /** The Workers' program; another one is for tests. */
  readonly workerProgram?: URL;
}

export interface EngineStatus {
  /** `idle`: nothing was asked of it yet. */
  readonly state: "idle" | "starting" | "ready" | "unavailable" | "closed";
  /** Why it is unavailable, and what to do. */
  readonly reason?: string;
  readonly workers: number;
  readonly busy: number;
  readonly queued: number;
  readonly runs: number;
  readonly failures: number;
  readonly replaced: number;
}

/** Stores at one time in the process: a Worker has one, and one that had to be given up keeps its own, at worst for ever. */
const STORES_MAX = navigator.hardwareConcurrency + 64;
/** The engines of the process, by library: they are made once, and all share them. */
const engines = new Map<string, Engines>();

/** What a start of the engines made. */
interface Started {
  readonly library: string;
  readonly pool: Pool;
  readonly clockwork: Clockwork;
}

/** Runs WASI commands in sandboxes. Nothing is started before the first run. */
export class WasmEngine {
  readonly #options: WasmEngineOptions;
  readonly #store: ModuleStore;
  #starting: Promise<Started> | undefined;
  #started: Started | undefined;
  #unavailable: RunFailure | undefined;
  #isClosed = false;
  #runs = 0;
  #failures = 0;

  constructor(options: WasmEngineOptions) {
    this.#options = options;
    const cores = navigator.hardwareConcurrency;
    this.#store = new ModuleStore({
      folder: options.folder,
      folderBytesMax: options.folderBytesMax ?? 1024 ** 3,
      moduleBytesMax: options.moduleBytesMax ?? 64 * 1024 ** 2,
      compileMsMax: options.compileMsMax ?? 60_000,
      processesMax: Math.max(1, Math.floor(cores / 2)),
      onDrop: (key, address) => this.#started?.pool.drop(key, address),
    });
  }

  /** One run. Whatever goes wrong is a failure in the result; it never rejects. */
  async run(request: RunRequest): Promise<RunResult> {
    const result = await this.#run(request);
    this.#runs++;
    if (result.failure) this.#failures++;
    return result;
  }

  /** Compiles the module for its first run. Throws the NineError that says why it cannot be run, as far as that shows. */
  async prepare(module: ModuleSource, metered: boolean, caller: string): Promise<void> {
    try {
      const { library } = await this.#start();
      (await this.#store.pin(module, metered, library, caller)).release();
    } catch (error) {
      throw this.#failureOf(error).error;
    }
  }

  status(): EngineStatus {
    const pool = this.#started?.pool;
    return {
      state: this.#state(),
      ...(this.#unavailable && { reason: this.#unavailable.error.message }),
      workers: pool?.size ?? 0,
      busy: pool?.busy ?? 0,
      queued: pool?.queued ?? 0,
      runs: this.#runs,
      failures: this.#failures,
      replaced: pool?.replaced ?? 0,
    };
  }

  /** Ends what runs, and the Workers. */
  async close(): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#store.close();
    const started = await this.#starting?.catch(() => undefined);
    await started?.pool.close();
    started?.clockwork.end();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #run(request: RunRequest): Promise<RunResult> {
    try {
      check(request);
      const { pool, library } = this.#started ?? await this.#start();
      for (let attempt = 1;; attempt++) {
        if (request.signal?.aborted) throw new PoolFailure("aborted", "Nobody waits for the result any more");
        const pinned = this.#store.pin(
          request.module,
          request.limits.fuel !== undefined,
          library,
          callersOf(request)[0],
        );
        const pin = pinned instanceof Promise ? await unlessAborted(pinned, request.signal) : pinned;
        try {
          const { inputError, ...outcome } = await pool.run(request, pin);
          if (outcome.failure?.reason === "stale module" && attempt === 1) {
            await this.#store.stale(pin.ticket());
            continue;
          }
          const result = resultOf(outcome, request);
          if (inputError === undefined) return result;
          return { ...result, failure: inputFailure(inputError) };
        } finally {
          pin.release();
        }
      }
    } catch (error) {
      return failedResult(this.#failureOf(error));
    }
  }

  #failureOf(error: unknown): RunFailure {
    if (error instanceof CompileFailure) return error.failure;
    if (error instanceof PoolFailure) return failure(error.reason, error.message);
    if (this.#unavailable !== undefined) return this.#unavailable;
    if (error instanceof NineError) return { reason: "engine", error };
    return failure("engine", reasonOf(error));
  }

  #state(): EngineStatus["state"] {
    if (this.#isClosed) return "closed";
    if (this.#unavailable) return "unavailable";
    if (this.#started) return "ready";
    return this.#starting ? "starting" : "idle";
  }

  #start(): Promise<Started> {
    if (this.#isClosed) return Promise.reject(new PoolFailure("unavailable", "The engine is closed"));
    return this.#starting ??= this.#startOnce().catch((error) => {
      // Somebody may install it: that is looked for again at the next run, which costs one look at the file system.
      this.#starting = undefined;
      throw error;
    });
  }

  async #startOnce(): Promise<Started> {
    this.#unavailable = undefined;
    try {
      const library = findLibrary();
      const memory = new SharedArrayBuffer(CLOCKWORK_BYTES);
      const { callerQueueMax, queueMax, workerProgram } = this.#options;
      const workersMax = this.#options.workersMax ?? Math.max(1, navigator.hardwareConcurrency - 1);
      const engines = await startKeeper(library, memory);
      const clockwork = new Clockwork(memory);
      const pool = new Pool({
        library,
        engines,
        clockwork,
        workersMax,
        queue: { callerMax: callerQueueMax ?? 64, totalMax: queueMax ?? 1024 },
        program: workerProgram ?? new URL("./worker.ts", import.meta.url),
      });
      return this.#started = { library, pool, clockwork };
    } catch (error) {
      this.#unavailable = { reason: "unavailable", error: new NineError(errnoOf(error), reasonOf(error)) };
      throw error;
    }
  }
}

/** The keeper's isolate lives as long as the clockwork is not ended. */
function startKeeper(library: string, clockwork: SharedArrayBuffer): Promise<Engines> {
  const { promise, resolve, reject } = Promise.withResolvers<Engines>();
  const keeper = new Worker(new URL("./keeper.ts", import.meta.url), { type: "module", name: "wasm clock" });
  keeper.onmessage = ({ data }: MessageEvent<FromKeeper>) => {
    if ("failed" in data) return reject(new NineError(data.errno, data.failed));
    engines.set(library, data.engines);
    resolve(data.engines);
  };
  keeper.onerror = (event) => {
    event.preventDefault();
    reject(new NineError("EIO", `The isolate that keeps the engines died: ${event.message}`));
  };
  const known = engines.get(library);
  const start: KeeperStart = { library, clockwork, ...(known && { engines: known }), storesMax: STORES_MAX };
  keeper.postMessage(start);
  return promise;
}

/** What a Worker relies on. */
function check({ limits, seed, module, output }: RunRequest): void {
  checkLimits(limits);
  if (seed.length !== 32) throw new NineError("EINVAL", `A seed of ${seed.length} bytes, needed are 32`);
  if (!/^[0-9a-f]{64}$/.test(module.hash)) {
    throw new NineError("EINVAL", "The module's hash is no sha256 in lower-case hex");
  }
  if (!(output.inlineBytesMax >= 0 && output.inlineBytesMax <= INLINE_BYTES_MAX)) {
    throw new NineError(
      "EINVAL",
      `inlineBytesMax is ${output.inlineBytesMax}, allowed are 0 to ${INLINE_BYTES_MAX}`,
    );
  }
}

const INLINE_BYTES_MAX = 64 * 1024 * 1024;

function checkLimits(limits: Limits): void {
  const bounds = {
    memoryBytes: MEMORY_BYTES_MAX,
    tableElements: TABLE_ELEMENTS_MAX,
    wallMs: 24 * 3_600_000,
    outputBytes: Number.MAX_SAFE_INTEGER,
    stderrBytes: 1024 * 1024,
  };
  for (const [name, max] of Object.entries(bounds)) {
    const value = limits[name as keyof typeof bounds];
    if (!(value >= 0 && value <= max)) {
      throw new NineError("EINVAL", `The limit ${name} is ${value}, allowed are 0 to ${max}`);
    }
  }
  if (limits.fuel !== undefined && !(limits.fuel >= 0n && limits.fuel < 2n ** 63n)) {
    throw new NineError("EINVAL", `The limit fuel is ${limits.fuel}, allowed are 0 to 2^63 - 1`);
  }
}

function inputFailure(thrown: unknown): RunFailure {
  return {
    reason: "input",
    error: new NineError(errnoOf(thrown), `The input could not be read: ${reasonOf(thrown)}`),
  };
}

async function unlessAborted<T extends { release(): void }>(
  coming: Promise<T>,
  signal: AbortSignal | undefined,
): Promise<T> {
  if (signal === undefined) return await coming;
  const { promise, reject } = Promise.withResolvers<never>();
  const abort = () => reject(new PoolFailure("aborted", "Nobody waits for the result any more"));
  signal.addEventListener("abort", abort);
  try {
    return await Promise.race([coming, promise]);
  } catch (error) {
    if (signal.aborted) coming.then((pin) => pin.release(), () => {});
    throw error;
  } finally {
    signal.removeEventListener("abort", abort);
  }
}
