import { NineError, reasonOf } from "../../9p/mod.ts";
import { callersOf } from "./callers.ts";
import type { Clockwork } from "./clockwork.ts";
import { ANSWER_BYTES_MAX, ControlDesk, newControl } from "./control.ts";
import { FairQueue, type QueueBounds } from "./fair_queue.ts";
import { FilesDesk } from "./files_desk.ts";
import type { Engines, FromWorker, HostAsk, Outcome, ToWorker } from "./messages.ts";
import type { Pin } from "./module_store.ts";
import type { FailureReason, RunRequest } from "./run.ts";

/** Input up to that size goes along with the order. */
const STDIN_INLINE_BYTES_MAX = 1024 * 1024;
/** A run that is over its time ends itself; that much later it is told to, and then its Worker is given up, ms. */
const LATE_MS = 500;
const LOST_MS = 5000;
const LOOK_MS = 250;
/** How long a Worker may take to start, ms: a machine may be busy. */
const START_MS_MAX = 60_000;
/** Whoever has no run is not to wait longer than this for the end of somebody else's, ms. */
const PATIENCE_MS = 500;
/** Workers beyond the usual ones, for those who waited that long. */
const EXTRA_MAX = 2;
/** How long the extra ones are kept with nothing to do, ms. */
const EXTRA_IDLE_MS = 2000;
/** How long the clock goes on for a Worker that was given up: its guest may still have to be interrupted, ms. */
const LINGER_MS = 60_000;

export interface PoolOptions {
  /** As many runs go on at one time; a few more, where somebody would have to wait for others' long runs. */
  readonly workersMax: number;
  readonly queue: QueueBounds;
  readonly library: string;
  readonly engines: Engines;
  readonly clockwork: Clockwork;
  /** The isolate's program. */
  readonly program: URL;
}

/** Ended without the guest's doing. */
export class PoolFailure extends Error {
  constructor(readonly reason: FailureReason, message: string) {
    super(message);
  }
}

interface Job {
  readonly request: RunRequest;
  readonly pin: Pin;
  readonly askedAt: number;
  readonly resolve: (outcome: Outcome) => void;
  readonly reject: (failure: PoolFailure) => void;
  attempts: number;
  /** Part of the output was shown: another attempt would show it twice. */
  isShown: boolean;
  /** Why the input could not be read. */
  inputError?: unknown;
}

interface Member {
  readonly worker: Worker;
  readonly desk: ControlDesk;
  readonly scratch: Uint8Array;
  isReady: boolean;
  current?: {
    readonly run: number;
    readonly job: Job;
    readonly files: FilesDesk;
    startedAt: number;
    isStopped: boolean;
  };
}

/**
 * The Workers. They start when there is something to do, and stay. Callers take turns, which is fair as long as runs are
 * short. A run may take as long as its manifest allows, though, and one caller's runs may keep all the Workers: so whoever
 * has none and has waited for a moment gets an extra one, which ends when there is nothing to do for it. With more such
 * callers than extra Workers, they wait for each other.
 */
export class Pool {
  readonly #options: PoolOptions;
  readonly #queue: FairQueue<Job>;
  readonly #members = new Set<Member>();
  readonly #idle: Member[] = [];
  readonly #lingering = new Set<ReturnType<typeof setTimeout>>();
  #lastRun = 0;
  #retiring: ReturnType<typeof setTimeout> | undefined;
  #watch: ReturnType<typeof setInterval> | undefined;
  #isClosed = false;
  /** Workers that died or were given up. */
  replaced = 0;

  constructor(options: PoolOptions) {
    this.#options = options;
    this.#queue = new FairQueue(options.queue);
  }

  get size(): number {
    return this.#members.size;
  }

  get busy(): number {
    return this.#members.size - this.#idle.length;
  }

  get queued(): number {
    return this.#queue.size;
  }

