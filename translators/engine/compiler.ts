import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { reasonOf } from "../../9p/mod.ts";
import { type CompileAnswer, type CompileOrder, COMPILING } from "./compile_process.ts";
import { FairQueue } from "./fair_queue.ts";
import { failure } from "./failure.ts";
import type { FailureReason, ModuleSource, RunFailure } from "./run.ts";

const PROGRAM = fileURLToPath(new URL("./compile_process.ts", import.meta.url));
/** Reading a module and starting take some of both; a hostile module gets no more than this for itself. */
const DATA_BYTES_MAX = 3 * 1024 ** 3;

export interface CompilerOptions {
  readonly moduleBytesMax: number;
  readonly compileMsMax: number;
  /** Processes at one time. */
  readonly processesMax: number;
}

/** Why a module was not compiled, as thrown. */
export class CompileFailure extends Error {
  constructor(readonly failure: RunFailure) {
    super(failure.error.message);
  }
}

interface Job {
  readonly start: () => void;
}

/** Compiles modules, each in a process of its own, a few at a time, callers in turn. */
export class Compiler {
  readonly #options: CompilerOptions;
  readonly #queue = new FairQueue<Job>({ callerMax: 16, totalMax: 64 });
  readonly #running = new Set<Deno.ChildProcess>();
  #busy = 0;
  #isClosed = false;

  constructor(options: CompilerOptions) {
    this.#options = options;
  }

  /** Writes the compiled module into a new file of `folder`, and gives its path: rename it, or remove it. */
  async compile(
    source: ModuleSource,
    metered: boolean,
    library: string,
    folder: string,
    caller: string,
  ): Promise<string> {
    const { moduleBytesMax, compileMsMax } = this.#options;
    if ("bytes" in source && source.bytes.length > moduleBytesMax) {
      throw refusal(
        "oversized module",
        `The module has ${source.bytes.length} bytes, allowed are ${moduleBytesMax}`,
      );
    }
    await this.#turn(caller);
    try {
      const into = join(folder, `tmp.${crypto.randomUUID()}`);
      const order: CompileOrder = {
        library,
        metered,
        hash: source.hash,
        ...("path" in source && { path: source.path }),
        bytesMax: moduleBytesMax,
        into,
        // Of all its threads together.
        cpuSeconds: Math.ceil(compileMsMax / 1000) * navigator.hardwareConcurrency + 1,
        dataBytes: DATA_BYTES_MAX,
      };
      try {
        await this.#run(order, "bytes" in source ? source.bytes : undefined);
      } catch (error) {
        await Deno.remove(into).catch(() => {});
        throw error;
      }
      return into;
    } finally {
      this.#busy--;
      this.#next();
    }
  }

  /** Ends what is under way. */
  close(): void {
    this.#isClosed = true;
    for (const child of this.#running) kill(child);
  }

  #turn(caller: string): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    try {
      this.#queue.push(caller, { start: resolve });
    } catch (error) {
      throw refusal("queue", `Too many modules wait to be compiled: ${reasonOf(error)}`);
    }
    this.#next();
    return promise;
  }

  #next(): void {
    if (this.#busy >= this.#options.processesMax) return;
    const job = this.#queue.shift();
    if (job === undefined) return;
    this.#busy++;
    job.start();
  }

  async #run(order: CompileOrder, bytes: Uint8Array | undefined): Promise<void> {
    if (this.#isClosed) throw refusal("unavailable", "The engine is closed");
    const { compileMsMax } = this.#options;
    const child = new Deno.Command(Deno.execPath(), {
      args: [
        "run",
        "--quiet",
        "-A",
        "--no-prompt",
        "--no-config",
        "--no-lock",
        "--cached-only",
        PROGRAM,
        JSON.stringify(order),
      ],
      stdin: bytes ? "piped" : "null",
      stdout: "piped",
      stderr: "piped",
    }).spawn();
    this.#running.add(child);
    let isLate = false;
    const timer = setTimeout(() => {
      isLate = true;
      kill(child);
    }, compileMsMax);
    try {
      const [output] = await Promise.all([child.output(), bytes && feed(child, bytes)]);
      if (this.#isClosed) throw refusal("aborted", "The engine was closed");
      if (isLate || output.signal === "SIGXCPU" || output.signal === "SIGKILL") {
        throw refusal(
          "slow compile",
          `The module was not compiled within ${compileMsMax} ms, so that was given up`,
        );
      }
      accept(output);
    } finally {
      clearTimeout(timer);
      this.#running.delete(child);
    }
  }
}

const REASONS: Readonly<Record<Exclude<CompileAnswer["kind"], "compiled">, FailureReason>> = {
  "oversized": "oversized module",
  "changed": "input",
  "unreadable": "input",
  "invalid": "invalid module",
  "no entry": "link",
};

function accept({ stdout, stderr, code, signal }: Deno.CommandOutput): void {
  const lines = new TextDecoder().decode(stdout).trimEnd().split("\n");
  const isCompiling = lines[0] === COMPILING;
  let answer: CompileAnswer;
  try {
    answer = JSON.parse(lines[Number(isCompiling)]);
  } catch {
    const words = new TextDecoder().decode(stderr.subarray(-400)).trim();
    const how = signal ? `was ended by ${signal}` : `ended with code ${code}`;
    throw refusal(
      isCompiling ? "invalid module" : "engine",
      `The process that compiled the module ${how}: ${JSON.stringify(words)}`,
    );
  }
  if (answer.kind !== "compiled") throw refusal(REASONS[answer.kind], answer.message);
}

async function feed(child: Deno.ChildProcess, bytes: Uint8Array): Promise<void> {
  const writer = child.stdin.getWriter();
  // It may have ended already; what it says then counts.
  await writer.write(bytes).then(() => writer.close()).catch(() => {});
}

function kill(child: Deno.ChildProcess): void {
  try {
    child.kill("SIGKILL");
  } catch {
    // It has ended.
  }
}

function refusal(reason: FailureReason, message: string): CompileFailure {
  return new CompileFailure(failure(reason, message));
}
