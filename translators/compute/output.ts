import { type Call, type Later, NineError, reasonOf, then } from "../../9p/mod.ts";
import { Inputs } from "./input.ts";
import { always } from "./later.ts";
import type { Evaluation, InputReport, StageReport } from "./evaluation.ts";
import type { Outputs } from "./outputs.ts";

/** Of one file made from another, and so on. */
const DEPTH_MAX = 16;

/** One computed file on the way to another, outermost first. */
export interface Asked {
  readonly id: unknown;
  readonly path: string;
}

/** What is known of a computed file. */
export interface Look {
  /** Exact once it was evaluated for the present inputs; else 0, with version 0. */
  readonly size: number;
  readonly version: number;
  readonly mtimeSec: number | undefined;
}

/** An open computed file: its inputs are pinned. */
export interface Opened {
  look(): Look;
  read(offset: number, into: Uint8Array, call: Call): number | Promise<Uint8Array>;
  close(): void;
}

export interface Explanation {
  readonly path: string;
  readonly inputs: readonly InputReport[];
  readonly stages: readonly StageReport[];
  readonly size?: number;
  readonly hash?: string;
  readonly failure?: string;
}

/** A file that is computed when it is read. */
export abstract class Output {
  constructor(readonly outputs: Outputs) {}

  /** The same for the same output, whatever it is called. */
  abstract get id(): unknown;
  abstract get path(): string;

  /** Opens what it is made from, as the user who asks, and evaluates. */
  protected abstract begin(
    inputs: Inputs,
    call: Call,
    asked: readonly Asked[],
    start: boolean,
  ): Later<Evaluation | undefined>;

  /**
   * The evaluation for the inputs as they are now; with `start` false, undefined unless the result is there already.
   * `asked` is the way that led here: ELOOP where it comes back to itself or grows too long.
   */
  evaluate(call: Call, asked: readonly Asked[] = [], start = true): Later<Evaluation | undefined> {
    const way = [...asked, { id: this.id, path: this.path }];
    if (asked.some(({ id }) => id === this.id)) {
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
    const inputs = new Inputs(call.signal);
    return always(
      () => this.begin(inputs, { user: call.user, signal: inputs.signal }, way, start),
      () => inputs.release(),
    );
  }

  /** What a listing shows: what is known, or what is found out within a small budget. It never fails. */
  async look(call: Call): Promise<Look> {
    const { patience } = this.outputs;
    try {
      let evaluation = await this.evaluate(call, [], false);
      if (!evaluation && patience.isLeft) {
        evaluation = await this.evaluate(call);
        const ended = evaluation!.result().then(() => {}, () => {});
        await patience.wait(ended);
        // What was begun is finished, so that the next look knows.
        if (!evaluation!.isEnded) ended.then(() => evaluation!.release());
        else evaluation!.release();
      } else evaluation?.release();
      return lookOf(evaluation);
    } catch {
      return lookOf(undefined);
    }
  }

  /** Throws what keeps it from being evaluated at all; what fails in a run is an error on the reads. */
  open(call: Call): Later<Opened> {
    return then(this.evaluate(call), (begun) => {
      const evaluation = begun!;
      const opened: Opened = {
        look: () => lookOf(evaluation),
        read: (offset, into, { signal }) => evaluation.read(offset, into, signal),
        close: () => evaluation.release(),
      };
      return evaluation.isEnded ? opened : this.outputs.opening.wait(evaluation.result()).then(() => opened);
    });
  }

  /** How its result comes about. It is evaluated for that. */
  async explain(call: Call): Promise<Explanation> {
    const evaluation = (await this.evaluate(call))!;
    try {
      const { path, inputs, stages } = evaluation;
      try {
        const { about } = await evaluation.result();
        return { path, inputs, stages, size: about.size, hash: about.hash };
      } catch (thrown) {
        return { path, inputs, stages, failure: reasonOf(thrown) };
      }
    } finally {
      evaluation.release();
    }
  }
}

function lookOf(evaluation: Evaluation | undefined): Look {
  return { size: evaluation?.size ?? 0, version: evaluation?.version ?? 0, mtimeSec: evaluation?.mtimeSec };
}
