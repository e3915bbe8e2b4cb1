import type { RunRequest } from "./run.ts";

/** Who waits for a run: those who share it and are there, in the order in which they came, else who asked for it. */
export function callersOf({ caller, sharers }: RunRequest): readonly string[] {
  const names = sharers ? [...sharers.names] : [];
  return names.length > 0 ? names : [caller];
}
