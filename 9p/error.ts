import { Errno, type ErrnoName, errnoName } from "./errno.ts";

/**
 * The one error class. `errno` is a Linux number and is all that a client is sure to see; the message is for the log
 * (`/log/errors`, `lux9 why`) and says what came, what was allowed and what to do.
 */
export class NineError extends Error {
  override readonly name = "NineError";
  readonly errno: number;

  constructor(errno: number | ErrnoName, message: string) {
    super(message);
    this.errno = typeof errno === "number" ? errno : Errno[errno];
  }

  /** `ENOENT`, or `errno 999` where the number has no name. */
  get code(): string {
    return errnoName(this.errno);
  }
}

/** The errno of anything thrown: a NineError's own, what Deno's error classes stand for, else EIO. */
export function errnoOf(thrown: unknown): number {
  if (thrown instanceof NineError) return thrown.errno;
  if (thrown instanceof DOMException && thrown.name === "AbortError") return Errno.EINTR;
  const code = (thrown as { code?: unknown } | null)?.code;
  if (typeof code === "string" && code in Errno) return Errno[code as ErrnoName];
  return Errno.EIO;
}

/** The message of anything thrown. */
export function reasonOf(thrown: unknown): string {
  return thrown instanceof Error ? thrown.message : String(thrown);
}
