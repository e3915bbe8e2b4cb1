import { createHash } from "node:crypto";
import {
  type Call,
  errnoOf,
  type FileServer,
  type Later,
  NineError,
  reasonOf,
  Slice,
  then,
  type User,
} from "../../9p/mod.ts";
import { type About, Result, type ResultCache, sealOf, type Spool } from "../cache/mod.ts";
import type { FailureReason, Preopen, RunResult } from "../engine/mod.ts";
import type { Library, Module } from "../library/mod.ts";
import { runLimits } from "../manifest/mod.ts";
import { argvOf, type Stage } from "../pipeline/mod.ts";
import type { Askers } from "./askers.ts";
import { Evaluation, type StageReport } from "./evaluation.ts";
import { concatenated, type Input, Inputs, resultInput } from "./input.ts";
import { keyOf, seedOf } from "./key.ts";
import type { Runner } from "./runner.ts";
import { SharedRun } from "./shared_run.ts";

/** What the engine gives as bytes; more goes to a file, and can be read as it grows. */
const INLINE_BYTES_MAX = 256 * 1024;

export interface ComputeOptions {
  readonly library: Library;
  readonly cache: ResultCache;
  /** Started when it is first needed. Rejects with what to do where there is none. */
  readonly runner: () => Later<Runner>;
  /**
   * The tree that modules see which were granted folders: without computed files, since a module waits for what it reads
   * while it holds a Worker, and the file might wait for that Worker.
   */
  readonly granted: FileServer<object, unknown>;
  /** That tree's place of an absolute path, as the user sees it. */
  readonly walk: (path: string, call: Call) => Promise<object>;
}

interface Work {
  readonly module: Module;
  readonly argv: readonly string[];
  readonly key: string;
  readonly sources: readonly Input[];
  /** Of the run, for whoever asked for it first. */
  readonly call: Call;
  /** Whom it counts for: its turn is theirs, and so is its failure. */
  readonly askers: Askers;
  /** Where the output goes if it is long. */
  readonly spool: Spool;
  onProgress(bytes: number): void;
}

/** How far the cache leads. */
interface Found {
  /** The first step that is to be run. */
  readonly step: number;
  /** Of the result before it. */
  readonly key: string;
  /** What goes into it. */
  readonly hashes: readonly string[];
}

interface Step {
  readonly module: Module;
  readonly argv: readonly string[];
  readonly report: StageReport;
}

/**
 * Results of pipelines: from the cache, from a run that is under way, or from one of its own. Modules see nothing but
 * their input, their arguments and what was granted to them; a result is kept under the hash of all of these.
 */
export class Compute {
  readonly #runs = new Map<string, SharedRun>();
  readonly #known: ComputeOptions;

  constructor(options: ComputeOptions) {
    this.#known = options;
  }

  /** Runs that are under way and could be shared. */
  get running(): number {
    return this.#runs.size;
  }

  get library(): Library {
    return this.#known.library;
  }

