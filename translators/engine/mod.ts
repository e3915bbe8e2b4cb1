/**
 * Runs WASI preview 1 commands in sandboxes: wasmtime through FFI, in Workers, with limits on everything.
 *
 * @module
 */
export { type EngineStatus, WasmEngine, type WasmEngineOptions } from "./wasm_engine.ts";
export { findLibrary, WASMTIME_HOW, WASMTIME_VERSION } from "./library.ts";
export type {
  FailureReason,
  Limits,
  ModuleSource,
  OutputPlan,
  Preopen,
  RunFailure,
  RunRequest,
  RunResult,
  Sharers,
  Stdin,
} from "./run.ts";
