import { collectGarbage } from "./garbage.ts";
import type { Native } from "./symbols.ts";

/** The guest's memory as it is now. Both views die when the guest goes on. */
export interface MemoryView {
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly view: DataView<ArrayBuffer>;
}

const NO_MEMORY: MemoryView = { bytes: new Uint8Array(0), view: new DataView(new ArrayBuffer(0)) };
const NAME = new TextEncoder().encode("memory");
/** Slots of the pool that this Worker has seen, with the size of the last look. */
const VIEWS_MAX = 32;

/**
 * Finds the memory of the guest that runs, and looks at it anew each time the guest was entered: it may have grown.
 * A view is made for a base and a size, and to make one takes microseconds; so it is kept for the next guest in the same
 * slot of the pool. It is handed out only while a guest has memory of that size there.
 */
export class GuestMemory {
  readonly #native: Native;
  /** sizeof(wasmtime_extern_t); a wasmtime_memory_t begins at 8. */
  readonly #extern = new Uint8Array(32);
  readonly #memory = this.#extern.subarray(8, 32);
  readonly #kept = new Map<number, { size: number; memory: MemoryView }>();
  #context: Deno.PointerValue = null;
  #isFound = false;
  #base: Deno.PointerValue = null;
  #size = -1;
  #now = NO_MEMORY;

  constructor(native: Native) {
    this.#native = native;
  }

  /** A new store: whatever was known is not so any more. */
  begin(context: Deno.PointerValue): void {
    this.#context = context;
    this.end();
  }

  /** The store is about to go, and its memory with it. */
  end(): void {
    this.#isFound = false;
    this.#base = null;
    this.#size = -1;
    this.#now = NO_MEMORY;
  }

  /** Asked at the start of each host call, by the caller: within a start function there is no instance to ask yet. */
  look(caller: Deno.PointerValue): MemoryView {
    if (!this.#isFound) {
      // Kind 3 is a memory. A guest without one has none in its later calls either.
      const has = this.#native.wasmtime_caller_export_get(caller, NAME, 6n, this.#extern);
      if (!has || this.#extern[0] !== 3) return NO_MEMORY;
      this.#isFound = true;
    }
    return this.#look();
  }

  /** The memory's size, bytes, at the end of a run. */
  sizeOf(extern: Uint8Array<ArrayBuffer>): number {
    return this.#native.wasmtime_memory_data_size(this.#context, extern.subarray(8, 32));
  }

  #look(): MemoryView {
    const size = this.#native.wasmtime_memory_data_size(this.#context, this.#memory);
    // memory_may_move is off: as long as it has the same size, it is where it was.
    if (size === this.#size) return this.#now;
    this.#size = size;
    collectGarbage?.();
    this.#base = this.#native.wasmtime_memory_data(this.#context, this.#memory);
    this.#now = this.#base === null || size === 0 ? NO_MEMORY : this.#viewOf(this.#base, size);
    return this.#now;
  }

  #viewOf(base: NonNullable<Deno.PointerValue>, size: number): MemoryView {
    const key = Number(Deno.UnsafePointer.value(base));
    const kept = this.#kept.get(key);
    if (kept?.size === size) return kept.memory;
    const buffer = Deno.UnsafePointerView.getArrayBuffer(base, size);
    const memory = { bytes: new Uint8Array(buffer), view: new DataView(buffer) };
    if (this.#kept.size >= VIEWS_MAX) this.#kept.clear();
    this.#kept.set(key, { size, memory });
    return memory;
  }
}
