import type { Subject } from "../subjects.ts";

/** A running node under load. */
export interface Loaded {
  readonly node: Subject;
  /** load9p. */
  readonly program: string;
  /** What the node serves as `/bench`. */
  readonly folder: string;
}

export interface Verdict {
  readonly holds: boolean;
  /** What was measured, in one line. */
  readonly says: string;
}

/** Resident memory of a process, MB. */
export function residentMegabytes(pid: number): number {
  const found = /^VmRSS:\s+(\d+) kB$/m.exec(Deno.readTextFileSync(`/proc/${pid}/status`));
  if (!found) throw new Error(`Process ${pid} has no VmRSS`);
  return Number(found[1]) / 1024;
}
