import { Owned, type Pointer } from "./owned.ts";
import type { Native } from "./symbols.ts";
import { WASMTIME_VERSION } from "./library.ts";

/** 64 KiB below 4 GiB, so that the size of a memory fits a u32. */
export const MEMORY_BYTES_MAX = 2 ** 32 - 2 ** 16;
export const TABLE_ELEMENTS_MAX = 2 ** 18;
export const TABLES_MAX = 4;
/** Also from a host call out of a full stack there must be room for JavaScript: V8 has about 1 MiB in all. */
export const STACK_BYTES_MAX = 256 * 1024;
/** What a memory slot keeps resident between two runs and is cleared instead of being given back. */
const RESIDENT_BYTES = 2 * 1024 * 1024;

/** How a module is compiled: `metered` counts fuel, which costs time (docs/decisions/09-fuel.md). */
export interface Settings {
  readonly metered: boolean;
}

/** Whatever changes compiled code is in here: compiled modules are kept under it. */
export function fingerprint({ metered }: Settings): string {
  return `wasmtime ${WASMTIME_VERSION}, settings 1, ${metered ? "metered" : "not metered"}`;
}

/**
 * An engine. Results must not depend on the machine or on chance: no threads, NaNs canonical, relaxed SIMD as its
 * specification's deterministic profile has it. What WASI commands do not use is off: it would be one more thing to bound.
 * Address space is set aside for `storesMax` stores at one time.
 */
export function newEngine(native: Native, { metered }: Settings, storesMax: number): Owned {
  const config = new Owned("configuration", native.wasm_config_new(), () => {});
  const c = config.ptr();
  native.wasmtime_config_epoch_interruption_set(c, true);
  native.wasmtime_config_consume_fuel_set(c, metered);
  native.wasmtime_config_max_wasm_stack_set(c, BigInt(STACK_BYTES_MAX));
  native.wasmtime_config_cranelift_nan_canonicalization_set(c, true);
  native.wasmtime_config_wasm_relaxed_simd_deterministic_set(c, true);
  native.wasmtime_config_wasm_threads_set(c, false);
  native.wasmtime_config_shared_memory_set(c, false);
  native.wasmtime_config_wasm_gc_set(c, false);
  native.wasmtime_config_wasm_function_references_set(c, false);
  native.wasmtime_config_wasm_exceptions_set(c, false);
  native.wasmtime_config_wasm_tail_call_set(c, true);
  native.wasmtime_config_wasm_multi_memory_set(c, false);
  native.wasmtime_config_wasm_memory64_set(c, false);
  native.wasmtime_config_memory_may_move_set(c, false);
  using pooling = newPooling(native, storesMax);
  native.wasmtime_pooling_allocation_strategy_set(c, pooling.ptr());
  return engineOf(native, native.wasm_engine_new_with_config(config.consume()));
}

export function engineOf(native: Native, pointer: Deno.PointerValue): Owned {
  return new Owned("engine", pointer, (engine: Pointer) => native.wasm_engine_delete(engine));
}

/** Slots that stay mapped make a fresh instance cheap, and Workers do not fight over the kernel's memory map. */
function newPooling(native: Native, storesMax: number): Owned {
  const pooling = new Owned(
    "pooling configuration",
    native.wasmtime_pooling_allocation_config_new(),
    (p) => native.wasmtime_pooling_allocation_config_delete(p),
  );
  const p = pooling.ptr();
  native.wasmtime_pooling_allocation_config_total_core_instances_set(p, storesMax);
  native.wasmtime_pooling_allocation_config_total_memories_set(p, storesMax);
  native.wasmtime_pooling_allocation_config_total_tables_set(p, storesMax * TABLES_MAX);
  // Stacks are for asynchronous calls and heaps for references, neither of which there is here. Each takes address space.
  native.wasmtime_pooling_allocation_config_total_stacks_set(p, 1);
  native.wasmtime_pooling_allocation_config_total_gc_heaps_set(p, 1);
  native.wasmtime_pooling_allocation_config_max_tables_per_module_set(p, TABLES_MAX);
  native.wasmtime_pooling_allocation_config_table_elements_set(p, BigInt(TABLE_ELEMENTS_MAX));
  native.wasmtime_pooling_allocation_config_max_memory_size_set(p, BigInt(MEMORY_BYTES_MAX));
  native.wasmtime_pooling_allocation_config_max_core_instance_size_set(p, BigInt(4 * 1024 * 1024));
  native.wasmtime_pooling_allocation_config_linear_memory_keep_resident_set(p, BigInt(RESIDENT_BYTES));
  native.wasmtime_pooling_allocation_config_table_keep_resident_set(p, 64n * 1024n);
  return pooling;
}
