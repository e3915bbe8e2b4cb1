import { NineError, Slice } from "../../9p/mod.ts";
import type { Evaluation } from "./evaluation.ts";
import type { Pins } from "./stored_input.ts";

/** Of one file made from another, and so on. */
const DEPTH_MAX = 16;
/** How many inputs are opened for one computed file, those of what it is made from included. */
const INPUTS_MAX = 10_000;
/** Of short inputs that are kept in memory for one computed file. */
const PINNED_BYTES_MAX = 16 * 1024 * 1024;

/** One computed file on the way to another, outermost first. */
interface Step {
  readonly id: unknown;
  readonly path: string;
}

/** What all that is evaluated for one request shares. */
interface Shared {
  readonly inputsMax: number;
  /** Of outputs that others are made from, however often they are named; held. */
  readonly evaluations: Map<unknown, Evaluation>;
  readonly pins: Pins;
  readonly slice: Slice;
  inputs: number;
}

/**
 * What leads to an evaluation: somebody's request, and the files on the way from what was asked for. However many
 * recipes name each other, each is evaluated once, and there is a bound for all of them together.
 */
export class Asking {
  private constructor(readonly way: readonly Step[], readonly shared: Shared) {}

  static first(inputsMax = INPUTS_MAX): Asking {
    return new Asking([], {
      inputsMax,
      evaluations: new Map(),
      pins: { bytesLeft: PINNED_BYTES_MAX },
      slice: new Slice(),
      inputs: 0,
    });
  }

  /** One file further. ELOOP where it comes back to itself or grows too long. */
  further(step: Step): Asking {
    const way = [...this.way, step];
    if (this.way.some(({ id }) => id === step.id)) {
      throw new NineError(
        "ELOOP",
        `${way.map(({ path }) => path).join(" is made from ")}: a file cannot be made from itself`,
      );
    }
    if (way.length > DEPTH_MAX) {
      throw new NineError(
        "ELOOP",
        `${way[0].path} is made from files made from files, ${way.length} deep; allowed are ${DEPTH_MAX}`,
      );
    }
    return new Asking(way, this.shared);
  }

  evaluated(id: unknown): Evaluation | undefined {
    return this.shared.evaluations.get(id);
  }

  /** Keeps an evaluation, which is held, to the end of the request. */
  keep(id: unknown, evaluation: Evaluation): void {
    this.shared.evaluations.set(id, evaluation);
  }

  /** One more input; E2BIG where there are too many. */
  count(): void {
    const { inputsMax } = this.shared;
    if (++this.shared.inputs > inputsMax) {
      throw new NineError(
        "E2BIG",
        `${
          this.way[0].path
        } is made from more than ${inputsMax} files, with those that its inputs are made from`,
      );
    }
  }

  /** Lets others have their turn where this has taken long; throws the signal's reason when that is aborted. */
  async breathe(signal: AbortSignal): Promise<void> {
    const turn = this.shared.slice.breathe();
    if (turn) await turn;
    signal.throwIfAborted();
  }

  /** The request has what it asked for, or nothing. */
  end(): void {
    for (const evaluation of this.shared.evaluations.values()) evaluation.release();
    this.shared.evaluations.clear();
  }
}
