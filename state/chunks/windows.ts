import type { DiskMapping } from "../disk/mod.ts";
import type { Packs } from "./packs.ts";

/** What is mapped at once, and what a chunk may reach beyond it, bytes. */
const WINDOW_BYTES = 4 << 20;
const BEYOND_BYTES = 256 << 10;
/** Of a volume together: 128 MiB of addresses, the memory behind which is the system's cache of files. */
const WINDOWS_MAX = 32;
/** A mapping is given back when nobody has used it for so long, ms. */
const IDLE_MS = 4000;

interface Window {
  readonly pack: number;
  readonly mapping: DiskMapping;
  usedMs: number;
}

/** Parts of packs in memory, for replies that the kernel takes from there. Bytes of a pack never change. */
export class PackWindows {
  readonly #packs: Packs;
  /** By pack and number, the one used last is last. */
  readonly #windows = new Map<string, Window>();
  #sweep: ReturnType<typeof setInterval> | undefined;

  constructor(packs: Packs) {
    this.#packs = packs;
  }

  /** Where bytes of a pack are until the turn of the event loop ends; undefined where they cannot be mapped. */
  address(pack: number, offset: number, length: number): number | undefined {
    const number = Math.floor(offset / WINDOW_BYTES);
    const at = offset - number * WINDOW_BYTES;
    if (at + length > WINDOW_BYTES + BEYOND_BYTES) return undefined;
    const key = `${pack}/${number}`;
    let window = this.#windows.get(key);
    if (window === undefined) {
      const mapping = this.#packs.map(pack, number * WINDOW_BYTES, WINDOW_BYTES + BEYOND_BYTES);
      if (mapping === undefined) return undefined;
      window = { pack, mapping, usedMs: 0 };
    } else this.#windows.delete(key);
    this.#windows.set(key, window);
    window.usedMs = Date.now();
    if (this.#windows.size > WINDOWS_MAX) this.#unmap(this.#windows.keys().next().value!);
    this.#sweep ??= this.#startSweep();
    return window.mapping.address + at;
  }

  forget(pack: number): void {
    for (const [key, window] of this.#windows) if (window.pack === pack) this.#unmap(key);
  }

  close(): void {
    for (const key of [...this.#windows.keys()]) this.#unmap(key);
  }

  /** Soon, as what was lent of it a moment ago is yet to be sent in this turn. */
  #unmap(key: string): void {
    const { mapping } = this.#windows.get(key)!;
    this.#windows.delete(key);
    queueMicrotask(() => mapping.unmap());
    if (this.#windows.size > 0) return;
    clearInterval(this.#sweep);
    this.#sweep = undefined;
  }

  #startSweep(): ReturnType<typeof setInterval> {
    const timer = setInterval(() => {
      const before = Date.now() - IDLE_MS;
      for (const [key, { usedMs }] of [...this.#windows]) if (usedMs < before) this.#unmap(key);
    }, IDLE_MS);
    if (typeof timer === "number") Deno.unrefTimer(timer);
    return timer;
  }
}
