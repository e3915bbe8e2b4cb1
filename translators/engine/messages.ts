/** What the main isolate and its Workers say to each other. */
import type { FailureReason, Limits } from "./run.ts";
import type { FileOp, NodeCard } from "./remote_files.ts";

/** Main isolate to a Worker. */
export type ToWorker =
  | {
    kind: "start";
    /** Path of the library, which was checked. */
    library: string;
    engines: Engines;
    control: SharedArrayBuffer;
  }
  | RunOrder
  /** Forget the module; with an address, delete it. */
  | { kind: "drop"; key: string; address?: bigint }
  /** There is nothing more to do. */
  | { kind: "end" };

export interface RunOrder {
  kind: "run";
  run: number;
  module: ModuleTicket;
  args: readonly string[];
  env: readonly (readonly [string, string])[];
  limits: Limits;
  seed: Uint8Array;
  /** Absent: asked for in pieces. */
  stdin?: Uint8Array;
  preopens: readonly { card: NodeCard; guestPath: string; writable: boolean; server: number }[];
  output: { inlineBytesMax: number; spool: string };
}

/** A compiled module: where it is in memory, else the file to load it from. */
export interface ModuleTicket {
  readonly key: string;
  readonly metered: boolean;
  readonly address?: bigint;
  readonly file: string;
}

/** A Worker to the main isolate. */
export type FromWorker =
  | { kind: "ready" }
  | { kind: "call"; run: number; call: number; ask: HostAsk }
  | { kind: "tell"; run: number; op: FileOp }
  | { kind: "progress"; run: number; bytes: number }
  | { kind: "done"; run: number; outcome: Outcome };

export type HostAsk = FileOp | { op: "stdin"; offset: number; count: number };

/** How a run ended, as its Worker saw it. */
export interface Outcome {
  /** Absent: the guest ended by itself with code 0. */
  failure?: { reason: FailureReason | "stale module"; detail: string };
  exitCode: number;
  /** One of the two; nothing after a failure. */
  bytes?: Uint8Array<ArrayBuffer>;
  length?: number;
  stderr: Uint8Array<ArrayBuffer>;
  trap?: { code: string; message: string };
  fuel: bigint;
  wallUs: number;
  memoryBytes: number;
  /** The module was loaded for this run, and is for the main isolate to keep and share. */
  loaded?: bigint;
}

/** The main isolate to the keeper of the engines, and back. */
export interface KeeperStart {
  library: string;
  /** Words of `Clockwork`. */
  clockwork: SharedArrayBuffer;
  /** Those that the process has already, else how many stores new ones are to have room for. */
  engines?: Engines;
  storesMax: number;
}
/** Addresses of the engines, not metered and metered. */
export type Engines = readonly [bigint, bigint];
export type FromKeeper = { engines: Engines } | { failed: string; errno: number };
