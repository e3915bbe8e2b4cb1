import { NineError } from "../../9p/mod.ts";
import type { Refused } from "../sync/mod.ts";
import type { FromWorker, News, ToWorker } from "../volume/mod.ts";
import type { Keeper } from "./keeper.ts";

/** What is done while clients change nothing, after all that they did, as to take in what others changed. */
export interface Incoming {
  /**
   * `last`: the last operation that is applied; `held`: files that somebody has open. All that is committed is durable when it is done: operations that are logged then may be about what only the
   * database tells. What it gives is called once the main isolate was told.
   */
  act(keeper: Keeper, last: number, held: ReadonlySet<number>): () => void;
  failed(thrown: unknown): void;
}

type Held = Extract<ToWorker, { kind: "held" }>;

export interface IntakeOptions {
  post(message: FromWorker): void;
  /** Called where something failed, before who brought it is told. */
  onFailed(): void;
}

/**
 * What others changed, on its way in. The main isolate is asked to hold back changes, which it does once all that clients did is logged; then one batch is taken in, and the main isolate
 * is told what is other now.
 */
export class Intake {
  readonly #options: IntakeOptions;
  readonly #waiting: Incoming[] = [];
  /** Files that are others than the main isolate knows. */
  #changed = new Set<number>();
  /** The main isolate was asked to hold back changes, and does so. */
  #isHoldAsked = false;
  #held: Held | undefined;

  constructor(options: IntakeOptions) {
    this.#options = options;
  }

  /** Nothing is to be taken in or told. */
  get isIdle(): boolean {
    return !this.#isHoldAsked && this.#waiting.length === 0 && this.#changed.size === 0;
  }

  /** Changes are held back: something can be taken in once everything that was logged is applied. */
  get isHeld(): boolean {
    return this.#held !== undefined;
  }

  add(batch: Incoming): void {
    this.#waiting.push(batch);
    this.ask();
  }

  /** What the main isolate shows is about to be something else, or is so already: it is to hold back changes, if it does not. */
  ask(): void {
    if (this.#isHoldAsked || this.#waiting.length === 0 && this.#changed.size === 0) return;
    this.#isHoldAsked = true;
    this.#options.post({ kind: "holds" });
  }

  held(message: Held): void {
    this.#held = message;
  }

  /** The main isolate could not: the first batch has failed. */
  unheld({ errno, message }: Extract<ToWorker, { kind: "unheld" }>): void {
    this.#isHoldAsked = false;
    this.#waiting.shift()?.failed(new NineError(errno, message));
  }

  /** Takes in the next batch: everything that was logged is applied, and no change comes before the main isolate was told what is other now. Throws what it failed of, once that is told. */
  take(keeper: Keeper): void {
    const { post, onFailed } = this.#options;
    const { last, files } = this.#held!;
    this.#held = undefined;
    this.#isHoldAsked = false;
    const batch = this.#waiting.shift();
    try {
      const done = batch?.act(keeper, last, new Set(files));
      this.noteChanged(keeper);
      if (done === undefined) keeper.makeDurable();
      post({ kind: "received", changed: [...this.#changed] });
      this.#changed = new Set();
      done?.();
    } catch (thrown) {
      post({ kind: "received", changed: [] });
      onFailed();
      batch?.failed(thrown);
      throw thrown;
    }
  }

  /** Takes note of what became another by itself, and tells of conflicts that came or went. */
  noteChanged(keeper: Keeper): void {
    for (const ino of keeper.takeChanged()) this.#changed.add(ino);
    const { came, went } = keeper.conflicts.changes();
    if (came.length + went.length > 0) this.#options.post({ kind: "conflicts", came, went });
  }
}

/** Takes in records of others; `done` is told which of them were refused. */
export function receiving(news: News, done: (refused: readonly Refused[]) => void): Pick<Incoming, "act"> {
  return {
    act(keeper, last, held) {
      const refused = keeper.copy.receive(news, last, held);
      return () => done(refused);
    },
  };
}
