/**
 * Results of runs, by key: bounded, kept across restarts.
 *
 * @module
 */
export { type CacheOptions, ResultCache } from "./cache.ts";
export { Result } from "./result.ts";
export { sealOf } from "./result_file.ts";
export type { Spool } from "./spool.ts";
export type { About } from "./trailer.ts";
