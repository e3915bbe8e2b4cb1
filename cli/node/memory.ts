import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";

const { symbols: libc } = Deno.dlopen("libc.so.6", {
  mallopt: { parameters: ["i32", "i32"], result: "i32" },
  malloc_trim: { parameters: ["usize"], result: "i32" },
});

/** mallopt(3) */
const M_MMAP_THRESHOLD = -3;
/** Large requests and replies get pages of their own from this size on, bytes. */
const OWN_PAGES_BYTES = 1024 * 1024;

/**
 * Makes libc give the memory of large buffers back to the system when they are freed. On its own it learns to keep
 * them: after a thousand clients with 8 MiB each, an idle node would go on holding hundreds of megabytes.
 */
export function returnLargeBuffers(): void {
  libc.mallopt(M_MMAP_THRESHOLD, OWN_PAGES_BYTES);
}

/** In a larger heap nobody asks for garbage to be looked for: it would take more than some 50 ms, and V8 does so by itself. */
const HEAP_BYTES_MAX = 32 * 1024 * 1024;
/** What has just ended is not gone at once. */
const ENDED_MS = 1000;

/** Gives back to the system what a Worker that has just ended, and what was asked of it, left in memory. */
export function returnMemory(): void {
  setTimeout(() => {
    if (Deno.memoryUsage().heapUsed > HEAP_BYTES_MAX) return;
    setFlagsFromString("--expose-gc");
    runInNewContext("gc")();
    libc.malloc_trim(0n);
  }, ENDED_MS);
}
