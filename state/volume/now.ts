import type { Timestamp } from "../../9p/mod.ts";

/** The time that operations are done at. */
export function now(): Timestamp {
  const ms = Date.now();
  const sec = Math.floor(ms / 1000);
  return { sec, nsec: (ms - sec * 1000) * 1_000_000 };
}
