import type { Principal, Timestamp } from "../../9p/mod.ts";
import type { Operation } from "../../state/operation/mod.ts";
import type { IndexReader } from "../../state/store/mod.ts";

/** Where an operation of the log is. */
export interface Logged {
  /** Grows by one from operation to operation. */
  readonly number: number;
  /** Of a write: where its bytes begin. */
  readonly segment: number;
  readonly position: number;
}

/** Settled contents, to be read as often as wanted. */
export interface StoredContent {
  /** Fills `into` and returns how many bytes there were. */
  read(offset: number, into: Uint8Array): number;
  /** Where bytes of it lie in memory until the turn ends: address, length, address, length, … */
  spans(offset: number, count: number): number[] | undefined;
}

/** A file of which what was written before this start is in no version, as something that it takes is damaged. */
export interface LeftFile {
  readonly ino: number;
  /** As the file has it with that. */
  readonly version: number;
  readonly by: Principal;
  /** When it was written; undefined where its times were set afterwards. */
  readonly time: Timestamp | undefined;
  readonly spans: readonly (Logged & {
    /** Where a write begins; undefined for a cut. */
    readonly start: number | undefined;
    /** Where a write ends, or what the file was cut or extended to. */
    readonly end: number;
    /** Why it cannot be read, where that is so. */
    readonly lost?: string;
  })[];
}

/** What the file server needs of a volume's store. All is done at once, but for what says otherwise. */
export interface VolumeStore {
  readonly index: IndexReader;
  readonly left: readonly LeftFile[];
  /** Numbers for files and names that were never given out before. */
  nextIno(): number;
  nextEid(): number;
  /** Puts the operation in the log. It survives the death of the process; ENOSPC where it could not be put there. */
  append(operation: Operation): Logged;
  /** Fills `into` with bytes of a write that is in the log. */
  readLogged(segment: number, position: number, into: Uint8Array): void;
  /** Settled contents, by what the index says of them. */
  openContent(content: Uint8Array): StoredContent;
  /** Whether there are contents of which something is not here. */
  readonly hasAbsent: boolean;
  /** Whether something is not here of what these bytes need; `withLists`: or of what tells of the rest of it where that is. */
  lacks(content: Uint8Array, start: number, end: number, withLists?: boolean): boolean;
  /** Asks other copies for that, and resolves when it is here. EIO, with what would help, where nobody gives it within some time. */
  fetch(
    content: Uint8Array,
    start: number,
    end: number,
    signal: AbortSignal,
    withLists?: boolean,
  ): Promise<void>;
  /** Resolves when all operations so far survive the loss of power. */
  sync(): Promise<void>;
  /** What to wait for before a change, where the index is too far behind the log. */
  behind(): Promise<void> | undefined;
  /** Resolves when the index has all operations so far. */
  caughtUp(): Promise<void>;
  /** Who is told when the index has been renewed. */
  onRenewed: (() => void) | undefined;
  /** Who is told that a snapshot is about to be logged, and settles what was written before it. */
  onSnapshot: (() => void) | undefined;
  /**
   * Who is told, after `onRenewed`, when files became what they were, or what others made them, which no operation of this
   * side did. `changed`: the files and directories that are others than before, where that is known.
   */
  onRestored: ((changed?: ReadonlySet<number>) => void) | undefined;
  /** The index may have what no operation of this side did, and `onRestored` did not tell yet which files that are. */
  readonly isAhead: boolean;
  /** Who is told that what an operation wrote to a file cannot be read from the log. */
  onLost: ((ino: number, number: number, reason: string) => void) | undefined;
  /** Who tells which files somebody holds. */
  heldFiles: (() => number[]) | undefined;
  /** Bytes for contents: all that there can be, and how many of them are free. */
  space(): { readonly bytes: number; readonly free: number };
}
