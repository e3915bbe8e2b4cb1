import { NineError, reasonOf } from "../../9p/mod.ts";
import { enter, type Left } from "./enter.ts";
import { WASMTIME_HOW, WASMTIME_VERSION } from "./library.ts";
import { compileModule, moduleOf, refuse, serializeModule } from "./module.ts";
import { Owned } from "./owned.ts";
import { newEngine, type Settings } from "./settings.ts";
import type { Native } from "./symbols.ts";
import { wasmOf } from "./wat.ts";

const TARGET = "x86_64-unknown-linux-gnu";

/** Adds, stores, traps, loops for ever, grows; and its NaN has one form. */
const MODULE = `(module
  (memory (export "memory") 1 4)
  (func (export "add") (param i32 i64) (result i64)
    (i64.store (i32.const 8) (i64.const 0x0102030405060708))
    (i64.add (i64.extend_i32_u (local.get 0)) (local.get 1)))
  (func (export "nan") (result i64)
    (i64.reinterpret_f64 (f64.sub (f64.const inf) (f64.const inf))))
  (func (export "grow") (param i32) (result i32) (memory.grow (local.get 0)))
  (func (export "fail") unreachable)
  (func (export "spin") (loop (br 0)))
  (func $deep (export "deep") (call $deep)))`;

/**
 * Asks the library whether it is what this folder was written for: a module is compiled, kept and loaded again, run,
 * trapped, stopped, and what it gives is compared, in memory too. A wrong layout shows here, where nothing depends on it.
 */
export function selfTest(native: Native): void {
  for (const metered of [false, true]) {
    try {
      testWith(native, { metered });
    } catch (error) {
      throw new NineError(
        "ENOSYS",
        `Wasmtime does not do what it must, so translators are off: ${reasonOf(error)} (${
          metered ? "with" : "without"
        } fuel); ${WASMTIME_HOW}`,
      );
    }
  }
}

function testWith(native: Native, settings: Settings): void {
  using engine = newEngine(native, settings, 1);
  using compiled = compileModule(native, engine, wasmOf(native, MODULE));
  const code = serializeModule(native, compiled);
  // Which version it is, the library says only here: both words with their length before them.
  const major = WASMTIME_VERSION.split(".")[0];
  const mark = String.fromCharCode(major.length) + major + String.fromCharCode(TARGET.length) + TARGET;
  expect(new TextDecoder("latin1").decode(code).includes(mark), `it is no wasmtime ${major} for ${TARGET}`);
  const slot = new BigUint64Array(1);
  const out = new Uint8Array(slot.buffer);
  refuse(native, native.wasmtime_module_deserialize(engine.ptr(), code, BigInt(code.length), out));
  using module = moduleOf(native, Deno.UnsafePointer.create(slot[0]));
  using linker = new Owned(
    "linker",
    native.wasmtime_linker_new(engine.ptr()),
    (l) => native.wasmtime_linker_delete(l),
  );
  refuse(native, native.wasmtime_linker_instantiate_pre(linker.ptr(), module.ptr(), out));
  using linked = new Owned(
    "linked module",
    Deno.UnsafePointer.create(slot[0]),
    (p) => native.wasmtime_instance_pre_delete(p),
  );
  using store = new Owned(
    "store",
    native.wasmtime_store_new(engine.ptr(), null, null),
    (s) => native.wasmtime_store_delete(s),
  );
  new Guest(native, engine, store, linked, settings).test();
}

class Guest {
  readonly #native: Native;
  readonly #engine: Owned;
  readonly #context: NonNullable<Deno.PointerValue>;
  readonly #instance = new Uint8Array(16);
  readonly #extern = new Uint8Array(32);
  readonly #values = new Uint8Array(2 * 16);
  readonly #view = new DataView(this.#values.buffer);
  readonly #settings: Settings;

  constructor(native: Native, engine: Owned, store: Owned, linked: Owned, settings: Settings) {
    this.#native = native;
    this.#engine = engine;
    this.#settings = settings;
    const context = native.wasmtime_store_context(store.ptr());
    if (context === null) throw new Error("a store has no context");
    this.#context = context;
    native.wasmtime_store_limiter(store.ptr(), 2n * 65536n, 100n, 1n, 1n, 1n);
    if (settings.metered) refuse(native, native.wasmtime_context_set_fuel(context, 100_000n));
    native.wasmtime_context_set_epoch_deadline(context, 1n);
    const left = enter(
      native,
      (trap) => native.wasmtime_instance_pre_instantiate(linked.ptr(), context, this.#instance, trap),
    );
    expect(left === undefined, `a module did not start: ${left?.message}`);
  }

  test(): void {
    this.#view.setUint32(0, 7, true);
    this.#view.setBigInt64(16, -49n, true);
    expect(this.#call("add") === undefined && this.#view.getBigInt64(0, true) === -42n, "7 - 49 is not -42");
    this.#testMemory();
    expect(this.#call("nan") === undefined, "inf - inf trapped");
    expect(this.#view.getBigUint64(0, true) === 0x7ff8000000000000n, "NaN is not canonical");
    this.#expectCode(this.#call("fail"), "unreachable code reached");
    this.#expectCode(this.#call("deep"), "stack overflow");
    if (this.#settings.metered) {
      this.#expectCode(this.#call("spin"), "out of fuel");
      return;
    }
    this.#native.wasmtime_engine_increment_epoch(this.#engine.ptr());
    this.#expectCode(this.#call("spin"), "interrupt");
  }

  #testMemory(): void {
    const native = this.#native;
    expect(this.#find("memory") === 3, "an exported memory is not found");
    const memory = this.#extern.slice(8, 32);
    expect(
      native.wasmtime_memory_data_size(this.#context, memory) === 65536,
      "a memory of a page has not 65536 bytes",
    );
    const base = native.wasmtime_memory_data(this.#context, memory)!;
    expect(
      new Deno.UnsafePointerView(base).getBigUint64(8) === 0x0102030405060708n,
      "what a guest stored is not in its memory",
    );
    for (const [pages, was] of [[1, 1], [1, -1]]) {
      this.#view.setUint32(0, pages, true);
      expect(
        this.#call("grow") === undefined && this.#view.getInt32(0, true) === was,
        "the limit of memory is not kept",
      );
    }
    const isMoved = !Deno.UnsafePointer.equals(native.wasmtime_memory_data(this.#context, memory), base);
    expect(!isMoved, "a memory moves when it grows");
  }

  #find(name: string): number {
    const bytes = new TextEncoder().encode(name);
    const has = this.#native.wasmtime_instance_export_get(
      this.#context,
      this.#instance,
      bytes,
      BigInt(bytes.length),
      this.#extern,
    );
    return has ? this.#extern[0] : -1;
  }

  #call(name: string): Left | undefined {
    expect(this.#find(name) === 0, `the exported function ${name} is not found`);
    const func = this.#extern.slice(8, 24);
    return enter(
      this.#native,
      (trap) => this.#native.wasmtime_func_call_unchecked(this.#context, func, this.#values, 2n, trap),
    );
  }

  #expectCode(left: Left | undefined, code: string): void {
    expect(
      left?.code === code,
      `expected "${code}" and got ${left === undefined ? "no trap" : `"${left.code ?? left.message}"`}`,
    );
  }
}

function expect(isSo: boolean, otherwise: string): void {
  if (!isSo) throw new Error(otherwise);
}
