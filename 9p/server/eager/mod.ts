/**
 * Looks for the next request of a lone busy TCP client for a moment before sleeping.
 *
 * @module
 */
export { Attention } from "./attention.ts";
