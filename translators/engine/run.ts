import type { Call, FileServer, NineError } from "../../9p/mod.ts";

/** What to run, with what, and how much of everything it may use. */
export interface RunRequest {
  readonly module: ModuleSource;
  /** argv, the command's own name first. */
  readonly args: readonly string[];
  readonly env?: readonly (readonly [string, string])[];
  readonly limits: Limits;
  /** 32 bytes: what the guest's random generator starts from. */
  readonly seed: Uint8Array;
  readonly stdin: Stdin;
  readonly preopens?: readonly Preopen[];
  readonly output: OutputPlan;
  /** Whose run it is: callers have their turn one after the other, however much one of them asks for. */
  readonly caller: string;
  /** Where others may wait for the same run: it has its turn as soon as one of them has. */
  readonly sharers?: Sharers;
  readonly signal?: AbortSignal;
}

/** Those who wait for one run, which they may join and leave: the caller too, as long as that one is among them. */
export interface Sharers {
  /** Nobody before the caller has come. */
  readonly names: Iterable<string>;
  /** To be called when those are others: set for as long as the run has to wait. */
  onChange: (() => void) | undefined;
}

/** A module by the sha256 of its .wasm, lower-case hex. The bytes are looked at only where it is not compiled yet. */
export type ModuleSource =
  | { readonly hash: string; readonly path: string }
  | { readonly hash: string; readonly bytes: Uint8Array };

export interface Limits {
  /** Absent: not counted, which is faster; time is bounded all the same. */
  readonly fuel?: bigint;
  readonly memoryBytes: number;
  readonly tableElements: number;
  readonly wallMs: number;
  readonly outputBytes: number;
  /** More of it is dropped; the last part is kept. */
  readonly stderrBytes: number;
}

export type Stdin =
  | { readonly kind: "bytes"; readonly bytes: Uint8Array }
  | {
    readonly kind: "stream";
    readonly size?: number;
    /** Called in this isolate. Fills `into` from its start, at least one byte unless at the end, and says how many. */
    read(offset: number, into: Uint8Array): number | Promise<number>;
  };

/** A directory that the guest may use. Its server is called in this isolate, by `call`. */
export interface Preopen {
  readonly guestPath: string;
  // deno-lint-ignore no-explicit-any
  readonly server: FileServer<any, any>;
  /** The directory's node; held by whoever asks for the run. */
  readonly root: unknown;
  readonly writable: boolean;
  readonly call: Call;
}

export interface OutputPlan {
  /** Up to that much is brought as bytes. */
  readonly inlineBytesMax: number;
  /** More than that goes to this new file, mode 0600. It is whoever asks for the run who removes it. */
  readonly spool: string;
  /** The file holds its first `bytes` bytes; more will come. */
  onProgress?(bytes: number): void;
}

/** What a run came to. `failure` is absent only where the guest ended by itself with exit code 0. */
export interface RunResult {
  readonly failure?: RunFailure;
  /** Nothing after a failure: a spool file has been removed then. */
  readonly output: { readonly kind: "bytes"; readonly bytes: Uint8Array } | {
    readonly kind: "file";
    readonly path: string;
    readonly length: number;
  };
  readonly exitCode: number;
  /** The last part of what the guest wrote there, as it came: escape it. */
  readonly stderr: Uint8Array;
  readonly trap?: { readonly code: string; readonly message: string };
  /** Used fuel; 0 where it is not counted. */
  readonly fuel: bigint;
  /** In the Worker, without the time in the queue. */
  readonly wallUs: number;
  readonly memoryBytes: number;
}

/** Why a run failed, for counters; the error is for the reader and the log. */
export type FailureReason =
  /** Nothing can run: no library, or one that fails its self-test. */
  | "unavailable"
  /** Too much is waiting already. */
  | "queue"
  | "aborted"
  | "invalid module"
  | "oversized module"
  | "slow compile"
  /** Imports that are not WASI preview 1, or no `_start`. */
  | "link"
  | "trap"
  | "exit code"
  | "fuel"
  | "deadline"
  | "memory"
  | "table"
  | "stack"
  | "output"
  /** A file that the guest was given, or its input, could not be read. */
  | "input"
  /** The engine's own fault. */
  | "engine";

export interface RunFailure {
  readonly reason: FailureReason;
  readonly error: NineError;
}
