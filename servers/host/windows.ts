import { Errno, type Lent, NineError } from "../../9p/mod.ts";
import type { Handle } from "./handle.ts";
import { MAP_SHARED, PROT_READ } from "./libc/constants.ts";
import { c, errno } from "./libc/libc.ts";

/**
 * statfs(2) f_type of a tree in memory: there the look at a hole through a mapping, unlike a read, makes the page that is
 * missing, and whoever may read a file could fill the memory.
 */
const TMPFS_MAGIC = 0x01021994;
/** What is mapped at once, and what a read may reach beyond it, bytes: whole pages. */
const WINDOW_BYTES = 4 * 1024 * 1024;
const BEYOND_BYTES = 256 * 1024;
/** Of all files of a server together: 128 MiB of addresses, the memory behind which is the system's cache of files. */
const WINDOWS_MAX = 32;
/** Mapping a short file costs more than it saves. */
const FILE_BYTES_MIN = 1024 * 1024;
/** So does mapping for who reads once or twice. */
const LENDS_MIN = 4;
/** A mapping is given back when nobody has used it for so long, ms. */
const IDLE_MS = 4000;

/** A part of an open file in memory. */
export interface Window {
  readonly pointer: Deno.PointerObject;
  readonly address: number;
  readonly handle: Handle;
  readonly number: number;
  usedMs: number;
}

/** `struct stat`: `off_t st_size` at byte 48. */
const stat = new Uint32Array(new ArrayBuffer(144));
const statBytes = new Uint8Array(stat.buffer);
const SIZE_WORD = 48 / 4;

/**
 * Parts of files that are read again and again, mapped into memory, so that the kernel sends them without a copy into
 * the node's own. Only the kernel ever looks at these addresses: where another program has cut the file it finds nothing
 * there and says so, while the node itself would die of SIGBUS.
 */
export class Windows {
  /** In the order of use. */
  readonly #all = new Set<Window>();
  #sweep: ReturnType<typeof setInterval> | undefined;

  lend(handle: Handle, offset: number, length: number): Lent | undefined {
    if (handle.kind !== "regular" || handle.fd < 0 || ++handle.lends < LENDS_MIN) return undefined;
    if (c.fstat(handle.fd, statBytes) < 0) return undefined;
    const size = stat[SIZE_WORD] + stat[SIZE_WORD + 1] * 2 ** 32;
    const bytes = Math.min(length, size - offset);
    if (bytes <= 0 || size < FILE_BYTES_MIN) return undefined;
    const number = Math.floor(offset / WINDOW_BYTES);
    const at = offset - number * WINDOW_BYTES;
    if (at + bytes > WINDOW_BYTES + BEYOND_BYTES) return undefined;
    const window = handle.windows?.get(number) ?? this.#map(handle, number);
    if (!window) return undefined;
    this.#all.delete(window);
    this.#all.add(window);
    window.usedMs = Date.now();
    const { fd } = handle;
    return {
      spans: [window.address + at, bytes],
      bytes,
      copy: (from, into) => copy(fd, offset + from, into as Uint8Array<ArrayBuffer>),
    };
  }

  /** The file of that handle is about to be closed. */
  close(handle: Handle): void {
    if (!handle.windows) return;
    for (const window of handle.windows.values()) this.#unmap(window);
  }

  #map(handle: Handle, number: number): Window | undefined {
    if (isInMemory(handle.fd)) {
      handle.lends = -Infinity;
      return undefined;
    }
    const length = WINDOW_BYTES + BEYOND_BYTES;
    const pointer = c.mmap(0, length, PROT_READ, MAP_SHARED, handle.fd, number * WINDOW_BYTES);
    const address = Number(Deno.UnsafePointer.value(pointer));
    // MAP_FAILED is -1. Some files cannot be mapped: nobody asks again.
    if (pointer === null || address > Number.MAX_SAFE_INTEGER) {
      handle.lends = -Infinity;
      return undefined;
    }
    const window: Window = { pointer, address, handle, number, usedMs: 0 };
    (handle.windows ??= new Map()).set(number, window);
    this.#all.add(window);
    if (this.#all.size > WINDOWS_MAX) {
      for (const oldest of this.#all) {
        this.#unmap(oldest);
        break;
      }
    }
    this.#sweep ??= this.#startSweep();
    return window;
  }

  /** Soon, as what was lent of it a moment ago is yet to be sent in this turn. */
  #unmap(window: Window): void {
    this.#all.delete(window);
    window.handle.windows!.delete(window.number);
    queueMicrotask(() => c.munmap(window.pointer, WINDOW_BYTES + BEYOND_BYTES));
    if (this.#all.size === 0) {
      clearInterval(this.#sweep);
      this.#sweep = undefined;
    }
  }

  #startSweep(): ReturnType<typeof setInterval> {
    const timer = setInterval(() => {
      const before = Date.now() - IDLE_MS;
      for (const window of [...this.#all]) if (window.usedMs < before) this.#unmap(window);
    }, IDLE_MS);
    if (typeof timer === "number") Deno.unrefTimer(timer);
    return timer;
  }
}

/** `struct statfs`: `long f_type` first. */
const statfs = new Uint32Array(new ArrayBuffer(120));
const statfsBytes = new Uint8Array(statfs.buffer);

function isInMemory(fd: number): boolean {
  return c.fstatfs(fd, statfsBytes) < 0 || statfs[0] === TMPFS_MAGIC;
}

/** By a read of our own. What another program has just cut off is zeros, as if it had been cut and lengthened again. */
function copy(fd: number, offset: number, into: Uint8Array<ArrayBuffer>): void {
  for (let done = 0; done < into.byteLength;) {
    const part = into.subarray(done);
    const count = c.pread(fd, part, part.byteLength, offset + done);
    if (count > 0) done += count;
    else if (count === 0) return void part.fill(0);
    else if (errno() !== Errno.EINTR) {
      throw new NineError("EIO", `Read ${part.byteLength} bytes at ${offset + done}: error ${errno()}`);
    }
  }
}
