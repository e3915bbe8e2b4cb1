/**
 * What ends a run from within a call: it passes through every function here, where any other error becomes an errno.
 * A host throws one of its own (a subclass) from `sleep`, `checkpoint`, a stream or a file server when the run is over.
 */
export class WasiStop extends Error {
  override readonly name: string = "WasiStop";
}

/** `proc_exit` (and `proc_raise` of a signal that kills) throws this; the engine makes it the end of the run. */
export class WasiExit extends WasiStop {
  override readonly name = "WasiExit";

  /** `code` has 32 bits, as the guest gave it. */
  constructor(readonly code: number) {
    super(`The program ended with code ${code}`);
  }
}
