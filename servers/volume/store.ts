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

/** What the file server needs of a volume's store. All is done at once, but for what says otherwise. */
export interface VolumeStore {
  readonly index: IndexReader;
  /** Numbers for files and names that were never given out before. */
  nextIno(): number;
  nextEid(): number;
  /** Puts the operation in the log. It survives the death of the process; ENOSPC where it could not be put there. */
  append(operation: Operation): Logged;
  /** Fills `into` with bytes of a write that is in the log. */
  readLogged(segment: number, position: number, into: Uint8Array): void;
  /** Reads settled contents, all of `into`. */
  readContent(content: Uint8Array, offset: number, into: Uint8Array): void;
  /** Resolves when all operations so far survive the loss of power. */
  sync(): Promise<void>;
  /** What to wait for before a change, where the index is too far behind the log. */
  behind(): Promise<void> | undefined;
  /** Who is told when the index has been renewed. */
  onRenewed: (() => void) | undefined;
  /** Bytes for contents: all that there can be, and how many of them are free. */
  space(): { readonly bytes: number; readonly free: number };
}
