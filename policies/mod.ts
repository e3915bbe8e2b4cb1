/**
 * Who may do what: one pure function.
 *
 * @module
 */
export { type Action, type Decision, may, type Subject } from "./may.ts";
