import type { Principal, Timestamp } from "../../9p/mod.ts";
import type { SignedRecord } from "../record/mod.ts";
import type { JournalBounds } from "../store/mod.ts";
import type { Frame } from "./exchange.ts";

/** Who has the root directory of a new volume. */
export interface Owned {
  readonly uid: Principal;
  readonly gid: Principal;
}

export interface KeeperOptions {
  readonly owned: Owned;
  /** After so many operations the database is made durable and the log is shortened. */
  readonly checkpointOperations: number;
  /** What the journal may have. */
  readonly journal?: JournalBounds;
  /** Globs of the files that merge as text. */
  readonly merge?: readonly string[];
  /** After so many days without a word a copy is not waited for; COPY_DAYS if not given. */
  readonly copyDays?: number;
  /** Where the home keeps the key that new copies in it write with; each has one of its own if not given. */
  readonly keyFile?: string;
}

/** A piece of a file that is in the log, or a cut. */
export interface Span {
  /** The operation that made it. */
  readonly number: number;
  /** Where a write begins; undefined for a cut. */
  readonly start: number | undefined;
  /** Where a write ends, or what the file was cut or extended to. */
  readonly end: number;
  readonly segment: number;
  readonly position: number;
  /** Why it cannot be read, where that is so. */
  readonly lost?: string;
}

/** A file of which what was written is in no version, as something that it takes is damaged. */
export interface LeftFile {
  readonly ino: number;
  readonly version: number;
  readonly by: Principal;
  /** When it was written; undefined where its times were set afterwards. */
  readonly time: Timestamp | undefined;
  readonly spans: readonly Span[];
}

/** A write whose bytes are damaged in the log. */
export interface LostWrite {
  readonly number: number;
  readonly ino: number;
  readonly reason: string;
}

/** What others changed. */
export interface News {
  /** Records that this copy may not have, each after what its writer had seen. */
  readonly records: readonly SignedRecord[];
  /** Chunks that contents among them need and that are not here. */
  readonly chunks: readonly Uint8Array[];
  /** Contents of which chunks are nowhere. */
  readonly absent?: readonly {
    readonly size: number;
    readonly descriptor: Uint8Array;
    readonly isNeeded: boolean;
  }[];
}

/** How long history is kept, days: everything, then the last of each hour, then the last of each day. */
export interface Retention {
  readonly everything: number;
  readonly hourly: number;
  readonly daily: number;
}

export const RETENTION: Retention = { everything: 2, hourly: 14, daily: 180 };

/** How long a copy is waited for that says nothing, days: until then the journal keeps what it lacks. */
export const COPY_DAYS = 180;

/** What the main isolate says to the state Worker. */
export type ToWorker =
  /** `isWaking`: files may be open, and what was written to them goes on to be in the log. */
  | ({ readonly kind: "open"; readonly folder: string; readonly isWaking: boolean } & KeeperOptions)
  /** The log is open and durable up to that number: apply it, and settle what is open. */
  | { readonly kind: "recover"; readonly last: number }
  /** Operations up to that number are durable in the log. */
  | { readonly kind: "logged"; readonly last: number }
  /** The index was renewed after an "applied" that waits. */
  | { readonly kind: "renewed" }
  /** Let go of history that is not kept and of contents that nothing shows. */
  | { readonly kind: "collect"; readonly retention: Retention }
  /** Nobody reads these packs any more. */
  | { readonly kind: "forgotten"; readonly packs: readonly number[] }
  /** Take in what others changed, once the main isolate holds back changes for that. */
  | { readonly kind: "receive"; readonly news: News }
  /** A frame of an exchange with another copy, the first of which begins it. */
  | { readonly kind: "exchange"; readonly id: number; readonly frame: Frame }
  /** So many bytes of what it said were read. */
  | { readonly kind: "exchangeRead"; readonly id: number; readonly bytes: number }
  /** Nobody carries it any more. */
  | { readonly kind: "exchangeClosed"; readonly id: number }
  /** Somebody waits for these bytes of a content, which are to come from another copy. See `Demand` of state/sync. */
  | {
    readonly kind: "demand";
    readonly id: number;
    readonly descriptor: Uint8Array;
    readonly start: number;
    readonly end: number;
    readonly withLists: boolean;
  }
  /** He does so no longer. */
  | { readonly kind: "undemand"; readonly id: number }
  /** Changes are held back, and everything up to number `last` is durable in the log. Somebody holds these files. */
  | { readonly kind: "held"; readonly last: number; readonly files: readonly number[] }
  /** Why they are not. */
  | { readonly kind: "unheld"; readonly errno: number; readonly message: string }
  /** End once there is nothing to do, with the database whole, which goes on to be read; unless something else is said before. */
  | { readonly kind: "rest" }
  /** Apply what is logged, and end. */
  | { readonly kind: "close"; readonly last: number };

/** What the state Worker says. */
export type FromWorker =
  /** The database is open. Records up to `needless` are not needed any more; `applied` is the last one it has. */
  | {
    readonly kind: "opened";
    readonly needless: number;
    readonly applied: number;
    /** What was wrong and is mended. */
    readonly damage: readonly string[];
  }
  | {
    readonly kind: "recovered";
    readonly damage: readonly string[];
    readonly left: readonly LeftFile[];
  }
  /** `waits`: nothing is applied until the index was renewed. `damage`: what could not be applied, and is left out. */
  | {
    readonly kind: "applied";
    readonly needless: number;
    readonly waits: boolean;
    readonly damage: readonly string[];
    readonly lost: readonly LostWrite[];
  }
  /** Changes are to be held back: what is shown is about to be something else than operations of this side made of it. */
  | { readonly kind: "holds" }
  /** It is, or nothing came of it: these files and directories are others than they were. */
  | { readonly kind: "received"; readonly changed: readonly number[] }
  /** What came with the oldest `receive` is in, but for what was refused, and why. */
  | { readonly kind: "taken"; readonly refused: readonly string[] }
  | { readonly kind: "untaken"; readonly errno: number; readonly message: string }
  /** A frame of an exchange, for whoever carries it. */
  | { readonly kind: "exchange"; readonly id: number; readonly frame: Frame }
  /** So many bytes of frames for an exchange were looked at. */
  | { readonly kind: "exchangeTook"; readonly id: number; readonly bytes: number }
  | { readonly kind: "exchangeEnded"; readonly id: number }
  /** What somebody waited for is here, or why it is not: no other copy is there, or none that is has it. */
  | { readonly kind: "demanded"; readonly id: number; readonly unmet?: "nobody" | "nowhere" }
  /** Files that are shown under conflict names came and went: what they are, and what they lost against. */
  | {
    readonly kind: "conflicts";
    readonly came: readonly { readonly path: string; readonly of: string }[];
    readonly went: readonly { readonly path: string; readonly of: string }[];
  }
  /** What is live of these packs is elsewhere now: they go once they are forgotten. */
  | { readonly kind: "moved"; readonly packs: readonly number[]; readonly problems: readonly string[] }
  | { readonly kind: "collected" }
  /** What was found to be damaged meanwhile. */
  | { readonly kind: "found"; readonly damage: readonly string[] }
  /** Applying does not work, as on a full disk, and is tried again. */
  | { readonly kind: "stuck"; readonly errno: number; readonly message: string }
  | { readonly kind: "failed"; readonly errno: number; readonly message: string }
  /** It is to rest no more. */
  | { readonly kind: "awake" }
  | { readonly kind: "rested" }
  | { readonly kind: "closed" };
