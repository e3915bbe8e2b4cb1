/**
 * Which modules are installed, what they were granted, and how they have been doing.
 *
 * @module
 */
export { Grants } from "./grants.ts";
export { Health, type Outcome, type Stats } from "./health.ts";
export { Library, MODULE_BYTES_MAX, type Stamp } from "./library.ts";
export type { Module } from "./module.ts";
