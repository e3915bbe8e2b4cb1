import { NineError } from "../error.ts";
import { canRead, canWrite, Qt, type U64 } from "../qid.ts";
import type { User } from "./file_server.ts";
import type { Request } from "./request.ts";

/** What a fid is used for beyond naming a file. */
export type Use =
  | { kind: "idle" }
  | {
    kind: "open";
    handle: unknown;
    flags: number;
    removeOnClose: boolean;
    exclusive: U64 | undefined;
    /** The qid.path that it had when it was opened: its locks are known by it. */
    file: U64;
    list: Listing;
  }
  /** Of Txattrwalk: the value, or the list of names, as it was then. */
  | { kind: "xattr-read"; value: Uint8Array }
  /** Of Txattrcreate: what was written so far of `value.length` bytes. */
  | { kind: "xattr-write"; name: string; value: Uint8Array; written: number; flags: number };

/** Where the next read of a directory goes on. 9P2000 counts bytes (rule R28), 9P2000.L has cookies. */
export interface Listing {
  offset: number;
  cookie: U64;
  /** Where the last read would have ended, had it been given all that it asked for; 0 before the first. */
  end: number;
}

export type OpenUse = Extract<Use, { kind: "open" }>;

/** A client's name for a node, with what it has done to it. */
export class Fid {
  use: Use = { kind: "idle" };
  /** Requests that are under way on it. */
  readonly pending = new Set<Request>();

  constructor(readonly node: unknown, readonly root: unknown, readonly user: User) {}

  get isOpen(): boolean {
    return this.use.kind === "open";
  }

  /** The open file, or EBADF; `wanted` is what is about to be done to it. */
  opened(wanted: "read" | "write"): OpenUse {
    const use = this.use;
    if (use.kind !== "open") {
      throw new NineError("EBADF", `A ${wanted} on a fid that is not open: open it first`);
    }
    if (wanted === "read" ? !canRead(use.flags) : !canWrite(use.flags)) {
      throw new NineError(
        "EBADF",
        `A ${wanted} on a fid that is not open for it: flags are 0${use.flags.toString(8)}`,
      );
    }
    return use;
  }

  /** The handle of the open file, undefined where it is not open. */
  get handle(): unknown {
    return this.use.kind === "open" ? this.use.handle : undefined;
  }

  /** Throws where the fid stands for an extended attribute instead of a file. */
  asFile(): this {
    if (this.use.kind === "xattr-read" || this.use.kind === "xattr-write") {
      throw new NineError(
        "EBADF",
        "The fid stands for an extended attribute: only read, write and clunk are for it",
      );
    }
    return this;
  }

  /** Throws where the fid is open or stands for an extended attribute: it cannot be opened then. */
  asClosedFile(): this {
    if (this.isOpen) {
      throw new NineError("EBADF", "The fid is open already: clone it by a walk without names");
    }
    return this.asFile();
  }
}

/** A new listing, which starts at the first entry. */
export function listing(): Listing {
  return { offset: 0, cookie: 0, end: 0 };
}

export function isDirectory(qid: { type: number }): boolean {
  return (qid.type & Qt.DIR) !== 0;
}
