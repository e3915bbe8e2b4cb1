/**
 * The functions of wasmtime's C API 50.0.1 that this folder calls, each below its C prototype (wasm.h, wasmtime/*.h).
 *
 * Sizes and numbers of a few bits only are taken as `u32`, as a `usize` costs a BigInt: no guest memory here reaches 4 GiB
 * (settings.ts). What C writes into is a `buffer`, never undefined unless the header allows NULL.
 */
export const SYMBOLS = {
  // --- Configuration and engine ---
  /** `wasm_config_t *wasm_config_new(void);` */
  wasm_config_new: { parameters: [], result: "pointer" },
  /** `wasm_engine_t *wasm_engine_new_with_config(own wasm_config_t *config);` */
  wasm_engine_new_with_config: { parameters: ["pointer"], result: "pointer" },
  /** `void wasm_engine_delete(own wasm_engine_t *engine);` */
  wasm_engine_delete: { parameters: ["pointer"], result: "void" },
  /** `void wasmtime_engine_increment_epoch(const wasm_engine_t *engine);` */
  wasmtime_engine_increment_epoch: { parameters: ["pointer"], result: "void" },
  /** `void wasmtime_config_consume_fuel_set(wasm_config_t *config, bool enable);` */
  wasmtime_config_consume_fuel_set: { parameters: ["pointer", "bool"], result: "void" },
  /** `void wasmtime_config_epoch_interruption_set(wasm_config_t *config, bool enable);` */
  wasmtime_config_epoch_interruption_set: { parameters: ["pointer", "bool"], result: "void" },
  /** `void wasmtime_config_max_wasm_stack_set(wasm_config_t *config, size_t bytes);` */
  wasmtime_config_max_wasm_stack_set: { parameters: ["pointer", "usize"], result: "void" },
  /** `void wasmtime_config_wasm_threads_set(wasm_config_t *config, bool enable);` */
  wasmtime_config_wasm_threads_set: { parameters: ["pointer", "bool"], result: "void" },
  /** `void wasmtime_config_shared_memory_set(wasm_config_t *config, bool enable);` */
  wasmtime_config_shared_memory_set: { parameters: ["pointer", "bool"], result: "void" },
  /** `void wasmtime_config_wasm_gc_set(wasm_config_t *config, bool enable);` */
  wasmtime_config_wasm_gc_set: { parameters: ["pointer", "bool"], result: "void" },
  /** `void wasmtime_config_wasm_function_references_set(wasm_config_t *config, bool enable);` */
  wasmtime_config_wasm_function_references_set: { parameters: ["pointer", "bool"], result: "void" },
  /** `void wasmtime_config_wasm_exceptions_set(wasm_config_t *config, bool enable);` */
  wasmtime_config_wasm_exceptions_set: { parameters: ["pointer", "bool"], result: "void" },
  /** `void wasmtime_config_wasm_tail_call_set(wasm_config_t *config, bool enable);` */
  wasmtime_config_wasm_tail_call_set: { parameters: ["pointer", "bool"], result: "void" },
  /** `void wasmtime_config_wasm_multi_memory_set(wasm_config_t *config, bool enable);` */
  wasmtime_config_wasm_multi_memory_set: { parameters: ["pointer", "bool"], result: "void" },
  /** `void wasmtime_config_wasm_memory64_set(wasm_config_t *config, bool enable);` */
  wasmtime_config_wasm_memory64_set: { parameters: ["pointer", "bool"], result: "void" },
  /** `void wasmtime_config_wasm_relaxed_simd_deterministic_set(wasm_config_t *config, bool enable);` */
  wasmtime_config_wasm_relaxed_simd_deterministic_set: { parameters: ["pointer", "bool"], result: "void" },
  /** `void wasmtime_config_cranelift_nan_canonicalization_set(wasm_config_t *config, bool enable);` */
  wasmtime_config_cranelift_nan_canonicalization_set: { parameters: ["pointer", "bool"], result: "void" },
  /** `void wasmtime_config_cranelift_opt_level_set(wasm_config_t *config, wasmtime_opt_level_t level);` */
  wasmtime_config_cranelift_opt_level_set: { parameters: ["pointer", "u8"], result: "void" },
  /** `void wasmtime_config_memory_may_move_set(wasm_config_t *config, bool enable);` */
  wasmtime_config_memory_may_move_set: { parameters: ["pointer", "bool"], result: "void" },
  /** `wasmtime_pooling_allocation_config_t *wasmtime_pooling_allocation_config_new(void);` */
  wasmtime_pooling_allocation_config_new: { parameters: [], result: "pointer" },
  /** `void wasmtime_pooling_allocation_config_delete(own wasmtime_pooling_allocation_config_t *pooling);` */
  wasmtime_pooling_allocation_config_delete: { parameters: ["pointer"], result: "void" },
  /** `void wasmtime_pooling_allocation_config_linear_memory_keep_resident_set(… *pooling, size_t bytes);` */
  wasmtime_pooling_allocation_config_linear_memory_keep_resident_set: {
    parameters: ["pointer", "usize"],
    result: "void",
  },
  /** `void wasmtime_pooling_allocation_config_table_keep_resident_set(… *pooling, size_t bytes);` */
  wasmtime_pooling_allocation_config_table_keep_resident_set: {
    parameters: ["pointer", "usize"],
    result: "void",
  },
  /** `void wasmtime_pooling_allocation_config_total_core_instances_set(… *pooling, uint32_t count);` */
  wasmtime_pooling_allocation_config_total_core_instances_set: {
    parameters: ["pointer", "u32"],
    result: "void",
  },
  /** `void wasmtime_pooling_allocation_config_total_memories_set(… *pooling, uint32_t count);` */
  wasmtime_pooling_allocation_config_total_memories_set: { parameters: ["pointer", "u32"], result: "void" },
  /** `void wasmtime_pooling_allocation_config_total_tables_set(… *pooling, uint32_t count);` */
  wasmtime_pooling_allocation_config_total_tables_set: { parameters: ["pointer", "u32"], result: "void" },
  /** `void wasmtime_pooling_allocation_config_total_stacks_set(… *pooling, uint32_t count);` */
  wasmtime_pooling_allocation_config_total_stacks_set: { parameters: ["pointer", "u32"], result: "void" },
  /** `void wasmtime_pooling_allocation_config_total_gc_heaps_set(… *pooling, uint32_t count);` */
  wasmtime_pooling_allocation_config_total_gc_heaps_set: { parameters: ["pointer", "u32"], result: "void" },
  /** `void wasmtime_pooling_allocation_config_max_tables_per_module_set(… *pooling, uint32_t count);` */
  wasmtime_pooling_allocation_config_max_tables_per_module_set: {
    parameters: ["pointer", "u32"],
    result: "void",
  },
  /** `void wasmtime_pooling_allocation_config_max_core_instance_size_set(… *pooling, size_t bytes);` */
  wasmtime_pooling_allocation_config_max_core_instance_size_set: {
    parameters: ["pointer", "usize"],
    result: "void",
  },
  /** `void wasmtime_pooling_allocation_config_table_elements_set(… *pooling, size_t count);` */
  wasmtime_pooling_allocation_config_table_elements_set: { parameters: ["pointer", "usize"], result: "void" },
  /** `void wasmtime_pooling_allocation_config_max_memory_size_set(… *pooling, size_t bytes);` */
  wasmtime_pooling_allocation_config_max_memory_size_set: {
    parameters: ["pointer", "usize"],
    result: "void",
  },
  /** `void wasmtime_pooling_allocation_strategy_set(wasm_config_t *config, const … *pooling);` */
  wasmtime_pooling_allocation_strategy_set: { parameters: ["pointer", "pointer"], result: "void" },

  // --- Errors, traps, vectors ---
  /** `void wasm_byte_vec_delete(own wasm_byte_vec_t *vec);` */
  wasm_byte_vec_delete: { parameters: ["buffer"], result: "void" },
  /** `wasmtime_error_t *wasmtime_error_new(const char *message);` */
  wasmtime_error_new: { parameters: ["buffer"], result: "pointer" },
  /** `void wasmtime_error_delete(own wasmtime_error_t *error);` */
  wasmtime_error_delete: { parameters: ["pointer"], result: "void" },
  /** `void wasmtime_error_message(const wasmtime_error_t *error, own wasm_name_t *message);` */
  wasmtime_error_message: { parameters: ["pointer", "buffer"], result: "void" },
  /** `wasm_trap_t *wasmtime_trap_new(const char *message, size_t message_len);` */
  wasmtime_trap_new: { parameters: ["buffer", "usize"], result: "pointer" },
  /** `void wasm_trap_delete(own wasm_trap_t *trap);` */
  wasm_trap_delete: { parameters: ["pointer"], result: "void" },
  /** `void wasm_trap_message(const wasm_trap_t *trap, own wasm_message_t *message);` */
  wasm_trap_message: { parameters: ["pointer", "buffer"], result: "void" },
  /** `bool wasmtime_trap_code(const wasm_trap_t *trap, wasmtime_trap_code_t *code);` */
  wasmtime_trap_code: { parameters: ["pointer", "buffer"], result: "bool" },

  // --- Modules ---
  /** `wasmtime_error_t *wasmtime_wat2wasm(const char *wat, size_t wat_len, own wasm_byte_vec_t *wasm);` */
  wasmtime_wat2wasm: { parameters: ["buffer", "usize", "buffer"], result: "pointer" },
  /** `wasmtime_error_t *wasmtime_module_new(wasm_engine_t *engine, const uint8_t *wasm, size_t wasm_len, own wasmtime_module_t **module);` */
  wasmtime_module_new: { parameters: ["pointer", "buffer", "usize", "buffer"], result: "pointer" },
  /** `void wasmtime_module_delete(own wasmtime_module_t *module);` */
  wasmtime_module_delete: { parameters: ["pointer"], result: "void" },
  /** `wasmtime_error_t *wasmtime_module_serialize(const wasmtime_module_t *module, own wasm_byte_vec_t *bytes);` */
  wasmtime_module_serialize: { parameters: ["pointer", "buffer"], result: "pointer" },
  /** `wasmtime_error_t *wasmtime_module_deserialize(wasm_engine_t *engine, const uint8_t *bytes, size_t bytes_len, own wasmtime_module_t **module);` */
  wasmtime_module_deserialize: { parameters: ["pointer", "buffer", "usize", "buffer"], result: "pointer" },
  /** `void wasmtime_module_exports(const wasmtime_module_t *module, own wasm_exporttype_vec_t *exports);` */
  wasmtime_module_exports: { parameters: ["pointer", "buffer"], result: "void" },
  /** `void wasm_exporttype_vec_delete(own wasm_exporttype_vec_t *exports);` */
  wasm_exporttype_vec_delete: { parameters: ["buffer"], result: "void" },
  /** `const wasm_name_t *wasm_exporttype_name(const wasm_exporttype_t *type);` */
  wasm_exporttype_name: { parameters: ["pointer"], result: "pointer" },
  /** `const wasm_externtype_t *wasm_exporttype_type(const wasm_exporttype_t *type);` */
  wasm_exporttype_type: { parameters: ["pointer"], result: "pointer" },
  /** `const wasm_functype_t *wasm_externtype_as_functype_const(const wasm_externtype_t *type);` (NULL: no function) */
  wasm_externtype_as_functype_const: { parameters: ["pointer"], result: "pointer" },
  /** `const wasm_valtype_vec_t *wasm_functype_params(const wasm_functype_t *type);` */
  wasm_functype_params: { parameters: ["pointer"], result: "pointer" },
  /** `const wasm_valtype_vec_t *wasm_functype_results(const wasm_functype_t *type);` */
  wasm_functype_results: { parameters: ["pointer"], result: "pointer" },
  /** `void wasmtime_module_imports(const wasmtime_module_t *module, own wasm_importtype_vec_t *imports);` */
  wasmtime_module_imports: { parameters: ["pointer", "buffer"], result: "void" },
  /** `void wasm_importtype_vec_delete(own wasm_importtype_vec_t *imports);` */
  wasm_importtype_vec_delete: { parameters: ["buffer"], result: "void" },
  /** `const wasm_name_t *wasm_importtype_module(const wasm_importtype_t *type);` */
  wasm_importtype_module: { parameters: ["pointer"], result: "pointer" },
  /** `const wasm_name_t *wasm_importtype_name(const wasm_importtype_t *type);` */
  wasm_importtype_name: { parameters: ["pointer"], result: "pointer" },

  // --- Function types and the linker ---
  /** `own wasm_valtype_t *wasm_valtype_new(wasm_valkind_t kind);` */
  wasm_valtype_new: { parameters: ["u8"], result: "pointer" },
  /** `own wasm_functype_t *wasm_functype_new(own wasm_valtype_vec_t *params, own wasm_valtype_vec_t *results);` */
  wasm_functype_new: { parameters: ["buffer", "buffer"], result: "pointer" },
  /** `void wasm_valtype_vec_new(own wasm_valtype_vec_t *vec, size_t count, own wasm_valtype_t *const types[]);` */
  wasm_valtype_vec_new: { parameters: ["buffer", "usize", "buffer"], result: "void" },
  /** `void wasm_functype_delete(own wasm_functype_t *type);` */
  wasm_functype_delete: { parameters: ["pointer"], result: "void" },
  /** `wasmtime_linker_t *wasmtime_linker_new(wasm_engine_t *engine);` */
  wasmtime_linker_new: { parameters: ["pointer"], result: "pointer" },
  /** `void wasmtime_linker_delete(own wasmtime_linker_t *linker);` */
  wasmtime_linker_delete: { parameters: ["pointer"], result: "void" },
  /**
   * `wasmtime_error_t *wasmtime_linker_define_func_unchecked(wasmtime_linker_t *linker, const char *module, size_t module_len,
   * const char *name, size_t name_len, const wasm_functype_t *type, wasmtime_func_unchecked_callback_t callback, void *data,
   * void (*finalizer)(void *));`
   */
  wasmtime_linker_define_func_unchecked: {
    parameters: [
      "pointer",
      "buffer",
      "usize",
      "buffer",
      "usize",
      "pointer",
      "function",
      "pointer",
      "pointer",
    ],
    result: "pointer",
  },
  /**
   * `wasmtime_error_t *wasmtime_linker_instantiate_pre(const wasmtime_linker_t *linker, const wasmtime_module_t *module,
   * own wasmtime_instance_pre_t **instance_pre);`
   */
  wasmtime_linker_instantiate_pre: { parameters: ["pointer", "pointer", "buffer"], result: "pointer" },
  /** `void wasmtime_instance_pre_delete(own wasmtime_instance_pre_t *instance_pre);` */
  wasmtime_instance_pre_delete: { parameters: ["pointer"], result: "void" },

  // --- Stores and guests ---
  /** `own wasmtime_store_t *wasmtime_store_new(wasm_engine_t *engine, void *data, void (*finalizer)(void *));` */
  wasmtime_store_new: { parameters: ["pointer", "pointer", "pointer"], result: "pointer" },
  /** `void wasmtime_store_delete(own wasmtime_store_t *store);` */
  wasmtime_store_delete: { parameters: ["pointer"], result: "void" },
  /** `wasmtime_context_t *wasmtime_store_context(wasmtime_store_t *store);` */
  wasmtime_store_context: { parameters: ["pointer"], result: "pointer" },
  /**
   * `void wasmtime_store_limiter(wasmtime_store_t *store, int64_t memory_size, int64_t table_elements, int64_t instances,
   * int64_t tables, int64_t memories);`
   */
  wasmtime_store_limiter: { parameters: ["pointer", "i64", "i64", "i64", "i64", "i64"], result: "void" },
  /** `wasmtime_error_t *wasmtime_context_set_fuel(wasmtime_context_t *context, uint64_t fuel);` */
  wasmtime_context_set_fuel: { parameters: ["pointer", "u64"], result: "pointer" },
  /** `wasmtime_error_t *wasmtime_context_get_fuel(const wasmtime_context_t *context, uint64_t *fuel);` */
  wasmtime_context_get_fuel: { parameters: ["pointer", "buffer"], result: "pointer" },
  /** `void wasmtime_context_set_epoch_deadline(wasmtime_context_t *context, uint64_t ticks_beyond_current);` */
  wasmtime_context_set_epoch_deadline: { parameters: ["pointer", "u64"], result: "void" },
  /**
   * `void wasmtime_store_epoch_deadline_callback(wasmtime_store_t *store, wasmtime_error_t *(*callback)(const wasmtime_context_t *,
   * void *data, uint64_t *epoch_deadline_delta, wasmtime_update_deadline_kind_t *kind), void *data, void (*finalizer)(void *));`
   */
  wasmtime_store_epoch_deadline_callback: {
    parameters: ["pointer", "function", "pointer", "pointer"],
    result: "void",
  },
  /**
   * `wasmtime_error_t *wasmtime_instance_pre_instantiate(const wasmtime_instance_pre_t *instance_pre, wasmtime_context_t *context,
   * wasmtime_instance_t *instance, own wasm_trap_t **trap);`
   */
  wasmtime_instance_pre_instantiate: {
    parameters: ["pointer", "pointer", "buffer", "buffer"],
    result: "pointer",
  },
  /**
   * `bool wasmtime_instance_export_get(wasmtime_context_t *context, const wasmtime_instance_t *instance, const char *name,
   * size_t name_len, own wasmtime_extern_t *item);`
   */
  wasmtime_instance_export_get: {
    parameters: ["pointer", "buffer", "buffer", "usize", "buffer"],
    result: "bool",
  },
  /**
   * `wasmtime_error_t *wasmtime_func_call_unchecked(wasmtime_context_t *context, const wasmtime_func_t *func,
   * wasmtime_val_raw_t *args_and_results, size_t args_and_results_len, own wasm_trap_t **trap);`
   */
  wasmtime_func_call_unchecked: {
    parameters: ["pointer", "buffer", "buffer", "usize", "buffer"],
    result: "pointer",
  },
  /** `bool wasmtime_caller_export_get(wasmtime_caller_t *caller, const char *name, size_t name_len, own wasmtime_extern_t *item);` */
  wasmtime_caller_export_get: { parameters: ["pointer", "buffer", "usize", "buffer"], result: "bool" },
  /** `uint8_t *wasmtime_memory_data(wasmtime_context_t *context, const wasmtime_memory_t *memory);` */
  wasmtime_memory_data: { parameters: ["pointer", "buffer"], result: "pointer" },
  /** `size_t wasmtime_memory_data_size(const wasmtime_context_t *context, const wasmtime_memory_t *memory);` */
  wasmtime_memory_data_size: { parameters: ["pointer", "buffer"], result: "u32" },
} as const;

export type Library = Deno.DynamicLibrary<typeof SYMBOLS>;
export type Native = Library["symbols"];
