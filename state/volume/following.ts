import type { NineError } from "../../9p/mod.ts";
import type { Log } from "../log/mod.ts";
import type { IndexReader } from "../store/mod.ts";

/** With more operations, or bytes of log, that are not applied, changes wait. Each is some 500 bytes of memory. */
const BEHIND_MAX = 50_000;
/** They go on once it is this part of that: on a slow machine clients do not wait half a minute for a reply. */
const RESUME_PART = 0.95;
const BEHIND_BYTES_MAX = 1024 ** 3;

export interface FollowingOptions {
  readonly log: Log;
  /** As it was at the last renewal. */
  index(): IndexReader;
  /** Makes durable what is in the log, and has it applied. */
  flush(): Promise<void>;
  /** With more operations that the index does not have, changes wait; 50,000. */
  readonly behindMax: number | undefined;
  /** Told of each trouble, once. */
  onTrouble(message: string): void;
}

/** How far the index follows the log, which the Worker brings it up to, who waits for it, and why it does not get further. */
export class Following {
  readonly #options: FollowingOptions;
  #whenApplied: (() => void)[] = [];
  #stuck: NineError | undefined;
  /** Why there is no Worker any more. */
  #dead: NineError | undefined;
  /** Why there is none as long as it could not be started. */
  #unstarted: NineError | undefined;

  constructor(options: FollowingOptions) {
    this.#options = options;
  }

  /** What keeps it, as a full disk. */
  get stuck(): NineError | undefined {
    return this.#stuck;
  }

  get isDead(): boolean {
    return this.#dead !== undefined;
  }

  /** What is asked of a Worker that is no more would wait in the log for the next start. */
  checkAlive(): void {
    const error = this.#dead ?? this.#unstarted;
    if (error !== undefined) throw error;
  }

  /** What changes have to wait for, where the index is too far behind; throws where it cannot follow. */
  behind(): Promise<void> | undefined {
    const { log, behindMax = BEHIND_MAX } = this.#options;
    this.checkAlive();
    const { applied } = this.#options.index();
    const isBehind = log.last - applied > behindMax;
    const isLong = log.bytes > BEHIND_BYTES_MAX && applied < log.last;
    if (!isBehind && !isLong) return undefined;
    // Where the index cannot follow, as on a full disk, what comes on top is refused.
    if (this.#stuck !== undefined) throw this.#stuck;
    // Few operations may have many bytes. Once all are applied, waiting makes the log no shorter.
    return this.caughtUp(isBehind ? log.last - Math.floor(behindMax * RESUME_PART) : log.last);
  }

  /** Resolves when the index has everything up to that operation. */
  async caughtUp(number: number): Promise<void> {
    const { index, flush } = this.#options;
    if (index().applied < number) await flush();
    while (index().applied < number) {
      if (this.#stuck !== undefined) throw this.#stuck;
      await new Promise<void>((wake) => this.#whenApplied.push(wake));
    }
  }

  /** The Worker was started. */
  started(): void {
    this.#unstarted = this.#stuck = undefined;
  }

  /** It could not be, which is tried again. */
  unstarted(error: NineError): void {
    this.#unstarted = error;
  }

  died(error: NineError): void {
    this.#dead = error;
  }

  /** It applied something: what kept it does so no more. */
  unstuck(): void {
    this.#stuck = undefined;
  }

  trouble(error: NineError): void {
    if (this.#stuck?.message !== error.message) this.#options.onTrouble(error.message);
    this.#stuck = error;
    this.wake();
  }

  /** Whoever waits looks again. */
  wake(): void {
    const waiting = this.#whenApplied;
    this.#whenApplied = [];
    for (const wake of waiting) wake();
  }
}
