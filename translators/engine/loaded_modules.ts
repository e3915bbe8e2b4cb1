import { readCompiled } from "./compiled_file.ts";
import type { ModuleTicket } from "./messages.ts";
import { moduleOf } from "./module.ts";
import { Owned, type Pointer } from "./owned.ts";
import type { Native } from "./symbols.ts";
import { takeErrorText } from "./vector.ts";

/** Modules that a Worker has linked. */
const LINKED_MAX = 64;

/** The compiled file is not what this program wrote, or not for this processor: it must be made again. */
export class StaleModule extends Error {}
/** The module asks for something that is not there. */
export class LinkError extends Error {}

/** What a Worker needs of a module to start it: linked to the Worker's own functions, once. */
export class LoadedModules {
  readonly #native: Native;
  readonly #linked = new Map<string, Owned>();
  readonly #engines: readonly [Pointer, Pointer];
  readonly #linkers: readonly [Owned, Owned];

  constructor(native: Native, engines: readonly [Pointer, Pointer], linkers: readonly [Owned, Owned]) {
    this.#native = native;
    this.#engines = engines;
    this.#linkers = linkers;
  }

  /** Ready to be instantiated; `loaded` is a module that nobody had before, for others to use. */
  link(ticket: ModuleTicket): { linked: Owned; loaded?: bigint } {
    const known = this.#linked.get(ticket.key);
    if (known !== undefined) {
      // The last one used is the last one dropped.
      if (this.#linked.size > LINKED_MAX / 2) {
        this.#linked.delete(ticket.key);
        this.#linked.set(ticket.key, known);
      }
      return { linked: known };
    }
    if (ticket.address !== undefined) {
      return { linked: this.#link(ticket, Deno.UnsafePointer.create(ticket.address)!) };
    }
    using module = this.#load(ticket);
    const linked = this.#link(ticket, module.ptr());
    return { linked, loaded: BigInt(Deno.UnsafePointer.value(module.consume())) };
  }

  drop(key: string): void {
    this.#linked.get(key)?.close();
    this.#linked.delete(key);
  }

  close(): void {
    for (const key of [...this.#linked.keys()]) this.drop(key);
    for (const linker of this.#linkers) linker.close();
  }

  #link(ticket: ModuleTicket, module: Pointer): Owned {
    const native = this.#native;
    const linker = this.#linkers[Number(ticket.metered)].ptr();
    const slot = new BigUint64Array(1);
    const error = native.wasmtime_linker_instantiate_pre(linker, module, new Uint8Array(slot.buffer));
    if (error !== null) throw new LinkError(takeErrorText(native, error).split("\n")[0]);
    const linked = new Owned(
      "linked module",
      Deno.UnsafePointer.create(slot[0]),
      (pre) => native.wasmtime_instance_pre_delete(pre),
    );
    for (const oldest of this.#linked.keys()) {
      if (this.#linked.size < LINKED_MAX) break;
      this.drop(oldest);
    }
    this.#linked.set(ticket.key, linked);
    return linked;
  }

  #load({ file, metered }: ModuleTicket): Owned {
    const code = readCompiled(file);
    if (code === undefined) throw new StaleModule(`${file} is not as this program wrote it`);
    const slot = new BigUint64Array(1);
    const engine = this.#engines[Number(metered)];
    const out = new Uint8Array(slot.buffer);
    const error = this.#native.wasmtime_module_deserialize(engine, code, BigInt(code.length), out);
    if (error !== null) throw new StaleModule(takeErrorText(this.#native, error).split("\n")[0]);
    return moduleOf(this.#native, Deno.UnsafePointer.create(slot[0]));
  }
}
