import { WasiStop } from "../wasi/mod.ts";
import type { FailureReason } from "./run.ts";

/** Ends a run from within a host call or an epoch: no errno to the guest, but the end. */
export class RunStop extends WasiStop {
  override readonly name = "RunStop";

  constructor(readonly reason: FailureReason, message: string) {
    super(message);
  }
}
