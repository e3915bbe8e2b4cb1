/**
 * The operation log of a volume: what was answered is in it, whatever happens to the process.
 *
 * @module
 */
export type { LogDamage } from "./damage.ts";
export { Log, type LogOptions, type LogPlace } from "./log.ts";
export { LogReader, type LogRecord, type RecordsOptions } from "./reader.ts";
export { PAYLOAD_MAX } from "./record.ts";
export type { TornTail } from "./recovery.ts";
