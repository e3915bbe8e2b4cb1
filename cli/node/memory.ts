/** mallopt(3) */
const M_MMAP_THRESHOLD = -3;
/** Large requests and replies get pages of their own from this size on, bytes. */
const OWN_PAGES_BYTES = 1024 * 1024;

/**
 * Makes libc give the memory of large buffers back to the system when they are freed. On its own it learns to keep
 * them: after a thousand clients with 8 MiB each, an idle node would go on holding hundreds of megabytes.
 */
export function returnLargeBuffers(): void {
  const { symbols } = Deno.dlopen("libc.so.6", {
    mallopt: { parameters: ["i32", "i32"], result: "i32" },
  });
  symbols.mallopt(M_MMAP_THRESHOLD, OWN_PAGES_BYTES);
}