  /** Runs the module once there is a Worker for it. Rejects with a PoolFailure. */
  run(request: RunRequest, pin: Pin): Promise<Outcome & { inputError?: unknown }> {
    const { promise, resolve, reject } = Promise.withResolvers<Outcome & { inputError?: unknown }>();
    const finish = () => {
      request.signal?.removeEventListener("abort", abort);
      if (request.sharers) request.sharers.onChange = undefined;
    };
    const job: Job = {
      request,
      pin,
      askedAt: performance.now(),
      attempts: 0,
      isShown: false,
      resolve: (outcome) => {
        finish();
        resolve(job.inputError === undefined ? outcome : { ...outcome, inputError: job.inputError });
      },
      reject: (failure) => {
        finish();
        reject(failure);
      },
    };
    const abort = () => this.#abort(job);
    try {
      if (this.#isClosed) throw new PoolFailure("unavailable", "The engine is closed");
      this.#enqueue(job);
    } catch (error) {
      reject(error instanceof NineError ? new PoolFailure("queue", reasonOf(error)) : error);
      return promise;
    }
    request.signal?.addEventListener("abort", abort);
    if (request.signal?.aborted) abort();
    this.#dispatch();
    return promise;
  }

  /** Every Worker forgets the module, and one deletes it. */
  drop(key: string, address: bigint | undefined): void {
    let isDeleted = address === undefined;
    for (const { worker } of this.#members) {
      const message: ToWorker = isDeleted ? { kind: "drop", key } : { kind: "drop", key, address };
      worker.postMessage(message);
      isDeleted = true;
    }
  }

  /** Ends everything that runs or waits. */
  async close(): Promise<void> {
    this.#isClosed = true;
    for (let job = this.#queue.shift(); job !== undefined; job = this.#queue.shift()) {
      job.reject(new PoolFailure("aborted", "The engine was closed"));
    }
    const until = performance.now() + LOST_MS;
    for (const member of this.#members) if (member.current) member.desk.stop(member.current.run);
    while (this.busy > 0 && performance.now() < until) await new Promise((resolve) => setTimeout(resolve, 5));
    for (const member of [...this.#members]) this.#lose(member, "aborted", "The engine was closed");
    for (const timer of this.#lingering) clearTimeout(timer);
    clearInterval(this.#watch);
    clearTimeout(this.#retiring);
  }

  /** In the queues of all who wait for it; throws where there is no room in any. */
  #enqueue(job: Job): void {
    const { sharers } = job.request;
    let refusal: unknown;
    for (const name of callersOf(job.request)) {
      try {
        this.#queue.push(name, job);
      } catch (thrown) {
        refusal ??= thrown;
      }
    }
    if (!this.#queue.has(job)) throw refusal;
    if (!sharers) return;
    sharers.onChange = () => {
      if (!this.#queue.has(job)) return;
      this.#queue.share(sharers.names, job);
      this.#dispatch();
    };
  }

  #abort(job: Job): void {
    if (this.#queue.remove(job)) {
      return job.reject(new PoolFailure("aborted", "Nobody waits for the result any more"));
    }
    for (const { current, desk } of this.#members) if (current?.job === job) desk.stop(current.run);
  }

  #dispatch(): void {
    while (!this.#isClosed) {
      const job = this.#next();
      if (job === undefined) return;
      this.#assign(this.#idle.pop() ?? this.#hire(), job);
    }
  }

  /** What may run now. */
  #next(): Job | undefined {
    const { workersMax } = this.#options;
    if (this.busy < workersMax) return this.#queue.shift();
    if (this.busy >= workersMax + EXTRA_MAX) return undefined;
    const latest = performance.now() - PATIENCE_MS;
    return this.#queue.shift(({ askedAt }, caller) => askedAt <= latest && !this.#isServed(caller));
  }

  #isServed(caller: string): boolean {
    for (const { current } of this.#members) {
      if (!current) continue;
      for (const name of callersOf(current.job.request)) if (name === caller) return true;
    }
    return false;
  }

  #hire(): Member {
    const { library, engines, program } = this.#options;
    const control = newControl();
    const worker = new Worker(program, { type: "module", name: "translator" });
    const member: Member = {
      worker,
      desk: new ControlDesk(control),
      scratch: new Uint8Array(ANSWER_BYTES_MAX),
      isReady: false,
    };
    worker.onmessage = ({ data }: MessageEvent<FromWorker>) => this.#hear(member, data);
    worker.onerror = (event) => {
      event.preventDefault();
      this.#lose(member, "engine", `The Worker died: ${event.message}`);
    };
    worker.onmessageerror = () => this.#lose(member, "engine", "The Worker said what cannot be understood");
    const start: ToWorker = { kind: "start", library, engines, control };
    worker.postMessage(start);
    this.#members.add(member);
    return member;
  }

  #assign(member: Member, job: Job): void {
    const { request } = job;
    const run = this.#lastRun = (this.#lastRun % 0x7fffffff) + 1;
    const files = new FilesDesk();
    job.attempts++;
    member.current = { run, job, files, startedAt: performance.now(), isStopped: false };
    this.#options.clockwork.add(1);
    this.#watch ??= setInterval(() => this.#look(), LOOK_MS);
    try {
      const order: ToWorker = {
        kind: "run",
        run,
        module: job.pin.ticket(),
        args: request.args,
        env: request.env ?? [],
        limits: request.limits,
        seed: request.seed,
        ...(isInline(request) && { stdin: request.stdin.bytes }),
        preopens: files.admit(request.preopens ?? []),
        output: { inlineBytesMax: request.output.inlineBytesMax, spool: request.output.spool },
      };
      member.worker.postMessage(order);
    } catch (error) {
      this.#rest(member);
      job.reject(new PoolFailure("engine", `The run could not be handed to a Worker: ${reasonOf(error)}`));
    }
  }

  /** The member's run is over. */
  #rest(member: Member): void {
    member.current!.files.close();
    member.current = undefined;
    this.#idle.push(member);
    this.#ended();
    if (this.#members.size > this.#options.workersMax) {
      this.#retiring ??= setTimeout(() => this.#retire(), EXTRA_IDLE_MS);
    }
  }

  /** Lets those go that were hired for a moment and have nothing to do. */
  #retire(): void {
    this.#retiring = undefined;
    const { workersMax } = this.#options;
    while (this.#members.size > workersMax && this.#idle.length > 0) {
      // The one that has been idle for longest.
      const member = this.#idle.shift()!;
      this.#members.delete(member);
      const message: ToWorker = { kind: "end" };
      member.worker.postMessage(message);
    }
  }

  #ended(): void {
    this.#options.clockwork.add(-1);
  }

