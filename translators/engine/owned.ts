import { collectGarbage } from "./garbage.ts";

export type Pointer = NonNullable<Deno.PointerValue>;

/**
 * A thing in native memory and whose it is. `close` twice is harmless, `ptr` after `close` throws, `consume` gives the
 * thing away to whoever deletes it from then on.
 */
export class Owned implements Disposable {
  readonly #what: string;
  readonly #free: (pointer: Pointer) => void;
  #pointer: Deno.PointerValue;

  constructor(what: string, pointer: Deno.PointerValue, free: (pointer: Pointer) => void) {
    if (pointer === null) throw new Error(`Wasmtime made no ${what}`);
    this.#what = what;
    this.#free = free;
    this.#pointer = pointer;
  }

  /** The pointer, for a call that takes no ownership. Do not keep it. */
  ptr(): Pointer {
    collectGarbage?.();
    if (this.#pointer === null) {
      throw new Error(`The ${this.#what} is used after it was closed or given away`);
    }
    return this.#pointer;
  }

  /** The pointer, for a call that takes ownership. */
  consume(): Pointer {
    const pointer = this.ptr();
    this.#pointer = null;
    return pointer;
  }

  close(): void {
    const pointer = this.#pointer;
    this.#pointer = null;
    if (pointer !== null) this.#free(pointer);
  }

  [Symbol.dispose](): void {
    this.close();
  }
}
