import { type Input, RunClock, WasiExit, WasiProcess } from "../wasi/mod.ts";
import { ChaCha20, type Preopen } from "../wasi/mod.ts";
import { type Answer, ControlLine } from "./control.ts";
import { enter, type Left } from "./enter.ts";
import { Host } from "./host.ts";
import { LinkError, LoadedModules, StaleModule } from "./loaded_modules.ts";
import type { FromWorker, HostAsk, Outcome, RunOrder } from "./messages.ts";
import { Output, Tail } from "./output.ts";
import type { Pointer } from "./owned.ts";
import { GUEST_CALL, type NodeCard, RemoteFiles } from "./remote_files.ts";
import { TABLES_MAX } from "./settings.ts";
import { RunStop } from "./stop.ts";
import type { Library, Native } from "./symbols.ts";
import { reasonOf } from "../../9p/mod.ts";

const START = new TextEncoder().encode("_start");
const MEMORY = new TextEncoder().encode("memory");
/** Longest single wait, ms: the deadline and the order to stop are looked at in between in any case. */
const WAIT_MS_MAX = 1000;
const EPOCH_CALLBACK = {
  parameters: ["pointer", "pointer", "pointer", "pointer"],
  result: "pointer",
} as const;
const INTERRUPTED = new TextEncoder().encode("the run was interrupted\0");
/** Guests that never give way are looked at at every tick. */
const TICKS_BETWEEN_LOOKS = 1n;

type Post = (message: FromWorker) => void;

/** Runs guests in this isolate, one at a time, each in a store of its own. */
export class Runner {
  readonly #native: Native;
  readonly #engines: readonly [Pointer, Pointer];
  readonly #line: ControlLine;
  readonly #post: Post;
  readonly #host: Host;
  readonly #modules: LoadedModules;
  readonly #epoch: Deno.UnsafeCallback<typeof EPOCH_CALLBACK>;
  /** sizeof(wasmtime_instance_t) */
  readonly #instance = new Uint8Array(16);
  /** sizeof(wasmtime_extern_t), a wasmtime_func_t in it begins at 8. */
  readonly #extern = new Uint8Array(32);
  readonly #func = this.#extern.subarray(8, 24);
  /** sizeof(wasmtime_val_raw_t): `_start` takes and gives nothing. */
  readonly #values = new Uint8Array(16);
  readonly #fuel = new BigUint64Array(1);
  #run = 0;
  #deadline = 0;
  #wallMs = 0;
  #output: Output | undefined;
  /** Set by whatever ends the run from outside of a host call. */
  #stop: RunStop | undefined;

