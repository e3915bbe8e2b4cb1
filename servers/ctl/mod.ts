/**
 * Control and status files, for any server that offers them.
 *
 * @module
 */
export { ctl, type CtlFile, type CtlOptions, type CtlTree, type Stream } from "./ctl.ts";
export { quoteWord, splitWords } from "./words.ts";
