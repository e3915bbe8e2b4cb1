import { WASI_FUNCTIONS, type WasiFunction, type WasiProcess } from "../wasi/mod.ts";
import { GuestMemory } from "./guest_memory.ts";
import { Owned, type Pointer } from "./owned.ts";
import type { Native } from "./symbols.ts";
import { takeErrorText, VEC_BYTES } from "./vector.ts";

const MODULE = new TextEncoder().encode("wasi_snapshot_preview1");
/** sizeof(wasmtime_val_raw_t) */
const VALUE_BYTES = 16;
/** No function of preview 1 has more parameters. */
const PARAMS_MAX = 9;
/** Guests call from stacks of different depth: so many addresses of arguments are remembered. */
const FRAMES_MAX = 64;
const CALLBACK = { parameters: ["pointer", "pointer", "u64"], result: "pointer" } as const;
type Callback = Deno.UnsafeCallback<typeof CALLBACK>;
const KINDS = { i32: 0, i64: 1 } as const;
const LEAVE = new TextEncoder().encode("the host ended the run");

/**
 * The functions that guests of this Worker import. They are made once, and work for the process of the run that is
 * under way. Nothing that one of them throws passes through native code: it is kept in `stopped` and the guest traps.
 */
export class Host {
  readonly memory: GuestMemory;
  /** What ended the run from within a host call. */
  stopped: unknown;
  readonly #native: Native;
  readonly #callbacks: Callback[] = [];
  #process: WasiProcess | undefined;
  /** Views of native stack memory, valid while a call from that frame is under way. */
  readonly #frames = new Map<bigint, DataView<ArrayBuffer>>();
  #frameAt = 0n;
  #frame = new DataView(new ArrayBuffer(0));

  constructor(native: Native) {
    this.#native = native;
    this.memory = new GuestMemory(native);
    for (const wasi of WASI_FUNCTIONS) this.#callbacks.push(this.#callbackOf(wasi));
  }

  begin(process: WasiProcess, context: Pointer): void {
    this.#process = process;
    this.stopped = undefined;
    this.memory.begin(context);
  }

  end(): void {
    this.#process = undefined;
    this.memory.end();
  }

  /** A linker that knows these functions, for modules of that engine. */
  newLinker(engine: Pointer): Owned {
    const native = this.#native;
    const linker = new Owned(
      "linker",
      native.wasmtime_linker_new(engine),
      (l) => native.wasmtime_linker_delete(l),
    );
    WASI_FUNCTIONS.forEach((wasi, i) => {
      using type = newFunctionType(native, wasi);
      const name = new TextEncoder().encode(wasi.name);
      const error = native.wasmtime_linker_define_func_unchecked(
        linker.ptr(),
        MODULE,
        BigInt(MODULE.length),
        name,
        BigInt(name.length),
        type.ptr(),
        this.#callbacks[i].pointer,
        null,
        null,
      );
      if (error !== null) throw new Error(takeErrorText(native, error));
    });
    return linker;
  }

  close(): void {
    for (const callback of this.#callbacks.splice(0)) callback.close();
  }

  #callbackOf({ params, results, call }: WasiFunction): Callback {
    if (params.length > PARAMS_MAX) throw new Error(`A host function of ${params.length} parameters`);
    const count = params.length;
    const isLong = params.map((type) => type === "i64");
    const hasResult = results.length > 0;
    const value = (frame: DataView, i: number) =>
      i >= count
        ? undefined
        : isLong[i]
        ? frame.getBigUint64(i * VALUE_BYTES, true)
        : frame.getUint32(i * VALUE_BYTES, true);
    return new Deno.UnsafeCallback(CALLBACK, (_data, caller, at) => {
      try {
        const f = at === this.#frameAt ? this.#frame : this.#frameOf(at);
        const memory = this.memory.look(caller);
        const errno = call(
          this.#process!,
          memory,
          value(f, 0),
          value(f, 1),
          value(f, 2),
          value(f, 3),
          value(f, 4),
          value(f, 5),
          value(f, 6),
          value(f, 7),
          value(f, 8),
        );
        if (hasResult) f.setInt32(0, errno, true);
        return null;
      } catch (thrown) {
        return this.#trap(thrown);
      }
    });
  }

  #frameOf(at: bigint): DataView<ArrayBuffer> {
    let frame = this.#frames.get(at);
    if (frame === undefined) {
      const buffer = Deno.UnsafePointerView.getArrayBuffer(
        Deno.UnsafePointer.create(at)!,
        PARAMS_MAX * VALUE_BYTES,
      );
      frame = new DataView(buffer);
      if (this.#frames.size >= FRAMES_MAX) this.#frames.clear();
      this.#frames.set(at, frame);
    }
    this.#frameAt = at;
    this.#frame = frame;
    return frame;
  }

  /** The trap passes to wasmtime. */
  #trap(thrown: unknown): Deno.PointerValue {
    this.stopped = thrown ?? new Error("A host function threw nothing");
    return this.#native.wasmtime_trap_new(LEAVE, BigInt(LEAVE.length));
  }
}

/** The new type takes the vectors, and they take the types of values. */
function newFunctionType(native: Native, { params, results }: WasiFunction): Owned {
  const vec = (types: readonly ("i32" | "i64")[]) => {
    const bytes = new Uint8Array(VEC_BYTES);
    const made = types.map((type) => BigInt(Deno.UnsafePointer.value(native.wasm_valtype_new(KINDS[type]))));
    const list = new Uint8Array(new BigUint64Array(made).buffer);
    native.wasm_valtype_vec_new(bytes, BigInt(types.length), list);
    return bytes;
  };
  const type = native.wasm_functype_new(vec(params), vec(results));
  return new Owned("function type", type, (t) => native.wasm_functype_delete(t));
}