  /**
   * Evaluates a pipeline over inputs that are open, and holds them as long as it reads them. Returns as soon as it is
   * known what is to be done; with `start` false, undefined where that is anything. ENOENT and EINVAL for modules and
   * arguments that there are not.
   */
  evaluate(
    path: string,
    stages: readonly Stage[],
    inputs: Inputs,
    call: Call,
    start = true,
  ): Later<Evaluation | undefined> {
    return then(this.#steps(stages, []), (steps) => {
      const found = this.#find(steps, inputs.list);
      const cached = found.step === steps.length ? this.#known.cache.get(found.key) : undefined;
      return then(cached, (cached) => {
        if (!cached && !start) return undefined;
        const reports = steps.map(({ report }) => report);
        const evaluation = new Evaluation(path, call.user.name, inputs.list, reports);
        if (cached) {
          for (const { module } of steps) this.library.health(module.name).stats.cached++;
          evaluation.succeed(cached);
          cached.release();
        } else {
          inputs.hold();
          // A damaged result is gone by now.
          const from = found.step < steps.length ? found : this.#find(steps, inputs.list);
          this.#go(evaluation, steps, inputs, from, call.user).catch((thrown) => evaluation.fail(thrown));
        }
        return evaluation;
      });
    });
  }

  #steps(stages: readonly Stage[], steps: Step[]): Later<Step[]> {
    if (steps.length === stages.length) return steps;
    const stage = stages[steps.length];
    return then(this.library.get(stage.name), (module) => {
      const argv = argvOf(stage, module.manifest);
      const { name, hash, manifest: { version } } = module;
      steps.push({
        module,
        argv,
        report: { name, version, module: hash, args: argv, from: "waiting", key: "" },
      });
      return this.#steps(stages, steps);
    });
  }

  #find(steps: readonly Step[], inputs: readonly Input[]): Found {
    let hashes = inputs.map(({ hash }) => hash);
    let key = "";
    for (const [i, { module, argv, report }] of steps.entries()) {
      if (module.grants.length > 0) return { step: i, key, hashes };
      const next = keyOf({ module, argv, inputs: hashes });
      const about = this.#known.cache.peek(next);
      if (!about) return { step: i, key, hashes };
      key = next;
      hashes = [about.hash];
      report.from = "cache";
      report.key = key;
      report.about = about;
    }
    return { step: steps.length, key, hashes };
  }

  /** Runs what the cache does not have, one module after the other. It lets the inputs go. */
  async #go(
    evaluation: Evaluation,
    steps: readonly Step[],
    inputs: Inputs,
    found: Found,
    user: User,
  ): Promise<void> {
    let sources: Inputs | undefined = inputs;
    let { step, hashes } = found;
    try {
      const last = step > 0 ? await this.#known.cache.get(found.key) : undefined;
      if (last) {
        sources = outputOf(last, steps[step - 1].module.name);
        last.release();
        inputs.release();
      } else if (step > 0) {
        // It was damaged: from the start.
        step = 0;
        hashes = inputs.list.map(({ hash }) => hash);
      }
      for (;;) {
        const run = this.#run(steps[step], sources, hashes, user);
        const isOwn = run.askers.first === user.name;
        // It holds them itself, and the evaluation holds the run.
        if (isOwn) {
          sources.release();
          sources = undefined;
        }
        evaluation.follow(run, step === steps.length - 1);
        await run.ended;
        // What was refused to somebody else may be had on one's own account.
        if (sources && run.isRefused && evaluation.isWanted) continue;
        sources?.release();
        sources = undefined;
        const result = run.result!;
        steps[step].report.about = result.about;
        if (!evaluation.isWanted) return;
        if (++step === steps.length) return evaluation.succeed(result);
        sources = outputOf(result, steps[step - 1].module.name);
        hashes = [result.about.hash];
      }
    } finally {
      sources?.release();
    }
  }

  /** The run for one step, maybe one that is under way already. */
  #run({ module, argv, report }: Step, sources: Inputs, hashes: readonly string[], user: User): SharedRun {
    const key = keyOf({ module, argv, inputs: hashes });
    report.key = key;
    // With files beyond its input, nobody knows what a result depends on: it is neither kept nor shared.
    const isKept = module.grants.length === 0;
    const before = isKept ? this.#runs.get(key) : undefined;
    if (before && !before.isAborted) {
      report.from = "running";
      return before;
    }
    report.from = "run";
    const spool = this.#known.cache.spool(user.name, besideBytesOf(sources.list));
    sources.hold();
    const run = new SharedRun(spool, async (signal, askers, onProgress) => {
      try {
        const call: Call = { user, signal };
        const work: Work = { module, argv, key, sources: sources.list, call, askers, spool, onProgress };
        return await this.#runModule(work);
      } catch (thrown) {
        spool.discard();
        throw thrown;
      } finally {
        sources.release();
      }
    });
    if (isKept) {
      this.#runs.set(key, run);
      run.ended.finally(() => {
        if (this.#runs.get(key) === run) this.#runs.delete(key);
      });
    }
    return run;
  }

  async #runModule({ module, argv, key, sources, call, askers, spool, onProgress }: Work): Promise<Result> {
    const { library, cache, granted } = this.#known;
    const health = library.health(module.name);
    health.check(module.hash, call.user.name);
    // At once, so that a short input is pinned from here on.
    const input = concatenated(sources);
    const { size, bytes, read } = input instanceof Promise ? await input : input;
    const starting = this.#known.runner();
    const runner = starting instanceof Promise ? await starting : starting;
    const preopens: Preopen[] = [];
    let ran: RunResult;
    try {
      if (module.grants.length > 0) await this.#preopen(module, preopens, call);
      ran = await runner.run({
        module: { hash: module.hash, path: module.path },
        args: [module.name, ...argv],
        limits: runLimits(module.manifest.limits),
        seed: seedOf(key),
        stdin: bytes ? { kind: "bytes", bytes } : { kind: "stream", size, read },
        preopens,
        output: { inlineBytesMax: INLINE_BYTES_MAX, spool: spool.path, onProgress },
        caller: call.user.name,
        sharers: askers,
        signal: call.signal,
      });
    } finally {
      for (const { root } of preopens) granted.drop?.(root as object);
    }
    const { failure, fuel: used, wallUs, memoryBytes } = ran;
    const costs = { fuel: Number(used), wallUs, memoryBytes };
    // Up to here it counts as far as the run has told.
    if (ran.output.kind === "file") spool.grow(ran.output.length);
    if (spool.refusal) {
      throw new NineError(spool.refusal.errno, `The translator ${module.name}: ${spool.refusal.message}`);
    }
    if (failure) {
      const reason = `The translator ${module.name}: ${failure.error.message}`;
      if (!NOT_RUN.has(failure.reason)) {
        const fault = FAULTS.get(failure.reason);
        health.ended({ ...costs, reason, ...(fault && { fault }) }, module.hash, askers.answerable);
      }
      throw new NineError(failure.error.errno, reason);
    }
    try {
      const slice = new Slice();
      for (const source of sources) {
        const waits = source.verify() ?? slice.breathe();
        if (waits) await waits;
      }
      const seal = sealed(ran.output);
      const about: About = { ...costs, ...(seal instanceof Promise ? await seal : seal) };
      health.ended(costs, module.hash, askers.answerable);
      const isKept = module.grants.length === 0;
      if (ran.output.kind === "bytes") {
        const { bytes } = ran.output;
        return isKept
          ? cache.putBytes(key, bytes, about, askers.answerable)
          : new Result(key, about, "", bytes);
      }
      return isKept
        ? await cache.putFile(key, spool, about, askers.answerable)
        : cache.passing(key, spool, about);
    } catch (thrown) {
      throw new NineError(errnoOf(thrown), `The result of ${module.name}: ${reasonOf(thrown)}`);
    }
  }

  /** Adds the folders that the module was granted, opened as the user who asks; each is held. */
  async #preopen({ grants }: Module, preopens: Preopen[], call: Call): Promise<void> {
    const { granted: server, walk } = this.#known;
    for (const { read } of grants) {
      const root = await walk(read, call);
      server.hold?.(root);
      preopens.push({ guestPath: read, server, root, writable: false, call });
    }
  }
}

