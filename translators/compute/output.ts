import { type Call, type Later, reasonOf, then } from "../../9p/mod.ts";
import { Asking } from "./asking.ts";
import { Inputs, UNWANTED } from "./input.ts";
import { always } from "./later.ts";
import type { Evaluation, InputReport, StageReport } from "./evaluation.ts";
import type { Outputs } from "./outputs.ts";

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
    asking: Asking,
    start: boolean,
  ): Later<Evaluation | undefined>;

  /** The evaluation for the inputs as they are now; with `start` false, undefined unless the result is there already. */
  evaluate(call: Call, start = true): Later<Evaluation | undefined> {
    const asking = Asking.first(this.outputs.options.inputsMax);
    return always(() => this.evaluateFor(asking, call, start), () => asking.end());
  }

  /** The same as part of another evaluation. ELOOP where that is made from itself. */
  evaluateFor(asking: Asking, call: Call, start: boolean): Later<Evaluation | undefined> {
    const further = asking.further({ id: this.id, path: this.path });
    const inputs = new Inputs(call.signal);
    return always(
      () => this.begin(inputs, { user: call.user, signal: inputs.signal }, further, start),
      () => inputs.release(),
    );
  }

  /** What a listing shows: what is known, or what is found out within a small budget. It never fails. */
  async look(call: Call): Promise<Look> {
    const { patience, attempts } = this.outputs;
    let evaluation: Evaluation | undefined;
    try {
      evaluation = await this.evaluate(call, false);
      if (evaluation) evaluation.release();
      else if (patience.isLeft) {
        const attempt = attempts.begin(async (signal) => {
          evaluation = (await this.evaluate({ user: call.user, signal }))!;
          try {
            await evaluation.result(signal);
          } finally {
            evaluation.release();
          }
        });
        await patience.wait(attempt.ended);
        attempt.leave();
      }
    } catch { /* Why is told to who opens it. */ }
    return lookOf(evaluation);
  }

  /** Throws what keeps it from being evaluated at all; what fails in a run is an error on the reads. */
  open(call: Call): Later<Opened> {
    return then(this.evaluate(call), (begun) => {
      const evaluation = begun!;
      if (call.signal.aborted) {
        evaluation.release();
        throw UNWANTED;
      }
      const opened: Opened = {
        look: () => lookOf(evaluation),
        read: (offset, into, { signal }) => evaluation.read(offset, into, signal),
        close: () => evaluation.release(),
      };
      if (evaluation.isEnded) return opened;
      // It holds its run by now, also one that a listing has begun.
      this.outputs.attempts.giveWay();
      return this.outputs.opening.wait(evaluation.result()).then(() => opened);
    });
  }

  /** How its result comes about. It is evaluated for that. */
  async explain(call: Call): Promise<Explanation> {
    const evaluation = (await this.evaluate(call))!;
    try {
      const { path, inputs, stages } = evaluation;
      try {
        const { about } = await evaluation.result(call.signal);
        return { path, inputs, stages, size: about.size, hash: about.hash };
      } catch (thrown) {
        if (call.signal.aborted) throw thrown;
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
