/**
 * A complete read-write tree in memory: the reference server.
 *
 * @module
 */
export { mem, type MemOptions } from "./mem.ts";
