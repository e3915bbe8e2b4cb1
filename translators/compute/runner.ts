import type { Call, FileServer, NineError } from "../../9p/mod.ts";

/** What runs modules: the engine, as computing needs it. */
export interface Runner {
  run(request: RunRequest): Promise<RunResult>;
}

export interface RunRequest {
  readonly module: { readonly hash: string; readonly path: string };
  readonly args: readonly string[];
  readonly limits: {
    readonly fuel?: bigint;
    readonly memoryBytes: number;
    readonly tableElements: number;
    readonly wallMs: number;
    readonly outputBytes: number;
    readonly stderrBytes: number;
  };
  readonly seed: Uint8Array;
  readonly stdin: { readonly kind: "bytes"; readonly bytes: Uint8Array } | {
    readonly kind: "stream";
    readonly size?: number;
    read(offset: number, into: Uint8Array): number | Promise<number>;
  };
  readonly preopens?: readonly {
    readonly guestPath: string;
    // deno-lint-ignore no-explicit-any
    readonly server: FileServer<any, any>;
    readonly root: unknown;
    readonly writable: boolean;
    readonly call: Call;
  }[];
  readonly output: {
    readonly inlineBytesMax: number;
    readonly spool: string;
    onProgress?(bytes: number): void;
  };
  readonly caller: string;
  readonly signal?: AbortSignal;
}

export interface RunResult {
  readonly failure?: { readonly reason: string; readonly error: NineError };
  readonly output: { readonly kind: "bytes"; readonly bytes: Uint8Array } | {
    readonly kind: "file";
    readonly path: string;
    readonly length: number;
  };
  readonly stderr: Uint8Array;
  readonly fuel: bigint;
  readonly wallUs: number;
  readonly memoryBytes: number;
}
