import { errnoOf, type NineError, reasonOf } from "../../9p/mod.ts";
import type { Log } from "../log/mod.ts";
import type { Operation } from "../operation/mod.ts";
import type { Following } from "./following.ts";
import type { Gate } from "./gate.ts";
import type { News } from "./messages.ts";
import { now } from "./now.ts";
import type { StateWorker } from "./state_worker.ts";

export interface ReceivingOptions {
  readonly log: Log;
  readonly state: StateWorker;
  readonly following: Following;
  readonly gate: Gate;
  /** Gives the number of the operation. */
  append(operation: Operation): number;
  /** Makes versions of what was written. */
  settle(): void;
  /** Files that somebody has open. */
  heldFiles(): number[];
}

/** What others changed, as the Worker takes it in: changes of this side wait meanwhile. */
export class Receiving {
  readonly #options: ReceivingOptions;
  #receiving: PromiseWithResolvers<readonly string[]> | undefined;
  #isClosed = false;
  #isAhead = false;

  constructor(options: ReceivingOptions) {
    this.#options = options;
  }

  get isReceiving(): boolean {
    return this.#receiving !== undefined;
  }

  /** The index may have what no operation of this side did, and which files that are was not told yet. */
  get isAhead(): boolean {
    return this.#isAhead;
  }

  /** It was. */
  told(): void {
    this.#isAhead = false;
  }

  /** Says what of it was refused, and why. */
  async receive(news: News): Promise<readonly string[]> {
    while (this.#receiving !== undefined) await this.#receiving.promise.catch(() => {});
    this.#options.following.checkAlive();
    const receiving = this.#receiving = Promise.withResolvers<readonly string[]>();
    this.#options.state.say({ kind: "receive", news });
    return await receiving.promise.finally(() => this.#receiving = undefined);
  }

  took(refused: readonly string[]): void {
    this.#receiving?.resolve(refused);
  }

  fail(error: NineError): void {
    this.#receiving?.reject(error);
  }

  /** Changes wait from here on, until the Worker says what is other. */
  async hold(): Promise<void> {
    const { log, state, following, gate, append, settle, heldFiles } = this.#options;
    this.#isAhead = true;
    while (gate.closing !== undefined) await gate.closing.done.promise;
    if (this.#isClosed || following.isDead) return;
    gate.close();
    try {
      // Of what is written and in no version the documents know nothing.
      settle();
      const last = append({ kind: "receive", by: "", time: now() });
      await log.sync();
      state.say({ kind: "held", last, files: heldFiles() });
    } catch (thrown) {
      gate.open();
      state.say({ kind: "unheld", errno: errnoOf(thrown), message: reasonOf(thrown) });
    }
  }

  close(): void {
    this.#isClosed = true;
  }
}
