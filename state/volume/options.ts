import type { Principal } from "../../9p/mod.ts";
import type { JournalBounds } from "../store/mod.ts";
import type { Retention } from "./messages.ts";

export interface VolumeStoreOptions {
  /** Told of what is wrong and does not stop the volume. */
  readonly onTrouble?: (message: string) => void;
  /** Told of files that came to be shown under conflict names, or are no longer: paths from the volume's root on. */
  readonly onConflict?: (what: "conflict" | "resolved", path: string, of: string) => void;
  /** Who has the root directory of a new volume. */
  readonly owned?: { readonly uid: Principal; readonly gid: Principal };
  readonly retention?: Retention;
  /** Globs of the files that merge as text, `!` in front of what does not; prose and source text if not given. */
  readonly merge?: readonly string[];
  /** How long an operation waits for others before all are made durable and applied; 50 ms. */
  readonly gatherMs?: number;
  /** After so many operations the database is made durable and the log is shortened; 50,000. */
  readonly checkpointOperations?: number;
  /** How long a segment of the log grows, in bytes; 64 MiB. */
  readonly segmentBytes?: number;
  /** A copy that said nothing for so many days is not waited for; COPY_DAYS if not given. */
  readonly copies?: { readonly days: number };
  /** Where the home keeps the key that new copies in it write with, made when it is first needed; each has one of its own if not given. */
  readonly keyFile?: string;
  /** What the journal may have; 8,192 records and 64 MiB of changes. */
  readonly journal?: JournalBounds;
  /** With more operations that the index does not have, changes wait; 50,000. */
  readonly behindMax?: number;
  /** After so long with nothing to do the Worker ends, until there is something; 30 s, never if Infinity. */
  readonly restMs?: number;
  /** Whoever reads what is to come from another copy waits for so long at most; 30 s. */
  readonly waitMs?: number;
  /** Until a Worker that could not be started is started again; 5 s. */
  readonly retryMs?: number;
  /** Told when the Worker has ended by that. */
  readonly onRested?: () => void;
}
