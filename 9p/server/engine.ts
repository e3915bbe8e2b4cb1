import { errnoOf, NineError, reasonOf } from "../error.ts";
import type { Principals } from "../principal.ts";
import { Qt, type U64 } from "../qid.ts";
import { Budget } from "./budget.ts";
import type { Fid, OpenUse } from "./fid.ts";
import { type FileServer, type Later, then, type User } from "./file_server.ts";
import { LockTable } from "./locks.ts";
import type { Request } from "./request.ts";
import { Turn } from "./turn.ts";

/** version(5) leaves the smallest msize open; below this a directory entry would hardly fit (rule R03). */
export const MSIZE_MIN = 256;
/** 8 MiB and the header. */
export const MSIZE_MAX = 8 * 1024 * 1024 + 24;

export interface EngineOptions {
  readonly principals: Principals;
  /** The largest msize that is agreed to, bytes. */
  readonly msizeMax?: number;
  /** Bytes in flight on all connections together. */
  readonly bytesInFlightMax?: number;
  /** A connection that holds bytes in flight and has not moved for this long is closed. */
  readonly stallMs?: number;
  /** Fids that all sessions together may have. */
  readonly fidsMax?: number;
  readonly onError?: (report: ErrorReport) => void;
}

/** Why a request failed: for the log, not for the wire. */
export interface ErrorReport {
  readonly user: User;
  /** The message's name, as `Twalk`. */
  readonly request: string;
  /** The path in the served tree, where the request was about one. */
  readonly path?: string | undefined;
  readonly errno: number;
  readonly reason: string;
  readonly thrown: unknown;
}

const FIDS_MAX = 1 << 20;
/** The part of the fids that only the owner's sessions may have. */
const OWNER_SHARE = 1 / 16;
/** What a session of anybody else may have of the fids that the others leave: so one client never takes them all. */
const SESSION_SHARE = 1 / 4;

/** What all connections together may hold without asking the budget, bytes each way. */
const SHARED_BYTES = 32 * 1024 * 1024;
/** What each has of it, however many they are. */
const SHARE_BYTES_MIN = 16 * 1024;

/** What all sessions on one tree share. */
export class Engine {
  readonly principals: Principals;
  readonly msizeMax: number;
  /** The largest message before a Tversion has agreed on more. */
  readonly msizeFirst = 8192;
  readonly locks = new LockTable();
  readonly budget: Budget;
  readonly turn = new Turn();
  readonly stallMs: number;
  /** Files with QTEXCL that are open, by qid.path (rule R23). */
  readonly #exclusive = new Set<U64>();
  readonly #onError: (report: ErrorReport) => void;
  readonly #fidsMax: number;
  #fids = 0;
  /** Clients at the moment. */
  connections = 0;
  /** Bytes of writes that file servers end later. */
  writingBytes = 0;

  constructor(readonly server: FileServer, options: EngineOptions) {
    this.principals = options.principals;
    this.msizeMax = options.msizeMax ?? MSIZE_MAX;
    this.budget = new Budget(options.bytesInFlightMax ?? 256 * 1024 * 1024);
    this.stallMs = options.stallMs ?? 30_000;
    this.#fidsMax = options.fidsMax ?? FIDS_MAX;
    this.#onError = options.onError ?? (() => {});
  }

  /** One connection's part of what all may hold for small messages, each way: `max` bytes where they are few. */
  share(max: number): number {
    return Math.max(SHARE_BYTES_MIN, Math.min(max, Math.floor(SHARED_BYTES / this.connections)));
  }

  report(report: ErrorReport): void {
    this.#onError(report);
  }

  /** For an error that no client asked about, such as one while closing for a client that has gone. */
  reportQuiet(thrown: unknown): void {
    const user: User = { name: "none", groups: new Set(), standing: "none" };
    this.#onError({ user, request: "close", errno: errnoOf(thrown), reason: reasonOf(thrown), thrown });
  }

  /** Counts one more fid of a user, for a session that has `held`, or EMFILE. */
  countFid(user: User, held: number): void {
    const others = this.#fids - held;
    const max = user.standing === "owner"
      ? this.#fidsMax - others
      : Math.floor((this.#fidsMax * (1 - OWNER_SHARE) - others) * SESSION_SHARE);
    if (held >= max) {
      throw new NineError(
        "EMFILE",
        `The session has ${held} fids, others ${others}, allowed are ${max}: clunk some`,
      );
    }
    this.#fids++;
  }

  /** Fids of all sessions. */
  get fids(): number {
    return this.#fids;
  }

  /** Claims an exclusive file, or EBUSY while somebody has it open. Undefined for other files. */
  claim(qid: { type: number; path: U64 }): U64 | undefined {
    if (!(qid.type & Qt.EXCL)) return undefined;
    if (this.#exclusive.has(qid.path)) {
      throw new NineError("EBUSY", "The file is for exclusive use (DMEXCL) and is open already");
    }
    this.#exclusive.add(qid.path);
    return qid.path;
  }

  unclaim(path: U64 | undefined): void {
    if (path !== undefined) this.#exclusive.delete(path);
  }

  /** Ends what the fid stood for: its attribute is committed, its file closed, its locks and its node let go. */
  close(fid: Fid, request: Request): Later<void> {
    const use = fid.use;
    if (use.kind === "xattr-read" || use.kind === "xattr-write") {
      request.session.attributeBytes -= use.value.byteLength;
    }
    fid.use = { kind: "idle" };
    const letGo = () => {
      this.#fids--;
      this.server.drop?.(fid.node);
    };
    try {
      const later = use.kind === "open"
        ? this.#closeOpen(fid, use, request)
        : use.kind === "xattr-write"
        ? this.#commitXattr(fid, use, request)
        : undefined;
      if (later instanceof Promise) return later.finally(letGo);
    } catch (thrown) {
      letGo();
      throw thrown;
    }
    letGo();
  }

  #closeOpen(fid: Fid, use: OpenUse, request: Request): Later<void> {
    this.unclaim(use.exclusive);
    this.locks.releaseThrough(use.file, fid);
    const remove = () => use.removeOnClose ? this.server.remove?.(fid.node, request) : undefined;
    let closed: Later<void> | undefined;
    try {
      closed = this.server.close?.(fid.node, use.handle, request);
    } catch (thrown) {
      return then(remove(), () => {
        throw thrown;
      });
    }
    if (closed instanceof Promise) return closed.finally(remove);
    return remove();
  }

  /** Rule R42: an attribute of another size than was announced is an error, and nothing is set. */
  #commitXattr(fid: Fid, use: Extract<Fid["use"], { kind: "xattr-write" }>, request: Request): Later<void> {
    if (use.written !== use.value.byteLength) {
      throw new NineError(
        "EINVAL",
        `${use.written} bytes were written of an attribute that was announced with ${use.value.byteLength}`,
      );
    }
    if (!this.server.setxattr) {
      throw new NineError("EOPNOTSUPP", "The file server keeps no extended attributes");
    }
    // A client's removexattr arrives as a replacement by nothing.
    const value = use.value.byteLength === 0 && use.flags === XATTR_REPLACE ? null : use.value;
    return this.server.setxattr(fid.node, use.name, value, use.flags, request);
  }
}

const XATTR_REPLACE = 2;