  #hear(member: Member, message: FromWorker): void {
    const { current } = member;
    if (message.kind === "ready") {
      member.isReady = true;
      // Until now it was the Worker that took its time.
      if (current !== undefined) current.startedAt = performance.now();
      return;
    }
    if (current === undefined || current.run !== message.run) return;
    switch (message.kind) {
      case "call":
        return this.#answer(member, message.call, message.ask);
      case "tell":
        try {
          current.files.answer(message.op);
        } catch {
          // Nobody waits for an answer.
        }
        return;
      case "progress":
        current.job.isShown ||= current.job.request.output.onProgress !== undefined;
        return current.job.request.output.onProgress?.(message.bytes);
      case "done": {
        const { outcome } = message;
        if (outcome.loaded !== undefined) current.job.pin.loaded(outcome.loaded);
        this.#rest(member);
        current.job.resolve(outcome);
        return this.#dispatch();
      }
    }
  }

  /** At once where that is possible; else later, unless the run is over by then. */
  #answer(member: Member, call: number, ask: HostAsk): void {
    const { desk } = member;
    const current = member.current!;
    const refuse = (thrown: unknown) => {
      if (ask.op === "stdin") current.job.inputError ??= thrown;
      desk.refuse(call, thrown);
    };
    try {
      if (ask.op === "stdin") {
        const into = member.scratch.subarray(0, Math.min(ask.count, ANSWER_BYTES_MAX));
        const count = readInput(current.job.request, ask.offset, into);
        if (typeof count === "number") return desk.answer(call, undefined, into.subarray(0, count));
        count.then(
          (count) => member.current === current && desk.answer(call, undefined, into.subarray(0, count)),
          (thrown) => member.current === current && refuse(thrown),
        );
        return;
      }
      const reply = current.files.answer(ask);
      if (!(reply instanceof Promise)) return desk.answer(call, reply.value, reply.raw);
      reply.then(
        (reply) => member.current === current && desk.answer(call, reply.value, reply.raw),
        (thrown) => member.current === current && refuse(thrown),
      );
    } catch (thrown) {
      refuse(thrown);
    }
  }

  /** Whether any run is over its time and does not know. It goes on for a moment: a timer costs a part of a small run. */
  #look(): void {
    if (this.busy === 0) {
      clearInterval(this.#watch);
      this.#watch = undefined;
      return;
    }
    const now = performance.now();
    for (const member of [...this.#members]) {
      const { current } = member;
      if (current === undefined) continue;
      const { wallMs } = current.job.request.limits;
      const lateMs = now - current.startedAt - wallMs;
      if (!member.isReady) {
        if (now - current.startedAt > START_MS_MAX) {
          this.#lose(member, "engine", `A Worker did not start within ${START_MS_MAX} ms`);
        }
        continue;
      }
      if (lateMs > LOST_MS) {
        this.#lose(
          member,
          "deadline",
          `The run did not end ${LOST_MS} ms after the ${wallMs} ms that it is allowed`,
        );
      } else if (lateMs > LATE_MS && !current.isStopped) {
        current.isStopped = true;
        member.desk.stop(current.run);
      }
    }
    // Somebody may have waited long enough by now.
    this.#dispatch();
  }

  /** The Worker is of no use any more; its run is tried again with another one, where that can do no harm. */
  #lose(member: Member, reason: FailureReason, message: string): void {
    if (!this.#members.delete(member)) return;
    this.replaced++;
    member.worker.terminate();
    const { current } = member;
    if (current === undefined) {
      this.#idle.splice(this.#idle.indexOf(member), 1);
    } else {
      member.current = undefined;
      current.files.close();
      this.#linger();
      const { job } = current;
      removeSpool(job.request);
      const mayRepeat = reason === "engine" && !this.#isClosed && job.attempts < 2 && !job.isShown &&
        !job.request.preopens?.some(({ writable }) => writable) && !job.request.signal?.aborted;
      if (mayRepeat) {
        for (const name of callersOf(job.request)) this.#queue.pushBack(name, job);
      } else job.reject(new PoolFailure(reason, message));
    }
    this.#dispatch();
  }

  #linger(): void {
    if (this.#isClosed) return this.#ended();
    const timer = setTimeout(() => {
      this.#lingering.delete(timer);
      this.#ended();
    }, LINGER_MS);
    timer.unref();
    this.#lingering.add(timer);
  }
}

function isInline(
  request: RunRequest,
): request is RunRequest & { stdin: { kind: "bytes"; bytes: Uint8Array } } {
  return request.stdin.kind === "bytes" && request.stdin.bytes.length <= STDIN_INLINE_BYTES_MAX;
}

/** Fills `into` from there on. */
function readInput({ stdin }: RunRequest, offset: number, into: Uint8Array): number | Promise<number> {
  if (stdin.kind === "stream") return stdin.read(offset, into);
  const part = stdin.bytes.subarray(offset, offset + into.length);
  into.set(part);
  return part.length;
}

/** What the Worker that was lost has written. */
function removeSpool({ output }: RunRequest): void {
  try {
    Deno.removeSync(output.spool);
  } catch {
    // It had written none.
  }
}