/** Failures that the module is to blame for, and not its input or the node. */
const FAULTS = new Map<FailureReason, "module" | "run">([
  ["invalid module", "module"],
  ["oversized module", "module"],
  ["slow compile", "module"],
  ["link", "module"],
  ["trap", "run"],
  ["fuel", "run"],
  ["deadline", "run"],
  ["memory", "run"],
  ["table", "run"],
  ["stack", "run"],
  ["output", "run"],
]);
/** Failures of which the module knows nothing. */
const NOT_RUN = new Set(["unavailable", "queue", "aborted"]);

/** The output of a step as the input of the next one. */
function outputOf(result: Result, name: string): Inputs {
  const inputs = new Inputs();
  inputs.list.push(resultInput(result, `the output of ${name}`, 0));
  return inputs;
}

/** One result counts once, however often it is named. */
function besideBytesOf(inputs: readonly Input[]): number {
  const bytesOf = new Map(inputs.map(({ hash, besideBytes = 0 }) => [hash, besideBytes]));
  return bytesOf.values().reduce((sum, bytes) => sum + bytes, 0);
}

function sealed(output: RunResult["output"]): Later<Pick<About, "hash" | "size">> {
  if (output.kind === "file") return sealOf(output.path);
  return { hash: createHash("sha256").update(output.bytes).digest("hex"), size: output.bytes.byteLength };
}