  constructor(
    library: Library,
    engines: readonly [Pointer, Pointer],
    control: SharedArrayBuffer,
    post: Post,
  ) {
    const native = library.symbols;
    this.#native = native;
    this.#engines = engines;
    this.#line = new ControlLine(control);
    this.#post = post;
    this.#host = new Host(native);
    this.#modules = new LoadedModules(native, engines, [
      this.#host.newLinker(engines[0]),
      this.#host.newLinker(engines[1]),
    ]);
    this.#epoch = new Deno.UnsafeCallback(EPOCH_CALLBACK, (_context, _data, delta) => this.#tick(delta));
  }

  drop(key: string, address?: bigint): void {
    this.#modules.drop(key);
    if (address !== undefined) this.#native.wasmtime_module_delete(Deno.UnsafePointer.create(address));
  }

  /** Between runs: what calls back goes last. */
  close(): void {
    this.#modules.close();
    this.#host.close();
    this.#epoch.close();
  }

  run(order: RunOrder): Outcome {
    const startedAt = performance.now();
    const { limits, run } = order;
    this.#run = run;
    this.#wallMs = limits.wallMs;
    this.#deadline = startedAt + limits.wallMs;
    this.#stop = undefined;
    const output = new Output(
      order.output.inlineBytesMax,
      order.output.spool,
      (bytes) => this.#post({ kind: "progress", run, bytes }),
    );
    this.#output = output;
    const stderr = new Tail(limits.stderrBytes);
    const outcome: Outcome = {
      exitCode: 0,
      stderr: NOTHING,
      fuel: 0n,
      wallUs: 0,
      memoryBytes: 0,
    };
    try {
      this.checkpoint();
      const { linked, loaded } = this.#modules.link(order.module);
      if (loaded !== undefined) outcome.loaded = loaded;
      const process = this.#newProcess(order, output, stderr);
      try {
        this.#enterStore(order, linked.ptr(), process, outcome);
      } finally {
        closeQuietly(process);
      }
    } catch (thrown) {
      outcome.failure = failureOf(thrown);
    } finally {
      this.#output = undefined;
    }
    try {
      if (outcome.failure === undefined) Object.assign(outcome, output.finish());
      else output.discard();
    } catch (thrown) {
      outcome.failure ??= {
        reason: "engine",
        detail: `The output could not be written: ${reasonOf(thrown)}`,
      };
    }
    outcome.stderr = stderr.take();
    outcome.wallUs = Math.round((performance.now() - startedAt) * 1000);
    return outcome;
  }

  /** Throws where the run is over: between pieces of work that a guest can make long. */
  checkpoint(): void {
    const stop = this.#whyStop();
    if (stop !== undefined) throw stop;
  }

  #whyStop(): RunStop | undefined {
    if (this.#line.isStopped(this.#run)) {
      return new RunStop("aborted", "Nobody waits for the result any more");
    }
    if (performance.now() < this.#deadline) return undefined;
    return new RunStop("deadline", `The run took longer than the ${this.#wallMs} ms that it is allowed`);
  }

  #newProcess(
    { args, env, seed, stdin, preopens, limits }: RunOrder,
    output: Output,
    stderr: Tail,
  ): WasiProcess {
    const clock = new RunClock();
    let random: ChaCha20 | undefined;
    return new WasiProcess({
      args,
      env,
      stdin: stdin === undefined
        ? new AskedInput((offset, count) => this.#ask({ op: "stdin", offset, count }))
        : new BytesInput(stdin),
      stdout: {
        write: (bytes) => {
          if (output.bytes + bytes.length > limits.outputBytes) {
            throw new RunStop(
              "output",
              `The run gave more than the ${limits.outputBytes} bytes of output that it is allowed`,
            );
          }
          try {
            output.write(bytes);
          } catch (thrown) {
            // A guest that did not mind would leave half of a result.
            throw new RunStop("engine", `The output could not be written: ${reasonOf(thrown)}`);
          }
          return bytes.length;
        },
      },
      stderr: {
        write: (bytes) => {
          stderr.write(bytes);
          return bytes.length;
        },
      },
      preopens: this.#preopensOf(preopens),
      clock,
      random: { fill: (into) => (random ??= new ChaCha20(seed)).fill(into) },
      sleep: (ns) => {
        this.#sleep(ns);
        clock.advance(ns);
      },
      checkpoint: () => this.checkpoint(),
    });
  }

  #preopensOf(preopens: RunOrder["preopens"]): Preopen[] {
    const servers: RemoteFiles[] = [];
    return preopens.map(({ card, guestPath, writable, server }) => {
      const files = servers[server] ??= new RemoteFiles(
        (op) => this.#ask(op),
        (op) => this.#post({ kind: "tell", run: this.#run, op }),
      );
      const root: NodeCard = files.root(card);
      return { guestPath, server: files, root, writable, call: GUEST_CALL };
    });
  }

  #enterStore(order: RunOrder, linked: Pointer, process: WasiProcess, outcome: Outcome): void {
    const native = this.#native;
    const { limits, module } = order;
    const store = native.wasmtime_store_new(this.#engines[Number(module.metered)], null, null);
    if (store === null) throw new Error("Wasmtime made no store");
    try {
      const context = native.wasmtime_store_context(store)!;
      native.wasmtime_store_limiter(
        store,
        BigInt(limits.memoryBytes),
        BigInt(limits.tableElements),
        1n,
        BigInt(TABLES_MAX),
        1n,
      );
      if (module.metered) native.wasmtime_context_set_fuel(context, limits.fuel!);
      // A store begins with its deadline passed.
      native.wasmtime_store_epoch_deadline_callback(store, this.#epoch.pointer, null, null);
      native.wasmtime_context_set_epoch_deadline(context, TICKS_BETWEEN_LOOKS);
      this.#host.begin(process, context);
      const isThere = this.#enterGuest(native, linked, context, outcome);
      // Without an instance there is nothing to ask: an instance of no store ends the process.
      if (
        isThere && native.wasmtime_instance_export_get(context, this.#instance, MEMORY, 6n, this.#extern) &&
        this.#extern[0] === 3
      ) {
        outcome.memoryBytes = this.#host.memory.sizeOf(this.#extern);
      }
      if (module.metered) {
        native.wasmtime_context_get_fuel(context, new Uint8Array(this.#fuel.buffer));
        outcome.fuel = limits.fuel! - this.#fuel[0];
      }
    } finally {
      this.#host.end();
      native.wasmtime_store_delete(store);
    }
  }

  /** Whether there is an instance afterwards. */
  #enterGuest(native: Native, linked: Pointer, context: Pointer, outcome: Outcome): boolean {
    this.#instance.fill(0);
    let left = enter(
      native,
      (trap) => native.wasmtime_instance_pre_instantiate(linked, context, this.#instance, trap),
    );
    const isThere = left === undefined;
    if (isThere) {
      const has = native.wasmtime_instance_export_get(context, this.#instance, START, 6n, this.#extern);
      // The compiler has seen that it is there, and its type.
      if (!has || this.#extern[0] !== 0) throw new LinkError("The module exports no function _start");
      left = enter(
        native,
        (trap) => native.wasmtime_func_call_unchecked(context, this.#func, this.#values, 0n, trap),
      );
    }
    if (left !== undefined) this.#whyLeft(left, outcome);
    return isThere;
  }

  /** What the host or the clock decided comes first: the trap is only how the guest was left. */
  #whyLeft(left: Left, outcome: Outcome): void {
    const stopped = this.#host.stopped ?? this.#stop;
    if (stopped instanceof WasiExit) {
      outcome.exitCode = stopped.code;
      if (stopped.code !== 0) {
        outcome.failure = { reason: "exit code", detail: `The program ended with code ${stopped.code}` };
      }
      return;
    }
    if (stopped !== undefined) {
      outcome.failure = failureOf(stopped);
      return;
    }
    outcome.failure = trapFailure(left);
    if (left.code !== undefined) outcome.trap = { code: left.code, message: left.message };
  }

  /** Called within the guest at each tick. Returns null to go on. */
  #tick(delta: Deno.PointerValue): Deno.PointerValue {
    try {
      this.#stop = this.#whyStop();
      if (this.#stop === undefined) {
        new DataView(Deno.UnsafePointerView.getArrayBuffer(delta!, 8)).setBigUint64(
          0,
          TICKS_BETWEEN_LOOKS,
          true,
        );
        return null;
      }
    } catch (thrown) {
      this.#stop = new RunStop("engine", reasonOf(thrown));
    }
    return this.#native.wasmtime_error_new(INTERRUPTED);
  }

  #sleep(ns: bigint): void {
    this.#output?.settle();
    // A number is exact enough: 2^53 ns are 104 days.
    const until = performance.now() + Number(ns) / 1e6;
    this.#line.wait(() => {
      this.checkpoint();
      return performance.now() >= until;
    }, () => Math.min(until, this.#deadline) - performance.now());
  }

  #ask(ask: HostAsk): Answer {
    this.#output?.settle();
    this.checkpoint();
    const call = this.#line.nextCall();
    this.#post({ kind: "call", run: this.#run, call, ask });
    this.#line.wait(() => {
      if (this.#line.isAnswered()) return true;
      this.checkpoint();
      return false;
    }, () => Math.min(WAIT_MS_MAX, this.#deadline - performance.now()));
    return this.#line.take();
  }
}

/** What the guest left open. The run is over, and the main isolate closes what cannot be closed from here. */
function closeQuietly(process: WasiProcess): void {
  try {
    process.close();
  } catch {
    // Said above.
  }
}

const NOTHING = new Uint8Array(0);

function failureOf(thrown: unknown): NonNullable<Outcome["failure"]> {
  if (thrown instanceof RunStop) return { reason: thrown.reason, detail: thrown.message };
  if (thrown instanceof LinkError) return { reason: "link", detail: thrown.message };
  if (thrown instanceof StaleModule) return { reason: "stale module", detail: thrown.message };
  const cause = (thrown as { cause?: unknown } | null)?.cause;
  if (cause instanceof RunStop) return failureOf(cause);
  return { reason: "engine", detail: reasonOf(cause ?? thrown) };
}

function trapFailure({ code, message }: Left): NonNullable<Outcome["failure"]> {
  switch (code) {
    case "stack overflow":
      return { reason: "stack", detail: message };
    case "out of fuel":
      return { reason: "fuel", detail: message };
    case undefined:
      if (/memory/.test(message)) return { reason: "memory", detail: message };
      if (/table/.test(message)) return { reason: "table", detail: message };
      return { reason: "link", detail: message };
    default:
      return { reason: "trap", detail: message };
  }
}

class BytesInput implements Input {
  readonly #bytes: Uint8Array;
  #at = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  read(into: Uint8Array): number {
    const part = this.#bytes.subarray(this.#at, this.#at + into.length);
    into.set(part);
    this.#at += part.length;
    return part.length;
  }
}

/** Input in chunks of the shared memory. What the guest has not taken yet is kept, as other calls use the same memory. */
class AskedInput implements Input {
  readonly #ask: (offset: number, count: number) => Answer;
  readonly #chunk = new Uint8Array(CHUNK_BYTES);
  #from = 0;
  #to = 0;
  #offset = 0;
  #isAtEnd = false;

  constructor(ask: (offset: number, count: number) => Answer) {
    this.#ask = ask;
  }

  read(into: Uint8Array): number {
    if (into.length === 0) return 0;
    if (this.#from === this.#to) {
      if (this.#isAtEnd) return 0;
      this.#next();
    }
    const part = this.#chunk.subarray(this.#from, Math.min(this.#to, this.#from + into.length));
    into.set(part);
    this.#from += part.length;
    return part.length;
  }

  #next(): void {
    let raw: Uint8Array;
    try {
      raw = this.#ask(this.#offset, CHUNK_BYTES).raw;
    } catch (thrown) {
      if (thrown instanceof RunStop) throw thrown;
      // To go on with half of the input would give half of a result.
      throw new RunStop("input", `The input could not be read: ${reasonOf(thrown)}`);
    }
    this.#chunk.set(raw);
    this.#from = 0;
    this.#to = raw.length;
    this.#offset += raw.length;
    this.#isAtEnd = raw.length === 0;
  }
}

const CHUNK_BYTES = 256 * 1024;
