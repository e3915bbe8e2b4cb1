import { type ErrnoName, escapeText, NineError } from "../../9p/mod.ts";
import type { Outcome } from "./messages.ts";
import type { FailureReason, RunFailure, RunRequest, RunResult } from "./run.ts";

/** What a reader gets where a run fails. */
const ERRNOS: Readonly<Record<FailureReason, ErrnoName>> = {
  "unavailable": "ENOSYS",
  "queue": "EAGAIN",
  "aborted": "EINTR",
  "invalid module": "EINVAL",
  "oversized module": "EFBIG",
  "slow compile": "ETIMEDOUT",
  "link": "ENOSYS",
  "trap": "EIO",
  "exit code": "EIO",
  "fuel": "EDQUOT",
  "deadline": "ETIMEDOUT",
  "memory": "ENOMEM",
  "table": "ENOMEM",
  "stack": "ENOMEM",
  "output": "EFBIG",
  "input": "EIO",
  "engine": "EIO",
};
/** Of the guest's last words, characters. */
const TAIL_MAX = 400;

export function failure(reason: FailureReason, message: string): RunFailure {
  return { reason, error: new NineError(ERRNOS[reason], message) };
}

/** A result without a run. */
export function failedResult(failure: RunFailure): RunResult {
  const nothing = new Uint8Array(0);
  return {
    failure,
    output: { kind: "bytes", bytes: nothing },
    exitCode: 0,
    stderr: nothing,
    fuel: 0n,
    wallUs: 0,
    memoryBytes: 0,
  };
}

/** What the Worker saw, in words that say what was allowed and what the guest said last. */
export function resultOf(outcome: Outcome, { limits, output }: RunRequest): RunResult {
  const { exitCode, stderr, trap, fuel, wallUs, memoryBytes } = outcome;
  return {
    ...(outcome.failure && { failure: explain(outcome, limits) }),
    output: outcome.length === undefined
      ? { kind: "bytes", bytes: outcome.bytes ?? new Uint8Array(0) }
      : { kind: "file", path: output.spool, length: outcome.length },
    exitCode,
    stderr,
    ...(trap && { trap }),
    fuel,
    wallUs,
    memoryBytes,
  };
}

function explain(outcome: Outcome, limits: RunRequest["limits"]): RunFailure {
  const { detail } = outcome.failure!;
  const reason = outcome.failure!.reason === "stale module" ? "engine" : outcome.failure!.reason;
  const words = lastWords(outcome.stderr);
  switch (reason) {
    case "exit code":
    case "trap": {
      const isStarved = endedForMemory(outcome, limits.memoryBytes);
      const memory = `its memory has ${outcome.memoryBytes} bytes, allowed are ${limits.memoryBytes}`;
      if (isStarved) {
        return failure("memory", `The program ended because it got no more memory: ${memory}${words}`);
      }
      return failure(reason, `${reason === "trap" ? `The program trapped: ${detail}` : detail}${words}`);
    }
    case "fuel":
      return failure(reason, `The run used up its fuel, allowed are ${limits.fuel} units`);
    case "stack":
      return failure(reason, "The program's calls are nested too deeply: its stack is full");
    case "memory":
    case "table": {
      const allowed = reason === "memory"
        ? `${limits.memoryBytes} bytes`
        : `${limits.tableElements} elements`;
      return failure(
        reason,
        `The module needs more ${reason} than the ${allowed} that it is allowed: ${escapeText(detail)}`,
      );
    }
    case "link":
      return failure(reason, `The module cannot be started: ${escapeText(detail)}`);
    default:
      return failure(reason, escapeText(detail));
  }
}

/**
 * That `memory.grow` was refused is not told to anybody but the guest, which then ends as it likes. So: it ended badly,
 * and either next to nothing is left of what it may have, or its last words say so.
 */
function endedForMemory({ memoryBytes, stderr, trap }: Outcome, max: number): boolean {
  if (memoryBytes === 0) return false;
  if (trap !== undefined && trap.code !== "unreachable code reached") return false;
  if (max - memoryBytes < 2 * 65536) return true;
  return /out of memory|memory allocation of \d+ bytes failed/i.test(new TextDecoder().decode(stderr));
}

function lastWords(stderr: Uint8Array): string {
  const text = escapeText(new TextDecoder().decode(stderr).trim());
  if (text === "") return "";
  return `; its last words: ${text.length > TAIL_MAX ? "…" + text.slice(-TAIL_MAX) : text}`;
}
