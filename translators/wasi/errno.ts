/** The errors of preview 1, their numbers, and what stands for what. They are not Linux's numbers. */
import { errnoName, errnoOf } from "../../9p/mod.ts";
import { WasiStop } from "./stop.ts";

/** `errno` of the witx document. */
export const Errno = {
  SUCCESS: 0,
  "2BIG": 1,
  ACCES: 2,
  AGAIN: 6,
  BADF: 8,
  BUSY: 10,
  CONNREFUSED: 14,
  CONNRESET: 15,
  DEADLK: 16,
  DQUOT: 19,
  EXIST: 20,
  FAULT: 21,
  FBIG: 22,
  HOSTUNREACH: 23,
  ILSEQ: 25,
  INTR: 27,
  INVAL: 28,
  IO: 29,
  ISDIR: 31,
  LOOP: 32,
  MFILE: 33,
  MLINK: 34,
  MSGSIZE: 35,
  NAMETOOLONG: 37,
  NFILE: 41,
  NOBUFS: 42,
  NODEV: 43,
  NOENT: 44,
  NOLCK: 46,
  NOMEM: 48,
  NOSPC: 51,
  NOSYS: 52,
  NOTCONN: 53,
  NOTDIR: 54,
  NOTEMPTY: 55,
  NOTSOCK: 57,
  NOTSUP: 58,
  NOTTY: 59,
  NXIO: 60,
  OVERFLOW: 61,
  PERM: 63,
  PIPE: 64,
  PROTO: 65,
  RANGE: 68,
  ROFS: 69,
  SPIPE: 70,
  STALE: 72,
  TIMEDOUT: 73,
  TXTBSY: 74,
  XDEV: 75,
  NOTCAPABLE: 76,
} as const;

export type ErrnoName = keyof typeof Errno;

/** What a function of ours throws where passing a number back would be clumsy. The guest sees the number only. */
export class WasiError extends Error {
  override readonly name = "WasiError";
  readonly errno: number;

  constructor(readonly code: ErrnoName, message: string) {
    super(message);
    this.errno = Errno[code];
  }
}

/** Linux's name where the witx document has another. */
const OTHER_NAMES: Readonly<Record<string, number>> = { EOPNOTSUPP: Errno.NOTSUP };

/**
 * The number for anything thrown: a file server's NineError keeps its meaning, what nobody foresaw is IO. What ends
 * the run is thrown on.
 */
export function errnoOfThrown(thrown: unknown): number {
  if (thrown instanceof WasiError) return thrown.errno;
  if (thrown instanceof WasiStop) throw thrown;
  const name = errnoName(errnoOf(thrown));
  return OTHER_NAMES[name] ?? Errno[name.slice(1) as ErrnoName] ?? Errno.IO;
}
