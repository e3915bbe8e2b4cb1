/**
 * What happened: every change as it is made, and the reasons behind one's own errors.
 *
 * @module
 */
export { type ErrorLine, type EventLine, type Log, log, type LogOptions } from "./log.ts";
