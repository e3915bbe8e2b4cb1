import { NineError, reasonOf } from "../../9p/mod.ts";
import type { FromWorker, KeeperOptions, ToWorker } from "./messages.ts";

/** Until a Worker that could not be started is started again. */
const RETRY_MS = 5000;

type Answer<Kind extends FromWorker["kind"]> = Extract<FromWorker, { kind: Kind }>;

export interface StateWorkerOptions extends KeeperOptions {
  readonly folder: string;
}

/** Who is told what becomes of the Worker, and of what it says but for that. */
export interface StateWorkerListener {
  took(message: FromWorker): void;
  /** It has been started, by something that was said to it. `damage` is what was wrong and is mended. */
  woke(damage: readonly string[]): void;
  /** It goes on, although it was to rest. */
  stayed(): void;
  /** It has let go of the database, which is whole. What is said to it from now on starts another. */
  rested(): void;
  /** It could not be started, which is tried again. */
  failed(error: NineError): void;
  /** It ended while it worked, and stays so. */
  died(error: NineError): void;
}

/** `waiting`: it could not be started, and will be later. */
type State = "none" | "starting" | "running" | "resting" | "waiting" | "dead";

/**
 * The life of the state Worker, which takes some 40 MB: it is started when there is something to do, and ends when there was nothing
 * for some time. What is said to it while it is not there, or comes too late for the one that was, the next one hears.
 */
export class StateWorker {
  #listener: StateWorkerListener | undefined;
  #worker: Worker | undefined;
  #state: State = "none";
  /** What the next Worker has to hear, in order; of how far the log is, the last only. */
  #unheard: ToWorker[] = [];
  #retry: ReturnType<typeof setTimeout> | undefined;
  #between: PromiseWithResolvers<void> | undefined;

  constructor(readonly options: StateWorkerOptions, readonly retryMs = RETRY_MS) {}

  /** The one that there is at the moment. */
  get worker(): Worker | undefined {
    return this.#worker;
  }

  get isRunning(): boolean {
    return this.#state === "running";
  }

  /** Starts one for a volume that nobody uses yet, which is told only what `ask` asks. */
  async open(): Promise<Answer<"opened">> {
    const opened = await this.#start(false);
    this.#state = "running";
    return opened;
  }

  /** For a Worker that says nothing by itself yet. */
  ask<Kind extends FromWorker["kind"]>(message: ToWorker, kind: Kind): Promise<Answer<Kind>> {
    const worker = this.#worker!;
    return new Promise((resolve, reject) => {
      worker.onmessage = ({ data }: MessageEvent<FromWorker>) => {
        if (data.kind === kind) resolve(data as Answer<Kind>);
        else if (data.kind === "failed") reject(new NineError(data.errno, data.message));
      };
      worker.onerror = (event) => {
        event.preventDefault();
        reject(new NineError("EIO", `The state Worker ended: ${event.message}`));
      };
      worker.postMessage(message);
    });
  }

  /** From now on what it says goes to the listener. */
  listen(listener: StateWorkerListener): void {
    this.#listener = listener;
    if (this.#worker !== undefined) this.#hear(this.#worker);
  }

  /** Starts one where there is none. */
  say(message: ToWorker): void {
    if (this.#state === "running" || message.kind === "renewed") return this.#worker!.postMessage(message);
    if (this.#state === "dead") return;
    if (message.kind === "logged") this.#unheard = this.#unheard.filter(({ kind }) => kind !== "logged");
    this.#unheard.push(message);
    // Either it hears this and stays, or it has rested before.
    if (this.#state === "resting") this.#worker!.postMessage(message);
    if (this.#state === "none") void this.#wake();
  }

  /** Asks it to end as soon as it has nothing to do. */
  rest(): void {
    if (this.#state !== "running") return;
    this.#state = "resting";
    this.#worker!.postMessage({ kind: "rest" } satisfies ToWorker);
  }

  /** Resolves when it runs or there is none. */
  async settled(): Promise<void> {
    while (this.#state === "starting" || this.#state === "resting") {
      this.#between ??= Promise.withResolvers();
      await this.#between.promise;
    }
  }

  /** Ends it wherever it is. */
  terminate(): void {
    clearTimeout(this.#retry);
    this.#worker?.terminate();
    this.#worker = undefined;
    this.#become("dead");
  }

  async #wake(): Promise<void> {
    clearTimeout(this.#retry);
    try {
      const { damage } = await this.#start(true);
      // It was terminated meanwhile.
      if (this.#state !== "starting") return;
      this.#hear(this.#worker!);
      this.#become("running");
      this.#listener!.woke(damage);
      this.#tellUnheard();
    } catch (thrown) {
      if (this.#state !== "starting") return;
      this.#worker?.terminate();
      this.#worker = undefined;
      // Who said anything else is told, and has to say it again.
      this.#unheard = this.#unheard.filter(({ kind }) => kind === "logged");
      this.#become("waiting");
      this.#retry = setTimeout(() => this.#wake(), this.retryMs);
      const why = thrown instanceof NineError ? thrown : new NineError("EIO", reasonOf(thrown));
      this.#listener!.failed(
        new NineError(why.errno, `The volume takes nothing more until its Worker starts: ${why.message}`),
      );
    }
  }

  #start(isWaking: boolean): Promise<Answer<"opened">> {
    this.#state = "starting";
    this.#worker = new Worker(new URL("../worker/worker.ts", import.meta.url), {
      type: "module",
      name: "state",
    });
    return this.ask({ kind: "open", isWaking, ...this.options }, "opened");
  }

  #hear(worker: Worker): void {
    worker.onmessage = ({ data }: MessageEvent<FromWorker>) => this.#take(data);
    worker.onerror = (event) => {
      event.preventDefault();
      this.#become("dead");
      this.#listener!.died(
        new NineError("EIO", `The state Worker ended, and the volume takes nothing more: ${event.message}`),
      );
    };
  }

  #take(message: FromWorker): void {
    if (message.kind === "rested") {
      this.#worker!.terminate();
      this.#worker = undefined;
      this.#become("none");
      this.#listener!.rested();
      // The last one did not hear it.
      if (this.#unheard.length > 0 && this.#state === "none") void this.#wake();
    } else if (message.kind === "awake") {
      this.#unheard = [];
      this.#become("running");
      this.#listener!.stayed();
    } else {
      this.#listener!.took(message);
    }
  }

  #tellUnheard(): void {
    for (const message of this.#unheard) this.#worker!.postMessage(message);
    this.#unheard = [];
  }

  #become(state: State): void {
    this.#state = state;
    this.#between?.resolve();
    this.#between = undefined;
  }
}
